"""Syntax: the class of every token position, from the standard library's tokenizer for Python source."""

from __future__ import annotations

import io
import keyword
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Of positions without a document, of text that no span covers, and of tokens over several unlike spans.
OUTSIDE, NONE, MULTI = range(3)
_PYTHON = ("keyword", "name", "string", "comment", "operator", "number", "newline", "indent")


@dataclass(frozen=True)
class Syntax:
    """Classes of positions and what they mean.

    Attributes:
        names: of the classes, the first three without syntax.
        features: features of every class.
    """

    names: tuple[str, ...]
    features: tuple[frozenset[str], ...]


PYTHON = Syntax(
    ("outside", "none", "multi", *_PYTHON),
    (frozenset(), frozenset(), frozenset(), *(frozenset([f"syntax_{name}"]) for name in _PYTHON)),
)


def python_classes(text: str, starts: NDArray[np.integer]) -> NDArray[np.uint16]:
    """Class of each token of a document of Python source.

    A token has the class of the source text that it covers, the space before it aside; white space alone is a newline
    or an indentation. Text that Python's tokenizer refuses has none from there on.

    Args:
        text: the document.
        starts: offset of each token's first character, ascending.

    Returns:
        uint16 (tokens,), an index into `PYTHON.names`.
    """
    of_character = np.full(len(text) + 1, NONE, np.uint16)
    for begin, end, name in _spans(text):
        of_character[begin:end] = PYTHON.names.index(name)
    is_space = np.array([*map(str.isspace, text), False])
    solid = np.where(is_space, len(text), np.arange(len(text) + 1))
    next_solid = np.minimum.accumulate(solid[::-1])[::-1]
    first = np.minimum(np.asarray(starts, np.int64), len(text))
    last = np.append(first[1:], len(text))
    last = np.maximum(last, first + 1).clip(max=len(text))
    first = np.where(next_solid[first] < last, next_solid[first], last - 1).clip(min=0)
    at_first, at_last = of_character[first], of_character[(last - 1).clip(min=0)]
    found: NDArray[np.uint16] = np.where(at_first == at_last, at_first, MULTI).astype(np.uint16)
    return found


def _spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Pieces of source as (first character, end, class)."""
    lines = text.split("\n")
    line_starts = np.cumsum([0, *(len(line) + 1 for line in lines)]).tolist()
    for start, line in zip(line_starts, lines, strict=False):
        yield start, start + len(line) - len(line.lstrip()), "indent"
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            name = _class_of(token)
            if name is not None and token.end > token.start:
                (first_line, first), (last_line, last) = token.start, token.end
                yield line_starts[first_line - 1] + first, line_starts[last_line - 1] + last, name
    except (tokenize.TokenError, SyntaxError):
        return


def _class_of(token: tokenize.TokenInfo) -> str | None:
    name = tokenize.tok_name[token.type]
    if name == "NAME":
        return "keyword" if keyword.iskeyword(token.string) else "name"
    if "STRING" in name:  # f-strings come in pieces from Python 3.12 on
        return "string"
    known = {"NEWLINE": "newline", "NL": "newline", "OP": "operator", "NUMBER": "number", "COMMENT": "comment"}
    return known.get(name)
