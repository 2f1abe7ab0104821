"""Partners that are followed through an exact run: errors of winners that came early, late, or unseen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ingest.measure.correlation import CrossMoments, Shape, depth_tiles
from ingest.measure.followed import CHOOSING, FOLLOWED, Followed
from ingest.names import GROUPS
from ingest.recipes.choosing import most_correlated
from tests.measure.arrays import Array, Measured, correlations, dealt
from tests.measure.plain_jackknife import in_blocks, jackknife_of_pair

TOKENS = 4800
A, B = Shape(2, 12), Shape(3, 20)
DEAD = 3


def turning(groups: NDArray[np.int64]) -> tuple[Array, Array]:
    """Two populations whose units are alike in pairs that change from one group of documents to the next."""
    draw = np.random.default_rng(8)
    a, b = draw.standard_normal((TOKENS, A.n_units)), draw.standard_normal((TOKENS, B.n_units))
    for start in (0, 1, 2, 4, 8):
        pairs = draw.permutation(B.n_units)[: A.n_units]
        later = groups >= start
        b[np.ix_(later, pairs)] += 0.8 * a[later] * draw.uniform(0.2, 1.5, A.n_units)
    a[:, DEAD] = 0.0
    return a, b


class Exact:
    """An exact run by hand: both directions followed from group to group."""

    def __init__(self, groups: NDArray[np.int64]) -> None:
        self.a, self.b = turning(groups)
        self.measured = Measured([self.a, self.b], [A, B], groups)
        self.cross = CrossMoments(depth_tiles((0, 1), [A, B], None), [A, B], "cpu")
        self.both = [Followed(0, 1, [A, B], "cpu"), Followed(1, 0, [A, B], "cpu")]
        for group, rows in self.measured.blocks():
            self.cross.update(self.measured.of(rows))
            for followed in self.both:
                followed.end_group(group, self.cross)
            if group in CHOOSING or self.both[0].is_empty:
                spreads = [units.finish(slice(0, group + 1)) for units in self.measured.units]
                for followed, top in zip(self.both, most_correlated(self.cross, self.both, spreads), strict=True):
                    followed.choose(group, top, self.cross)

    def winners(self, direction: int) -> torch.Tensor:
        corr = correlations(self.a, self.b)
        return torch.from_numpy((corr if direction == 0 else corr.T).argmax(1))

    def influences(self, direction: int, winner: torch.Tensor) -> tuple[Array, NDArray[np.int64]]:
        order = [0, 1] if direction == 0 else [1, 0]
        units, spreads = self.measured.units, self.measured.spreads
        found, blocks = self.both[direction].influences(
            winner, units[order[0]], units[order[1]], (spreads[order[0]], spreads[order[1]])
        )
        return found.numpy(), blocks.numpy()


SIZES = {"all groups": [3, 1, 2, 2, 1, 3, 2, 1, 2, 2, 3, 1, 1, 2, 2, 2], "some empty": [2, 0, 3, 1, 2, 0, 0, 4, 2, 2]}


@pytest.fixture(scope="module", params=SIZES)
def run(request: pytest.FixtureRequest) -> Exact:
    return Exact(dealt(TOKENS, SIZES[request.param]))


@pytest.mark.parametrize("direction", [0, 1])
def test_influences_are_those_of_the_plain_jackknife_over_blocks(run: Exact, direction: int) -> None:
    winner = run.winners(direction)
    found, blocks = run.influences(direction, winner)
    followed = run.both[direction]
    own, other = (run.a, run.b) if direction == 0 else (run.b, run.a)
    seen = set()
    for unit, partner in enumerate(winner.tolist()):
        place = (followed.index[unit] == partner).nonzero()
        if own[:, unit].std() == 0 or not len(place):
            assert np.isnan(found[unit]).all()
            continue
        first = int(followed.merged[unit, place[0, 0]])
        groups = in_blocks(run.measured.groups, first)
        expected = jackknife_of_pair(groups, own[:, unit], other[:, partner])
        assert (found[unit] ** 2).sum() == pytest.approx(expected, rel=1e-3)
        assert blocks[unit] == len(np.unique(groups))
        seen.add(first)
    # The winners were met early and late, or this says little.
    assert len(seen) >= 2


def test_the_last_choice_is_the_most_correlated_ones_by_then(run: Exact) -> None:
    early = run.measured.groups <= max(CHOOSING)
    corr = correlations(run.a[early], run.b[early])
    for row, index in zip(corr, run.both[0].index.tolist(), strict=True):
        if row.any():
            assert set(index) == set(np.argsort(-row)[:FOLLOWED].tolist())


def test_a_partner_that_stays_keeps_its_groups(run: Exact) -> None:
    present = np.unique(run.measured.groups)
    merged = run.both[0].merged
    allowed = {int(present[0]), *(g for g in CHOOSING if g in present)}
    assert set(merged.unique().tolist()) <= allowed
    assert (merged == int(present[0])).any()


def test_a_winner_that_was_not_followed_has_no_error(run: Exact) -> None:
    followed = run.both[0]
    strangers = [next(j for j in range(B.n_units) if j not in index) for index in followed.index.tolist()]
    found, blocks = run.influences(0, torch.tensor(strangers))
    assert np.isnan(found).all()
    assert (blocks == 0).all()


def test_a_dead_unit_has_no_error_whoever_is_followed(run: Exact) -> None:
    for direction, dead in ((0, [DEAD]), (1, [])):
        found, blocks = run.influences(direction, run.both[direction].index[:, 0])
        is_dead = np.isin(np.arange(len(found)), dead) | (run.both[direction].index[:, 0].numpy() == DEAD) * direction
        assert np.array_equal(np.isnan(found).all(1), is_dead.astype(bool))
        assert np.array_equal(blocks == 0, is_dead.astype(bool))


def test_sums_of_followed_partners_are_those_of_their_groups(run: Exact) -> None:
    followed, z = run.both[1], [torch.cat(layers, 1).double().numpy() for layers in run.measured.z]
    for unit in range(0, B.n_units, 7):
        for place, partner in enumerate(followed.index[unit].tolist()):
            product = z[1][:, unit] * z[0][:, partner]
            first = int(followed.merged[unit, place])
            expected = np.bincount(in_blocks(run.measured.groups, first), weights=product, minlength=GROUPS)
            assert followed.sums[:, unit, place].numpy() == pytest.approx(expected, abs=0.02)
