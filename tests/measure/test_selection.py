"""Selections of a pair both ways round against numpy: exact, from sketches, and with dead units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.baseline import Rotations
from ingest.measure.correlation import Shape
from ingest.measure.extremes import RunningTop
from ingest.measure.selection import Directed, PairSelection
from ingest.recipes.rows import with_exact
from tests.measure.arrays import Array, Measured, correlations, dealt, drawn
from tests.measure.test_baseline import rotated

TOKENS, K, DRAWS, SEED = 960, 5, 2, 5
A, B = Shape(2, 8), Shape(3, 7)
DEAD_A, DEAD_B = 4, 11


def activations() -> tuple[Array, Array]:
    a = drawn(1, TOKENS, A.n_units, shared=0.7, dead=[DEAD_A])
    return a, drawn(2, TOKENS, B.n_units, shared=0.7, dead=[DEAD_B])


@pytest.fixture(scope="module")
def measured() -> Measured:
    return Measured(activations(), [A, B], dealt(TOKENS, [1] * 16))


def selected(measured: Measured, *, sketched: bool = False, window: float | None = None) -> PairSelection:
    source = measured.sketched(buckets=65_536, seed=3) if sketched else measured.exact(window=window)
    rotations = Rotations(source, measured.spreads, measured.shapes, draws=DRAWS, seed=SEED)
    found = PairSelection((0, 1), measured.shapes, k=K, n_estimates=source.n_estimates, draws=DRAWS, device="cpu")
    found.take(source, measured.spreads, rotations)
    return found


def sides(found: PairSelection) -> list[tuple[Directed, Array, list[int], int]]:
    """Both directions with the correlations by numpy, the living units, and the dead partner."""
    corr = correlations(*activations())
    alive = [[u for u in range(s.n_units) if u != dead] for s, dead in ((A, DEAD_A), (B, DEAD_B))]
    return [(found.forward, corr, alive[0], DEAD_B), (found.backward, corr.T, alive[1], DEAD_A)]


def test_exact_selections_are_the_first_of_a_sort(measured: Measured) -> None:
    for directed, corr, alive, dead in sides(selected(measured)):
        living = np.delete(np.arange(corr.shape[1]), dead)
        order = living[np.argsort(-corr[alive][:, living], axis=1)]
        for ranked, expected, sign in ((directed.top, order[:, :K], 1), (directed.bottom, order[:, ::-1][:, :K], -1)):
            assert np.array_equal(ranked.index[alive], expected)
            values = sign * ranked.values[alive].numpy()
            assert values == pytest.approx(np.take_along_axis(corr[alive], expected, 1), abs=1e-5)
        assert directed.largest[alive].numpy() == pytest.approx(corr[alive][:, living].max(1), abs=1e-5)
        assert -directed.worst.value[alive].numpy() == pytest.approx(corr[alive][:, living].min(1), abs=1e-5)
        assert np.array_equal(directed.winner[alive], order[:, 0])


def test_exact_baselines_are_the_largest_by_rotating(measured: Measured) -> None:
    a, b = activations()
    found = selected(measured)
    for draw in range(DRAWS):
        of_b = correlations(a, rotated(b, B, draw)).max(1)
        of_a = correlations(b, rotated(a, A, draw)).max(1)
        assert found.forward.baselines[draw].value.numpy() == pytest.approx(of_b, abs=1e-5)
        assert found.backward.baselines[draw].value.numpy() == pytest.approx(of_a, abs=1e-5)


def test_a_window_of_depths_leaves_the_other_layers_out(measured: Measured) -> None:
    a, b = activations()
    corr = correlations(a, b)
    near = np.abs(np.arange(16)[:, None] // 8 - np.arange(21)[None, :] // 7 / 2) <= 0.5
    corr = np.where(near, corr, -np.inf)
    corr[:, DEAD_B] = -np.inf
    found = selected(measured, window=0.5)
    assert np.array_equal(np.delete(found.forward.winner.numpy(), DEAD_A), np.delete(corr.argmax(1), DEAD_A))
    turned = np.where(near, correlations(a, rotated(b, B, 0)), -np.inf).max(1)
    assert found.forward.baselines[0].value.numpy() == pytest.approx(turned, abs=1e-5)
    turned = np.where(near.T, correlations(b, rotated(a, A, 0)), -np.inf).max(1)
    assert found.backward.baselines[0].value.numpy() == pytest.approx(turned, abs=1e-5)


def test_selections_from_sketches_come_close_to_exact_ones(measured: Measured) -> None:
    exact, sketched = selected(measured), selected(measured, sketched=True)
    # The sd of a sketched correlation is at most (2 / 65,536)^(1/2) = 0.006.
    for (one, corr, alive, _), (other, *_) in zip(sides(exact), sides(sketched), strict=True):
        assert corr[alive, other.winner[alive]] == pytest.approx(corr[alive].max(1), abs=0.025)
        for value, close in ((one.best, other.best), *zip(one.baselines, other.baselines, strict=True)):
            assert value.value[alive].numpy() == pytest.approx(close.value[alive].numpy(), abs=0.025)
        assert one.top.values[alive].numpy() == pytest.approx(other.top.values[alive].numpy(), abs=0.025)


def test_dead_units_are_nobodys_partner(measured: Measured) -> None:
    for sketched in (False, True):
        for directed, _, alive, dead in sides(selected(measured, sketched=sketched)):
            assert dead not in directed.top.index[alive]
            assert dead not in directed.bottom.index[alive]


def test_a_layer_without_a_living_partner_is_passed_over() -> None:
    a = drawn(1, TOKENS, A.n_units)
    b = drawn(2, TOKENS, B.n_units, dead=range(7, 14))
    found = selected(Measured([a, b], [A, B], dealt(TOKENS, [1] * 16)))
    assert torch.isfinite(found.forward.largest).all()
    assert not np.isin(found.forward.top.index, np.arange(7, 14)).any()
    nobody = selected(Measured([a, np.ones_like(b)], [A, B], dealt(TOKENS, [1] * 16)))
    assert (nobody.forward.largest == -torch.inf).all()
    assert (nobody.forward.top.values == -torch.inf).all()
    assert not any(torch.isnan(t).any() for t in nobody.tensors().values())


def test_exact_correlations_take_the_place_of_sketched_ones() -> None:
    draw = np.random.default_rng(1)
    exact = draw.uniform(-1, 1, (4, 30))
    top = RunningTop(4, 10, "cpu")
    noisy = exact + 0.1 * draw.standard_normal(exact.shape)
    top.offer(torch.from_numpy(noisy).float(), slice(0, 4), 0)
    known = draw.random(exact.shape) < 0.4
    i, j = (torch.from_numpy(index) for index in known.nonzero())
    with_exact(top, i, j, torch.from_numpy(exact[known]), 30)
    # Known values are candidates for the top all over; unknown ones as far as the sketch had ranked them.
    mixed = np.where(known, exact, -np.inf)
    for row in range(4):
        ranked = np.argsort(-noisy[row])[:10]
        unknown = [column for column in ranked if not known[row, column]]
        mixed[row, unknown] = noisy[row, unknown]
    assert np.array_equal(top.index[:, :10], np.argsort(-mixed, axis=1)[:, :10])
    assert top.values.numpy() == pytest.approx(-np.sort(-mixed, axis=1)[:, :10], abs=1e-6)


def test_a_winner_from_elsewhere_leads() -> None:
    directed = Directed(3, k=2, n_estimates=1, draws=0, device="cpu")
    directed.offer([torch.tensor([[0.1, 0.9], [0.2, 0.3], [0.5, 0.4]])], slice(0, 3), 0, torch.zeros(2).bool())
    directed.lead(torch.tensor([0]), torch.tensor([0]), torch.tensor([0.85]))
    assert directed.winner.tolist() == [0, 1, 0]
    assert directed.largest.tolist() == pytest.approx([0.85, 0.3, 0.5])
