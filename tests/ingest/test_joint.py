"""Pairs of token and syntax: which have sums of their own, and what is left."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.recipes import joint
from ingest.recipes.joint import Joint, joint_classes

N_ROWS, CONTEXT, N_CHOSEN = 30, 16, 20
N_TOKENS, N_SYNTAX = 6, 3  # that are told apart


@pytest.fixture(scope="module")
def tokens() -> NDArray[np.int64]:
    return np.minimum(np.random.default_rng(0).geometric(0.3, (N_ROWS, CONTEXT)) - 1, 8)


@pytest.fixture(scope="module")
def syntax(tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Mostly a function of the token."""
    drawn = np.random.default_rng(1)
    return np.where(drawn.random(tokens.shape) < 0.7, tokens % 5, drawn.integers(0, 5, tokens.shape))


def made(tokens: NDArray[np.int64], syntax: NDArray[np.int64], n_rows: int = N_ROWS) -> Joint:
    return joint_classes(
        lambda numbers: tokens[numbers], N_TOKENS, lambda numbers: syntax[numbers], N_SYNTAX,
        n_chosen=N_CHOSEN, n_rows=n_rows,
    )  # fmt: skip


def labels(tokens: NDArray[np.int64], syntax: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.minimum(tokens, N_TOKENS) * 10 + np.minimum(syntax, N_SYNTAX)


@pytest.mark.parametrize(("kept", "rows_at_once"), [(2048, 4096), (4, 7), (0, 1)])
def test_frequent_pairs_have_sums_of_their_own(
    tokens: NDArray[np.int64],
    syntax: NDArray[np.int64],
    kept: int,
    rows_at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joint, "KEPT_PAIRS", kept)
    monkeypatch.setattr(joint, "_ROWS_AT_ONCE", rows_at_once)
    found = made(tokens, syntax)
    number = found.of_rows(np.arange(N_ROWS))
    pair = labels(tokens, syntax)
    names, counts = np.unique(pair[:N_CHOSEN], return_counts=True)
    count_of = dict(zip(names.tolist(), counts.tolist(), strict=True))
    largest = {token: max(n for name, n in count_of.items() if name // 10 == token) for token in range(N_TOKENS + 1)}
    own = [np.unique(pair[number == k]) for k in range(len(found.owner))]
    assert all(len(names) == 1 for names in own)
    chosen = [int(names[0]) for names in own]
    assert [name // 10 for name in chosen] == found.owner.tolist()
    others = sorted(count_of.values())
    for n in largest.values():
        others.remove(n)
    assert [count_of[name] for name in chosen] == others[::-1][:kept]
    # One pair of each token is told apart as what the others leave; more than one are not.
    rest = np.unique(pair[number == len(found.owner)])
    alone = np.bincount(rest // 10, minlength=N_TOKENS + 1)
    assert found.left == np.maximum(alone - 1, 0).sum()
    assert (found.left == 0) == (set(np.unique(pair)) == set(names.tolist()) and kept == 2048)


def test_a_longer_corpus_keeps_the_pairs_of_a_shorter_one(tokens: NDArray[np.int64], syntax: NDArray[np.int64]) -> None:
    short, long = made(tokens, syntax, N_CHOSEN), made(tokens, syntax)
    first = np.arange(N_CHOSEN)
    assert np.array_equal(short.owner, long.owner)
    assert np.array_equal(short.of_rows(first), long.of_rows(first))
    assert short.left == 0
