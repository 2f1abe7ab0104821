"""Which models and pairs are computed together: every one once, pairs of the same models in one share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import pytest

from ingest.measure.correlation import Tile
from ingest.names import GROUPS
from ingest.recipes.costs import Times
from ingest.recipes.dealing import deal
from ingest.recipes.spreading import Held
from ingest.runs.plan import PlannedPopulation
from ingest.runs.shares import Block, Extent

GB = 1_000_000_000


@dataclass(frozen=True)
class Made:
    """A run as far as dealing looks at it."""

    run: Extent
    passes: list[list[Tile]]
    held: Held
    times: Times

    def dealt(self, n_workers: int, left: Sequence[int] | None = None) -> list[tuple[int, ...]]:
        return [share for block in self.blocks(n_workers, left) for share in block.shares]

    def blocks(self, n_workers: int, left: Sequence[int] | None = None) -> list[Block]:
        every = range(len(self.run.models) + len(self.run.pairs))
        return deal(self.run, self.passes, self.held, self.times, every if left is None else left, n_workers)

    def seconds(self, share: tuple[int, ...]) -> float:
        """What it takes."""
        return sum(self.times.forward[m] for m in self.reads(share)) + sum(self.times.pieces[n] for n in share)

    def end(self, shares: Sequence[tuple[int, ...]], n_workers: int) -> float:
        """When the last share is done, if the first worker that is free begins the next one."""
        free = [0.0] * n_workers
        for share in shares:
            free[free.index(min(free))] += self.seconds(share)
        return max(free)

    def reads(self, share: tuple[int, ...]) -> set[int]:
        """Models that a share runs."""
        n = len(self.run.models)
        return {model for number in share for model in ((number,) if number < n else self.run.pairs[number - n])}


def make(
    n_models: int,
    pairs: list[tuple[int, int]],
    *,
    n_passes: int = 1,
    is_exact: bool = True,
    profile: int = GB,
    network: int = GB // 2,
    width: int = 256,
    room: int = 100 * GB,
    forward: float = 1.0,
) -> Made:
    """Models of 12 layers; a population holds 2 GB, a pair 3 and takes 3 s of its own; as many pairs in every pass."""
    populations = [PlannedPopulation(model, "mlp", 12, width) for model in range(n_models)]
    tiles = [Tile(a, b, 0, 0, 12) for a, b in pairs]
    held = Held(
        room=room,
        common=GB,
        networks=(network,) * n_models,
        profiles=(profile,) * n_models,
        populations=(2 * GB,) * n_models,
        pairs=dict.fromkeys(pairs, 3 * GB),
    )
    passes = [tiles[start::n_passes] for start in range(n_passes)] if is_exact else [[]]
    times = Times((forward,) * n_models, (1.0,) * n_models + (3.0,) * len(pairs))
    return Made(Extent([None] * n_models, populations, tuple(pairs), moments=True), passes, held, times)


@pytest.mark.parametrize("n_models", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("n_workers", [1, 2, 3, 8, 64])
@pytest.mark.parametrize("kind", [{}, {"is_exact": False}, {"is_exact": False, "profile": 0}])
def test_every_piece_is_in_one_share(n_models: int, n_workers: int, kind: dict[str, Any]) -> None:
    made = make(n_models, list(combinations(range(n_models), 2)), **kind)
    n_pieces = n_models + len(made.run.pairs)
    left = [number for number in range(n_pieces) if number % 7 != 3]
    shares = made.dealt(n_workers, left)
    assert sorted(number for share in shares for number in share) == left
    assert len(shares) >= min(n_workers, sum(number >= n_models for number in left))
    for block in made.blocks(n_workers, left):
        assert [group for groups in block.shards for group in groups] in ([], list(range(GROUPS)))
        if kind.get("profile") != 0 and block.shards:
            assert min(block.pieces) >= n_models  # a profile reads the whole text


def test_few_workers_run_models_less_often_and_end_together() -> None:
    made = make(10, list(combinations(range(10), 2)))
    shares = made.dealt(4)
    assert sum(len(made.reads(share)) for share in shares) < 0.6 * (10 + 2 * 45)
    sizes = [sum(number >= 10 for number in share) for share in shares]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= 1
    assert made.end(shares, 4) < 1.05 * sum(made.seconds(share) for share in shares) / 4


def test_the_dearer_a_model_is_to_run_the_less_often_it_is() -> None:
    pairs = list(combinations(range(10), 2))
    cheap, dear = (make(10, pairs, forward=forward) for forward in (0.1, 10.0))
    n_run = [sum(len(made.reads(share)) for share in made.dealt(4)) for made in (cheap, dear)]
    assert n_run[1] < n_run[0]


def test_workers_are_not_left_with_a_pair_each_and_then_two_more() -> None:
    made = make(5, list(combinations(range(5), 2)), forward=10.0)
    alone = [(number,) for number in range(14, -1, -1)]
    # Those who take one of the last two pairs run two models again.
    assert made.end(alone, 8) == 2 * (2 * 10.0 + 3.0)
    assert made.end(made.dealt(8), 8) < made.end(alone, 8)


def test_as_many_workers_as_pieces_take_one_each() -> None:
    made = make(5, list(combinations(range(5), 2)))
    assert sorted(made.dealt(15)) == [(number,) for number in range(15)]


def test_a_model_without_a_partner_is_a_share_of_its_own() -> None:
    made = make(4, [(0, 1), (0, 2), (1, 2)])
    assert (3,) in made.dealt(1)


def test_pairs_that_share_no_model_stay_apart() -> None:
    made = make(8, [(0, 1), (2, 3), (4, 5), (6, 7)])
    shares = made.dealt(1)
    assert [len(made.reads(share)) for share in shares] == [2, 2, 2, 2]


def test_sites_of_the_same_models_stay_together() -> None:
    alike = list(combinations(range(5), 2))
    sites = [
        PlannedPopulation(model, site, 12, width) for site, width in (("mlp", 256), ("resid", 64)) for model in range(5)
    ]
    made = make(5, alike)
    pairs = (*alike, *((a + 5, b + 5) for a, b in alike))
    held = replace(made.held, populations=(GB,) * 10, pairs=dict.fromkeys(pairs, GB))
    tiles = [[Tile(a, b, 0, 0, 12) for a, b in pairs]]
    times = replace(made.times, pieces=(1.0,) * 5 + (3.0,) * len(pairs))
    shares = Made(replace(made.run, populations=sites, pairs=pairs), tiles, held, times).dealt(3)
    number = {pair: 5 + k for k, pair in enumerate(pairs)}
    for a, b in alike:
        assert any({number[a, b], number[a + 5, b + 5]} <= {*share} for share in shares)


def test_pairs_of_different_passes_stay_apart() -> None:
    made = make(5, list(combinations(range(5), 2)), n_passes=2)
    pass_of = {pair: number for number, tiles in enumerate(made.passes) for pair in ((t.a, t.b) for t in tiles)}
    for share in made.dealt(1):
        assert len({pass_of[made.run.pairs[number - 5]] for number in share if number >= 5}) <= 1


@pytest.mark.parametrize(
    "large", [{"network": 3 * GB}, {"width": 16_384}, {"room": 15 * GB}], ids=["models", "rows", "memory"]
)
def test_what_would_be_too_large_stays_apart(large: dict[str, Any]) -> None:
    made = make(10, list(combinations(range(10), 2)), **large)
    assert max(len(made.reads(share)) for share in made.dealt(1)) <= 3


def test_models_go_with_their_pairs_as_far_as_memory_goes() -> None:
    # Two populations and a pair hold 7 GB, and 1 GB is held by all.
    for room, n_alone in ((9 * GB - 1, 3), (9 * GB, 0)):
        shares = make(3, list(combinations(range(3), 2)), room=room).dealt(1)
        assert sum(len(share) == 1 and share[0] < 3 for share in shares) == n_alone


def test_thousands_of_checkpoints_are_dealt() -> None:
    steps, seeds = 154, 10
    alike = [(s * seeds + a, s * seeds + b) for s in range(steps) for a, b in combinations(range(seeds), 2)]
    following = [(a * seeds + seed, b * seeds + seed) for a, b in pairwise(range(steps)) for seed in range(seeds)]
    made = make(steps * seeds, sorted([*alike, *following]))
    n_pieces = steps * seeds + len(made.run.pairs)
    shares = made.dealt(64)
    assert sorted(number for share in shares for number in share) == list(range(n_pieces))
    assert sum(len(made.reads(share)) for share in shares) < 0.4 * (steps * seeds + 2 * len(made.run.pairs))


def test_what_has_no_exact_sums_is_run_once_in_token_shards() -> None:
    made = make(5, list(combinations(range(5), 2)), is_exact=False, profile=0)
    (block,) = made.blocks(8)
    assert block.pieces == tuple(range(15))
    assert [len(groups) for groups in block.shards] == [2] * 8
    assert len(block.shares) > 8
    (alone,) = made.blocks(1)
    assert not alone.shards
    assert alone.shares == (tuple(range(15)),)


def test_models_alone_are_summed_in_token_shards() -> None:
    made = make(2, [], is_exact=False, profile=0)
    assert [len(block.shards) for block in made.blocks(8)] == [4, 4]
    assert [len(block.shards) for block in made.blocks(2)] == [0, 0]


def test_a_model_without_a_partner_is_dealt_alone_where_there_is_no_room_for_anything() -> None:
    for n_workers in (1, 2):
        made = make(3, [(0, 1)], is_exact=False, profile=0, room=GB // 2)
        shares = made.dealt(n_workers)
        assert all(shares)
        assert sorted(number for share in shares for number in share) == [0, 1, 2, 3]


def test_only_the_last_blocks_are_cut() -> None:
    made = make(6, [(0, 1), (2, 3), (4, 5)], is_exact=False)
    blocks = made.blocks(2)
    assert [len(block.shards) for block in blocks if max(block.pieces) >= 6] == [0, 0, 2]
    # Whole blocks measure their models on the way; those of the last one are shares of their own.
    assert sorted(block.pieces for block in blocks if max(block.pieces) < 6) == [(4,), (5,)]


def test_more_rows_than_a_share_may_have_come_from_the_same_sums() -> None:
    made = make(10, list(combinations(range(10), 2)), is_exact=False, profile=0, width=3_072, network=GB // 4)
    whole = [block for block in made.blocks(1) if len(block.pieces) > 1]
    assert all(block.shards == (range(GROUPS),) for block in whole)
    assert sum(len(block.shares) for block in whole) > len(whole)
    neurons = 2 * 12 * 3_072
    assert max(len(share) * neurons for block in whole for share in block.shares) <= 800_000
