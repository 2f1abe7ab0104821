"""The rotation baseline by algebra against really rotating the activations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.baseline import Covariances, Rotations, rotation
from ingest.measure.correlation import Shape
from tests.measure.arrays import Array, Measured, correlations, dealt, drawn

TOKENS, DRAWS, SEED = 640, 3, 5
A, B = Shape(2, 6), Shape(3, 4)
DEAD = 7


def activations() -> tuple[Array, Array]:
    return drawn(1, TOKENS, A.n_units, shared=0.6, dead=[DEAD]), drawn(2, TOKENS, B.n_units, shared=0.6)


@pytest.fixture(scope="module")
def measured() -> Measured:
    return Measured(activations(), [A, B], dealt(TOKENS, [1] * 16))


def largest_rotated(source: Covariances, measured: Measured, draw: int) -> tuple[Array, Array]:
    """Correlations with the rotated units of b (units of a, units of b), and of a (units of b, units of a)."""
    rotations = Rotations(source, measured.spreads, measured.shapes, draws=DRAWS, seed=SEED)
    sd = [torch.where(s.is_dead, torch.inf, s.sd) for s in measured.spreads]
    of_b, of_a = np.zeros((A.n_units, B.n_units)), np.zeros((B.n_units, A.n_units))
    for tile in source.tiles((0, 1)):
        rows = A.layer(tile.layer)
        for covariance in source.estimates(tile):
            share = 1 / source.n_estimates
            for other in range(tile.first, tile.last):
                turned = rotations.rotated(covariance[:, B.layer(other)], 1, other, draw)
                of_b[rows, B.layer(other)] += share * (turned / sd[0][rows, None]).numpy()
            of_a[:, rows] += share * (rotations.rotated(covariance.T, 0, tile.layer, draw) / sd[1][:, None]).numpy()
    return of_b, of_a


def rotated(values: Array, shape: Shape, draw: int) -> Array:
    """Activations in their own units, every layer rotated."""
    layers = [
        values[:, shape.layer(k)] @ rotation(shape.width, seed=SEED, draw=draw, layer=k).numpy().T
        for k in range(shape.n_layers)
    ]
    return np.concatenate(layers, 1)


@pytest.mark.parametrize("draw", range(DRAWS))
def test_correlations_with_rotated_layers_are_those_of_rotated_activations(measured: Measured, draw: int) -> None:
    a, b = activations()
    of_b, of_a = largest_rotated(measured.exact(), measured, draw)
    assert of_b == pytest.approx(correlations(a, rotated(b, B, draw)), abs=1e-5)
    assert of_a == pytest.approx(correlations(b, rotated(a, A, draw)), abs=1e-5)
    assert (of_b[DEAD] == 0).all()


def test_sketched_baselines_come_close_to_rotating(measured: Measured) -> None:
    a, b = activations()
    of_b, of_a = largest_rotated(measured.sketched(buckets=32_768, seed=1), measured, 0)
    for found, expected in ((of_b, correlations(a, rotated(b, B, 0))), (of_a, correlations(b, rotated(a, A, 0)))):
        assert np.abs(found - expected).max() < 0.05
        assert np.sqrt(((found - expected) ** 2).mean()) < 0.015


def test_rotating_standardised_activations_would_be_something_else(measured: Measured) -> None:
    # What the algebra must not do: units of all sizes would count alike.
    a, b = activations()
    of_b, _ = largest_rotated(measured.exact(), measured, 0)
    assert np.abs(of_b - correlations(a, rotated(b / b.std(0), B, 0))).max() > 0.1


def test_a_rotated_direction_without_variance_is_no_partner() -> None:
    a, b = drawn(1, TOKENS, 4), np.ones((TOKENS, 4))
    alone = Measured([a, b], [Shape(1, 4), Shape(1, 4)], dealt(TOKENS, [1] * 16))
    source = alone.exact()
    rotations = Rotations(source, alone.spreads, alone.shapes, draws=1, seed=SEED)
    (covariance,) = source.estimates(source.tiles((0, 1))[0])
    assert (rotations.rotated(covariance, 1, 0, 0) == 0).all()
    assert (rotations.rotated(covariance.T, 0, 0, 0) == 0).all()


def test_rotations_are_gaussian_with_unit_rows_and_functions_of_their_arguments() -> None:
    matrix = rotation(300, seed=1, draw=2, layer=3)
    assert matrix.norm(dim=1).numpy() == pytest.approx(1.0)
    assert matrix.mean().item() == pytest.approx(0.0, abs=1e-3)
    assert matrix.std().item() == pytest.approx(300**-0.5, rel=0.02)
    # Rows of an orthogonal matrix would have products of 0.
    assert (matrix @ matrix.T - torch.eye(300)).std().item() == pytest.approx(300**-0.5, rel=0.05)
    assert torch.equal(matrix, rotation(300, seed=1, draw=2, layer=3))
    others = [rotation(300, seed=s, draw=d, layer=k) for s, d, k in ((2, 2, 3), (1, 1, 3), (1, 2, 2))]
    assert not any(torch.equal(matrix, other) for other in others)


def test_matrices_that_are_not_kept_are_the_same_ones(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = largest_rotated(measured.exact(), measured, 1)
    monkeypatch.setattr("ingest.measure.baseline._KEPT_BYTES", 0)
    again = largest_rotated(measured.exact(), measured, 1)
    assert all(np.array_equal(one, other) for one, other in zip(kept, again, strict=True))
