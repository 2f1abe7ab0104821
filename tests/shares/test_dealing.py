"""Which models and pairs are computed together: every one once, pairs of the same models in one share."""

from __future__ import annotations

from itertools import combinations, pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from ingest.measure.correlation import Tile
from ingest.recipes.dealing import deal
from ingest.runs.plan import PlannedPopulation

GB = 1_000_000_000


def planned(
    n_models: int, pairs: list[tuple[int, int]], *, n_passes: int = 1, weights: int = GB // 2, width: int = 256
) -> Any:
    """As far as dealing looks at it: models of 12 layers, and as many pairs in every pass."""
    populations = [PlannedPopulation(model, "mlp", 12, width) for model in range(n_models)]
    plan = SimpleNamespace(
        models=[None] * n_models, populations=populations, pairs=tuple(pairs), moments=True, inherited=0
    )
    tiles = [Tile(a, b, 0, 0, 12) for a, b in pairs]
    passes = [tiles[start::n_passes] for start in range(n_passes)]
    return SimpleNamespace(plan=plan, passes=passes, weights=(weights,) * n_models)


def read(made: Any, share: tuple[int, ...]) -> set[int]:
    """Models that a share runs."""
    n = len(made.plan.models)
    return {model for number in share for model in ((number,) if number < n else made.plan.pairs[number - n])}


@pytest.mark.parametrize("n_models", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("n_workers", [1, 2, 3, 8, 64])
def test_every_piece_is_in_one_share(n_models: int, n_workers: int) -> None:
    made = planned(n_models, list(combinations(range(n_models), 2)))
    n_pieces = n_models + len(made.plan.pairs)
    left = [number for number in range(n_pieces) if number % 7 != 3]
    shares = deal(made, left, n_workers)
    assert sorted(number for share in shares for number in share) == left
    assert len(shares) >= min(n_workers, sum(number >= n_models for number in left))


def test_few_workers_run_models_less_often_and_end_together() -> None:
    made = planned(10, list(combinations(range(10), 2)))
    shares = deal(made, range(55), 4)
    assert sum(len(read(made, share)) for share in shares) < 0.6 * (10 + 2 * 45)
    sizes = [sum(number >= 10 for number in share) for share in shares]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 9
    assert sizes[-1] == 1


def test_as_many_workers_as_pieces_take_one_each() -> None:
    made = planned(5, list(combinations(range(5), 2)))
    assert sorted(deal(made, range(15), 15)) == [(number,) for number in range(15)]


def test_a_model_without_a_partner_is_a_share_of_its_own() -> None:
    made = planned(4, [(0, 1), (0, 2), (1, 2)])
    assert (3,) in deal(made, range(7), 1)


def test_pairs_that_share_no_model_stay_apart() -> None:
    made = planned(8, [(0, 1), (2, 3), (4, 5), (6, 7)])
    shares = deal(made, range(12), 1)
    assert [len(read(made, share)) for share in shares] == [2, 2, 2, 2]


def test_pairs_of_different_passes_stay_apart() -> None:
    made = planned(5, list(combinations(range(5), 2)), n_passes=2)
    pass_of = {pair: number for number, tiles in enumerate(made.passes) for pair in ((t.a, t.b) for t in tiles)}
    for share in deal(made, range(15), 1):
        assert len({pass_of[made.plan.pairs[number - 5]] for number in share if number >= 5}) <= 1


@pytest.mark.parametrize("large", [{"weights": 3 * GB}, {"width": 16_384}], ids=["models", "rows"])
def test_what_would_be_too_large_stays_apart(large: dict[str, int]) -> None:
    made = planned(10, list(combinations(range(10), 2)), **large)
    assert max(len(read(made, share)) for share in deal(made, range(55), 1)) <= 3


def test_thousands_of_checkpoints_are_dealt() -> None:
    steps, seeds = 154, 10
    alike = [(s * seeds + a, s * seeds + b) for s in range(steps) for a, b in combinations(range(seeds), 2)]
    following = [(a * seeds + seed, b * seeds + seed) for a, b in pairwise(range(steps)) for seed in range(seeds)]
    made = planned(steps * seeds, sorted([*alike, *following]))
    n_pieces = steps * seeds + len(made.plan.pairs)
    shares = deal(made, range(n_pieces), 64)
    assert sorted(number for share in shares for number in share) == list(range(n_pieces))
    assert sum(len(read(made, share)) for share in shares) < 0.4 * (steps * seeds + 2 * len(made.plan.pairs))
