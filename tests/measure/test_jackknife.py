"""Jackknife influences from sums against leaving groups out of the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.jackknife import GroupSums, influences
from ingest.names import GROUPS
from tests.measure.arrays import Array, dealt
from tests.measure.plain_jackknife import fisher, in_blocks, jackknife, jackknife_of_pair

TOKENS, PAIRS = 1600, 6
SIZES = {
    "equal": [1] * 16,
    "unequal": [1, 9, 2, 2, 5, 1, 7, 3, 3, 1, 1, 1, 8, 2, 4, 2],
    "some empty": [3, 0, 0, 2, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5],
}


def paired(groups_differ: float = 0.5) -> tuple[Array, Array]:
    """Columns whose correlation and mean drift along the text."""
    draw = np.random.default_rng(5)
    x, y = draw.standard_normal((2, TOKENS, PAIRS))
    drift = np.linspace(0, groups_differ, TOKENS)[:, None]
    return x + drift, y + x * np.linspace(-0.5, 2, PAIRS) * drift + 0.2 * x


def sums_of(x: Array, y: Array, groups: np.ndarray, *, about: float = 0.0) -> GroupSums:
    x, y = x - about, y + about
    member = (groups[None, :] == np.arange(GROUPS)[:, None]).astype(float)
    sums = [torch.from_numpy(member @ values) for values in (x, y, x * x, y * y, x * y)]
    return GroupSums(torch.from_numpy(member.sum(1).astype(np.int64)), *sums)


@pytest.mark.parametrize("first", [0, 3, 7, 14])
@pytest.mark.parametrize("sizes", SIZES)
def test_squares_of_influences_add_up_to_the_variance(sizes: str, first: int) -> None:
    groups = dealt(TOKENS, SIZES[sizes])
    x, y = paired()
    found, n_groups = influences(sums_of(x, y, groups).merged(first))
    blocks = in_blocks(groups, first)
    assert n_groups == len(np.unique(blocks))
    for pair in range(PAIRS):
        expected = jackknife_of_pair(blocks, x[:, pair], y[:, pair])
        assert (found[pair] ** 2).sum().item() == pytest.approx(expected, rel=1e-9)
    present = np.isin(np.arange(GROUPS), blocks)
    assert (found.numpy()[:, ~present] == 0).all()
    assert (found.numpy()[:, present] != 0).any(1).all()


def test_influences_on_two_correlations_add_up_to_those_on_their_sum() -> None:
    groups = dealt(TOKENS, SIZES["unequal"])
    x, y = paired()
    found, _ = influences(sums_of(x, y, groups))
    both = found[0] + found[3]
    expected = jackknife(groups, lambda kept: fisher(x[kept, 0], y[kept, 0]) + fisher(x[kept, 3], y[kept, 3]))
    assert (both**2).sum().item() == pytest.approx(expected, rel=1e-9)


def test_influences_do_not_depend_on_what_sums_are_taken_about() -> None:
    groups = dealt(TOKENS, SIZES["unequal"])
    x, y = paired()
    here, there = (influences(sums_of(x, y, groups, about=about))[0].numpy() for about in (0.0, 3.0))
    assert here == pytest.approx(there, rel=1e-6, abs=1e-12)


def test_columns_are_chosen_pairs() -> None:
    groups = dealt(TOKENS, SIZES["equal"])
    everything = sums_of(*paired(), groups)
    found, _ = influences(everything.columns(torch.tensor([4, 1])))
    assert torch.equal(found, influences(everything)[0][[4, 1]])


@pytest.mark.parametrize("first", [0, 7])
def test_the_variance_is_right_on_average(first: int) -> None:
    # Independent normal positions: Fisher's z has the variance 1 / (n - 3).
    tokens, pairs = 800, 4000
    draw = np.random.default_rng(6)
    x = draw.standard_normal((tokens, pairs))
    y = 0.4 * x + draw.standard_normal((tokens, pairs))
    found, _ = influences(sums_of(x, y, dealt(tokens, [1] * 16)).merged(first))
    assert (found**2).sum(1).mean().item() == pytest.approx(1 / (tokens - 3), rel=0.05)


def test_one_group_alone_tells_nothing() -> None:
    found, n_groups = influences(sums_of(*paired(), np.full(TOKENS, 4)))
    assert n_groups == 1
    assert torch.isnan(found).all()


def test_a_perfect_correlation_has_finite_influences() -> None:
    x, _ = paired()
    found, _ = influences(sums_of(x, 2 * x + 1, dealt(TOKENS, [1] * 16)))
    assert torch.isfinite(found).all()
