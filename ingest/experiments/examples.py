"""Positions of a text whose next token ends in a suffix, and as many whose next token does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.names import GROUPS

_HALF = GROUPS // 2


@dataclass(frozen=True)
class Examples:
    """Balanced examples, in the order of the text.

    Attributes:
        sequence: token row of each.
        position: place in the row; its next token is the one in question.
        is_suffix: whether that ends in the suffix.
        is_test: whether the row's document is in the second half of the groups, on which probes are scored.
    """

    sequence: NDArray[np.int64]
    position: NDArray[np.int64]
    is_suffix: NDArray[np.bool_]
    is_test: NDArray[np.bool_]

    def of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Indices of the examples in some rows, ascending by row and place."""
        return np.flatnonzero(np.isin(self.sequence, numbers))

    def n_least(self) -> int:
        """Examples with the suffix in the half that has fewer."""
        return min(int((self.is_suffix & (self.is_test == half)).sum()) for half in (False, True))


def ends_in(texts: list[str], suffix: str) -> NDArray[np.bool_]:
    """Which tokens end in a suffix, spaces behind and capitals aside; the suffix alone does, too."""
    return np.array([text.rstrip().lower().endswith(suffix) for text in texts])


def balanced(
    ids: NDArray[np.integer],
    counted: NDArray[np.bool_],
    groups: NDArray[np.integer],
    numbers: NDArray[np.int64],
    has_suffix: NDArray[np.bool_],
    *,
    context: int,
    most: int,
    seed: int,
) -> Examples:
    """Draw examples: up to `most` with the suffix in each half of the documents, and as many others of that half.

    Args:
        ids: token ids of some rows (rows, context).
        counted: positions whose token and next token are of the text, bool (rows, context).
        groups: group of documents of each row.
        numbers: of the rows in the corpus.
        has_suffix: of every token id.
        context: tokens that must stand in front of the next one.
        most: examples of each kind and half.
        seed: of the draws.
    """
    usable = counted.copy()
    usable[:, : context - 1] = False
    rows, places = usable.nonzero()
    target = has_suffix[ids[rows, places + 1]]
    is_test = groups[rows] >= _HALF
    chosen = []
    for half in (False, True):
        with_suffix = np.flatnonzero(target & (is_test == half))
        others = np.flatnonzero(~target & (is_test == half))
        n = min(most, len(with_suffix), len(others))
        generator = np.random.default_rng([seed, int(half)])
        chosen += [generator.choice(pool, n, replace=False) for pool in (with_suffix, others)]
    index = np.sort(np.concatenate(chosen))
    return Examples(numbers[rows[index]], places[index], target[index], is_test[index])
