"""Classes of characters become classes of tokens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Of positions without a document, of text that nothing covers, and of tokens over several unlike classes.
OUTSIDE, NONE, MULTI = range(3)


class Tokens(NamedTuple):
    """The tokens of a document as what they cover.

    Attributes:
        text: the document.
        starts: offset of each token's first character, (n,).
        ends: offset after its last one, (n,); pieces of one character each cover all of it.
    """

    text: str
    starts: NDArray[np.integer]
    ends: NDArray[np.integer]


def aligned(of_character: NDArray[np.uint32], tokens: Tokens) -> NDArray[np.uint32]:
    """Class of each token of a document.

    A token has the class of the text that it covers, the space before it aside; white space without a class says
    nothing. A token of white space alone has the class of its last character. Over several unlike classes it is
    `MULTI`; where it covers no text, or text without a class, `NONE`.

    Args:
        of_character: class of each character, (characters,).
        tokens: of the document.

    Returns:
        uint32 (n,).
    """
    n = len(tokens.text)
    found = np.full(len(tokens.starts), NONE, np.uint32)
    covers = np.asarray(tokens.ends, np.int64) > tokens.starts
    first, last = (np.asarray(offsets, np.int64)[covers] for offsets in (tokens.starts, tokens.ends))
    is_space = np.fromiter(map(str.isspace, tokens.text), bool, n)
    next_solid = np.minimum.accumulate(np.where(is_space, n, np.arange(n))[::-1])[::-1]
    first = np.where(next_solid[first] < last, next_solid[first], last - 1)
    says = np.flatnonzero(~is_space | (of_character != NONE))
    classes = of_character[says]
    change = np.append(0, np.cumsum(classes[1:] != classes[:-1]))
    begin, end = np.searchsorted(says, first), np.searchsorted(says, last) - 1
    has = begin <= end
    begin, end = begin[has], end[has]
    found[np.flatnonzero(covers)[has]] = np.where(change[begin] == change[end], classes[begin], MULTI)
    return found
