"""Exact sums of products, tile by tile, against numpy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from ingest.measure.correlation import CrossMoments, Shape, depth_tiles
from tests.measure.arrays import Measured, correlations, dealt, drawn

TOKENS = 800
A, B = Shape(2, 6), Shape(3, 4)
DEAD = 8


@pytest.fixture(scope="module")
def measured() -> Measured:
    a = drawn(1, TOKENS, A.n_units, shared=0.6, dead=[DEAD])
    return Measured([a, drawn(2, TOKENS, B.n_units, shared=0.6)], [A, B], dealt(TOKENS, range(1, 17)))


@pytest.mark.parametrize("window", [None, 0.5])
def test_covariances_of_tiles_are_those_of_numpy(measured: Measured, window: float | None) -> None:
    exact = measured.exact(window=window)
    a, b = (torch.cat(layers, 1).double().numpy() for layers in measured.z)
    expected = (a - a.mean(0)).T @ (b - b.mean(0)) / TOKENS
    tiles = exact.tiles((0, 1))
    assert len(tiles) == A.n_layers
    for tile in tiles:
        (found,) = exact.estimates(tile)
        here = expected[A.layer(tile.layer), B.layers(tile.first, tile.last)]
        assert found.numpy() == pytest.approx(here, abs=1e-5)
    assert exact.tiles((1, 0)) == []


def test_covariances_within_a_layer_are_those_of_numpy(measured: Measured) -> None:
    exact = measured.exact()
    for population, shape in enumerate(measured.shapes):
        for layer in range(shape.n_layers):
            z = measured.z[population][layer].double().numpy()
            found = exact.within(population, layer).numpy()
            assert found == pytest.approx(np.cov(z.T, bias=True), abs=1e-5)


def test_correlations_do_not_depend_on_shift_and_scale(measured: Measured) -> None:
    # The plain formula from activations in their own units.
    a = drawn(1, TOKENS, A.n_units, shared=0.6, dead=[DEAD])
    b = drawn(2, TOKENS, B.n_units, shared=0.6)
    expected = correlations(a, b)
    assert np.abs(expected).max() > 0.3
    for tile in measured.exact().tiles((0, 1)):
        (covariance,) = measured.exact().estimates(tile)
        spread_a, spread_b = measured.spreads
        rows, columns = A.layer(tile.layer), B.layers(tile.first, tile.last)
        found = covariance.double() / spread_a.sd[rows, None] / spread_b.sd[None, columns]
        alive = ~spread_a.is_dead[rows].numpy()
        assert found.numpy()[alive] == pytest.approx(expected[rows, columns][alive], abs=1e-5)


def test_sums_of_chosen_pairs_and_of_pairs_that_no_tile_holds(measured: Measured) -> None:
    z = measured.of(torch.arange(TOKENS))
    cross = CrossMoments(depth_tiles((0, 1), measured.shapes, 0.0), measured.shapes, "cpu")
    cross.update(z)
    i, j = (torch.tensor(grid) for grid in zip(*product(range(A.n_units), range(B.n_units)), strict=True))
    found = cross.values((0, 1), i, j).numpy()
    expected = (z[0].double().T @ z[1].double())[i, j].numpy()
    # Depths 0 and 1 of two layers meet layers 0 and 2 of three.
    held = ((i < 6) & (j < 4) | (i >= 6) & (j >= 8)).numpy()
    assert np.array_equal(np.isfinite(found), held)
    assert found[held] == pytest.approx(expected[held], rel=1e-4, abs=1e-3)
    assert not torch.isfinite(cross.values((1, 0), j, i)).any()


def test_inherited_tiles_are_left_as_they_are(measured: Measured) -> None:
    shapes = [A, B, B]
    tiles = [*depth_tiles((0, 1), shapes, None), *depth_tiles((0, 2), shapes, None)]
    cross = CrossMoments(tiles, shapes, "cpu")
    z = measured.of(torch.arange(TOKENS))
    cross.update(z | {2: z[1]}, first_new=2)
    for tile, sums in cross.sums.items():
        assert bool(sums.any()) == (tile.b == 2)


@pytest.mark.parametrize("window", [None, 0.0, 0.2, 0.34, 0.5, 1.0])
@pytest.mark.parametrize(("n_a", "n_b"), [(4, 4), (4, 7), (3, 2), (1, 3), (5, 1)])
def test_tiles_hold_the_layers_of_like_depth(n_a: int, n_b: int, window: float | None) -> None:
    tiles = depth_tiles((0, 1), [Shape(n_a, 2), Shape(n_b, 2)], window)
    found = {(t.layer, other) for t in tiles for other in range(t.first, t.last)}
    # Whole numbers: |i / (n_a - 1) - j / (n_b - 1)| <= window, with depth 0 for an only layer.
    span_a, span_b = max(1, n_a - 1), max(1, n_b - 1)
    expected = {
        (i, j)
        for i, j in product(range(n_a), range(n_b))
        if window is None or abs(i * span_b - j * span_a) <= round(window * span_a * span_b, 6)
    }
    assert found == expected
    back = depth_tiles((0, 1), [Shape(n_b, 2), Shape(n_a, 2)], window)
    assert {(other, t.layer) for t in back for other in range(t.first, t.last)} == found
