"""Syntax: who gives token positions their classes, and how the classes' features are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.corpus.alignment import Tokens
from ingest.corpus.features import Feature, FeatureTable
from ingest.corpus.python_syntax import PythonParser
from ingest.corpus.spacy_syntax import SpacyParser, find_pipeline

SYNTAX = "syntax"


class Parser(Protocol):
    """Gives tokens their classes, of which the first three are `OUTSIDE`, `NONE` and `MULTI`."""

    @property
    def identity(self) -> str:
        """What decides the classes: another one makes another corpus."""

    @property
    def table(self) -> FeatureTable:
        """Features of all classes met so far."""

    def classes(self, documents: Sequence[Tokens]) -> Iterator[NDArray[np.uint32]]:
        """Classes of every document's tokens.

        Raises:
            InputError: if the parser cannot be loaded.
        """


def open_parser(syntax: str, folder: Path) -> Parser | None:
    """The parser that a study names; None for none. Nothing heavy is imported before it is used.

    Args:
        syntax: none, python or spacy:PIPELINE.
        folder: what relative paths start from.

    Raises:
        InputError: if it is not installed.
    """
    kind, _, name = syntax.partition(":")
    if kind == "spacy":
        return SpacyParser(find_pipeline(name, folder))
    return PythonParser() if kind == "python" else None


def table_as_json(table: FeatureTable) -> str:
    """Features with their definitions, and the numbers of each class's features."""
    features = [[feature.name, feature.definition] for feature in table.features]
    return json.dumps({"features": features, "classes": [np.flatnonzero(of).tolist() for of in table.holds]})


def table_from_json(text: str) -> FeatureTable:
    """The table that was written so."""
    content = json.loads(text)
    holds = np.zeros((len(content["classes"]), len(content["features"])), bool)
    for number, features in enumerate(content["classes"]):
        holds[number, features] = True
    return FeatureTable(tuple(Feature(name, SYNTAX, meaning) for name, meaning in content["features"]), holds)
