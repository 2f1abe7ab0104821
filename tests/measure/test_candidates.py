"""Candidates: which pairs a pilot leaves in play, and their exact sums."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.candidates import Candidates, in_play
from ingest.measure.correlation import Shape
from ingest.measure.extremes import RunningTop
from ingest.names import GROUPS
from tests.measure.arrays import Measured, correlations, dealt, drawn

TOKENS = 900
A, B = Shape(2, 6), Shape(3, 5)
DEAD_A, DEAD_B = 4, 11
SIZES = [2, 1, 0, 3, 1, 1, 4, 1, 1, 2, 1, 0, 0, 1, 1, 1]


@pytest.fixture(scope="module")
def measured() -> Measured:
    a = drawn(1, TOKENS, A.n_units, shared=0.5, dead=[DEAD_A])
    b = drawn(2, TOKENS, B.n_units, shared=0.5, dead=[DEAD_B])
    return Measured([a, b], [A, B], dealt(TOKENS, SIZES))


@pytest.fixture(scope="module")
def candidates(measured: Measured) -> Candidates:
    draw = np.random.default_rng(4)
    i, j = (torch.from_numpy(draw.integers(0, shape.n_units, 60)) for shape in (A, B))
    made = Candidates((0, 1), measured.shapes, i, j)
    for group, rows in measured.blocks():
        for some in rows.split(70):
            left, right = (torch.cat(layers, 1)[some].T.contiguous() for layers in measured.z)
            made.update(left, right, group)
    return made


def test_a_pair_that_is_given_twice_is_kept_once_in_order() -> None:
    made = Candidates((0, 1), [A, B], torch.tensor([5, 0, 5, 0]), torch.tensor([2, 14, 2, 1]))
    assert list(zip(made.i.tolist(), made.j.tolist(), strict=True)) == [(0, 1), (0, 14), (5, 2)]


def test_sums_per_group_are_those_of_numpy(measured: Measured, candidates: Candidates) -> None:
    a, b = (torch.cat(layers, 1).double().numpy() for layers in measured.z)
    for group in range(GROUPS):
        here = measured.groups == group
        expected = (a[here][:, candidates.i] * b[here][:, candidates.j]).sum(0)
        assert candidates.sums[group].numpy() == pytest.approx(expected, rel=1e-5, abs=1e-3)


@pytest.mark.parametrize("groups", [slice(None), slice(3, 9)])
def test_correlations_over_some_groups_are_those_of_numpy(
    measured: Measured, candidates: Candidates, groups: slice
) -> None:
    here = np.isin(measured.groups, np.arange(GROUPS)[groups])
    a = drawn(1, TOKENS, A.n_units, shared=0.5, dead=[DEAD_A])[here]
    b = drawn(2, TOKENS, B.n_units, shared=0.5, dead=[DEAD_B])[here]
    spreads = [units.finish(groups) for units in measured.units]
    found = candidates.correlations(spreads[0], spreads[1], groups).numpy()
    assert found == pytest.approx(correlations(a, b)[candidates.i, candidates.j], abs=1e-6)
    assert (found[(candidates.i == DEAD_A) | (candidates.j == DEAD_B)] == 0).all()


def test_sums_about_the_means_and_pairs_that_are_none(measured: Measured, candidates: Candidates) -> None:
    a, b = (torch.cat(layers, 1).double().numpy() for layers in measured.z)
    a, b = a - a.mean(0), b - b.mean(0)
    i, j = (grid.flatten() for grid in torch.meshgrid(torch.arange(12), torch.arange(15), indexing="ij"))
    found = candidates.about_means(measured.units[0], measured.units[1], i, j).numpy()
    known = set(zip(candidates.i.tolist(), candidates.j.tolist(), strict=True))
    for column, pair in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
        if pair not in known:
            assert np.isnan(found[:, column]).all()
            continue
        expected = np.bincount(measured.groups, weights=a[:, pair[0]] * b[:, pair[1]], minlength=GROUPS)
        assert found[:, column] == pytest.approx(expected, abs=1e-3)


def test_in_play_is_what_the_pilots_error_leaves_open() -> None:
    corr = np.array([[0.9, 0.85, 0.5, 0.1], [0.3, 0.29, 0.28, 0.2]], np.float32)
    top = RunningTop(2, 3, "cpu")
    top.offer(torch.from_numpy(corr), slice(0, 2), 0)
    # A quarter of the errors sqrt(4 / 100) = 0.2 and sqrt(1 / 100) = 0.1.
    units, partners = in_play(top, torch.tensor([4.0, 1.0]), 100, errors=0.26)
    assert list(zip(units.tolist(), partners.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    alone = in_play(top, torch.tensor([4.0, 1.0]), 100, errors=0.0)
    assert list(zip(*(x.tolist() for x in alone), strict=True)) == [(0, 0), (1, 0)]
    # However large the error: no more than the pilot kept.
    assert len(in_play(top, torch.tensor([1e6, 1e6]), 100, errors=9.0)[0]) == 6


def test_a_unit_without_partners_has_none_in_play() -> None:
    units, partners = in_play(RunningTop(3, 2, "cpu"), torch.ones(3), 10, errors=4.0)
    assert len(units) == len(partners) == 0


def test_no_candidates_and_no_positions_are_no_trouble() -> None:
    nobody = Candidates((0, 1), [A, B], torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64))
    nobody.update(torch.randn(12, 5), torch.randn(15, 5), 0)
    assert nobody.sums.shape == (GROUPS, 0)
    some = Candidates((0, 1), [A, B], torch.tensor([3]), torch.tensor([7]))
    some.update(torch.zeros(12, 0), torch.zeros(15, 0), 0)
    assert some.sums.abs().sum() == 0
