"""Token and syntax together: which pairs of their classes keep sums of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Most pairs with sums of their own.
KEPT_PAIRS = 2048
_ROWS_AT_ONCE = 4096

# From the numbers of some rows to the classes of their positions, (rows, context).
OfRows = Callable[[NDArray[np.int64]], NDArray[np.integer]]


@dataclass(frozen=True)
class Joint:
    """Pairs of a token's and a syntax's class that occur together.

    The most frequent pair of a token needs no sum of its own: it is what the others leave of the token's. Of the others
    the most frequent ones have one each; rare ones stay together with their token's most frequent one.

    Attributes:
        of_rows: number of the pair at every position of some rows; `len(owner)` where it has no sum of its own.
        owner: token's class of each pair, int64 (pairs,).
        left: pairs that occur and are told apart from no other one.
    """

    of_rows: OfRows
    owner: NDArray[np.int64]
    left: int


def joint_classes(tokens: OfRows, n_tokens: int, syntax: OfRows, n_syntax: int, *, n_chosen: int, n_rows: int) -> Joint:
    """Pairs of classes.

    Args:
        tokens: classes of tokens.
        n_tokens: that are told apart; those from it on count as one more.
        syntax: classes of syntax.
        n_syntax: likewise.
        n_chosen: rows at the front that say what is frequent.
        n_rows: of the corpus.
    """
    shape = (n_tokens + 1, n_syntax + 1)

    def pairs(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        token, of_syntax = np.minimum(tokens(numbers), n_tokens), np.minimum(syntax(numbers), n_syntax)
        return np.asarray(token.astype(np.int64) * shape[1] + of_syntax)

    def counted(first: int, last: int) -> NDArray[np.int64]:
        counts = np.zeros(shape[0] * shape[1], np.int64)
        for start in range(first, last, _ROWS_AT_ONCE):
            numbers = np.arange(start, min(last, start + _ROWS_AT_ONCE))
            counts += np.bincount(pairs(numbers).ravel(), minlength=len(counts))
        return counts.reshape(shape)

    chosen = counted(0, n_chosen)
    occurs = chosen + counted(n_chosen, n_rows) > 0
    others = chosen.copy()
    others[np.arange(shape[0]), chosen.argmax(1)] = 0
    order = np.argsort(-others, axis=None, kind="stable")[:KEPT_PAIRS]
    order = order[others.ravel()[order] > 0]
    number_of = np.full(occurs.size, len(order), np.int64)
    number_of[order] = np.arange(len(order))
    alone = (occurs & (number_of == len(order)).reshape(shape)).sum(1)
    left = int((alone - 1).clip(min=0).sum())
    return Joint(lambda numbers: number_of[pairs(numbers)], order // shape[1], left)
