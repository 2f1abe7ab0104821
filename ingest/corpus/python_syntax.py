"""Syntax of source code: classes from the standard library's tokenizer for Python."""

from __future__ import annotations

import io
import keyword
import platform
import tokenize
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ingest.corpus.alignment import NONE, Tokens, aligned
from ingest.corpus.features import Feature, FeatureTable

_CLASSES = ("keyword", "name", "string", "comment", "operator", "number", "newline", "indent")
NAMES = ("outside", "none", "multi", *_CLASSES)


class PythonParser:
    """Python's own tokenizer; its classes are `NAMES`."""

    identity = "python " + ".".join(platform.python_version_tuple()[:2])
    table = FeatureTable(
        tuple(Feature(f"syntax_{name}", "syntax", f"Python's tokenizer: {name}") for name in _CLASSES),
        np.array([[name == of for name in _CLASSES] for of in NAMES]),
    )

    def classes(self, documents: Iterable[Tokens]) -> Iterator[NDArray[np.uint32]]:
        """Classes of every document's tokens.

        White space alone is a newline or an indentation. Text that Python's tokenizer refuses has none from there on.
        """
        for tokens in documents:
            of_character = np.full(len(tokens.text), NONE, np.uint32)
            for begin, end, name in _spans(tokens.text):
                of_character[begin:end] = NAMES.index(name)
            yield aligned(of_character, tokens)


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
