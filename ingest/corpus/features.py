"""Features: binary properties of positions, each a set of classes (token ids, subsets, syntax) that have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.corpus.inventory import token_tests, word_of
from ingest.corpus.texts import TokenText
from ingest.errors import InputError, first_line

UNIGRAM, SPECIAL, CUSTOM = "unigram", "special", "custom"
# The share of positions that Gurnee et al. ask of a unigram: 3,000 of 10 million.
_LEAST_SHARE = 3e-4
_LEAST_COUNT = 10
_MOST_UNIGRAMS = 256


@dataclass(frozen=True)
class Feature:
    """A feature: its name, its kind, what it means."""

    name: str
    kind: str
    definition: str


@dataclass(frozen=True)
class FeatureTable:
    """Which classes have which features.

    Attributes:
        features: in the order of the columns.
        holds: bool (classes, features).
    """

    features: tuple[Feature, ...]
    holds: NDArray[np.bool_]


def least_count(min_count: int | None, n_positions: int) -> int:
    """Positions that a feature must be found at: what the study says, else 3 in 10,000, 10 at least."""
    return min_count if min_count is not None else max(_LEAST_COUNT, round(_LEAST_SHARE * n_positions))


def token_features(
    texts: Sequence[TokenText],
    counts: NDArray[np.int64],
    *,
    special: frozenset[int],
    kinds: Sequence[str] | None,
    custom: Sequence[tuple[Feature, Sequence[int]]],
    least: int,
) -> FeatureTable:
    """The features of token ids that are common enough; of equal ones the first.

    Args:
        texts: of all ids.
        counts: positions of each id in the corpus.
        special: ids that have no text of their own.
        kinds: wanted ones; None for all.
        custom: a user's own features with their ids.
        least: positions that a feature must be found at.
    """
    is_plain = np.array([number not in special for number in range(len(texts))])
    found: list[tuple[Feature, NDArray[np.bool_]]] = []
    for feature, ids in custom:
        holds = np.zeros(len(texts), bool)
        holds[list(ids)] = True
        found.append((feature, holds))
    wanted = None if kinds is None else set(kinds)
    if wanted is None or UNIGRAM in wanted:
        found += _unigrams(texts, counts, special, least)
    for test in token_tests():
        if wanted is None or test.kind in wanted:
            holds = np.fromiter((test.holds(t.text) for t in texts), bool, len(texts)) & is_plain
            found.append((Feature(test.name, test.kind, test.definition), holds))
    seen: set[bytes] = set()
    kept = []
    for feature, holds in found:
        key = (holds & (counts > 0)).tobytes()
        if counts[holds].sum() >= least and key not in seen:
            seen.add(key)
            kept.append((feature, holds))
    columns = [holds for _, holds in kept]
    return FeatureTable(
        tuple(feature for feature, _ in kept), np.stack(columns, 1) if columns else np.zeros((len(texts), 0), bool)
    )


def _unigrams(
    texts: Sequence[TokenText], counts: NDArray[np.int64], special: frozenset[int], least: int
) -> list[tuple[Feature, NDArray[np.bool_]]]:
    """Words over all spellings, in the order of their frequency; single letters have features of their own."""
    words = np.array([t.text if number in special else word_of(t.text) for number, t in enumerate(texts)])
    spelled, word = np.unique(words, return_inverse=True)
    frequency = np.bincount(word, counts, len(spelled))
    found: list[tuple[Feature, NDArray[np.bool_]]] = []
    for number in np.argsort(-frequency, kind="stable"):
        text = str(spelled[number])
        is_letter = len(text) == 1 and text.isascii() and text.isalpha()
        if frequency[number] < least or len(found) == _MOST_UNIGRAMS:
            break
        if text and not is_letter:
            n = int((word == number).sum())
            definition = f"the word {text!r} in {n} spelling{'s' if n > 1 else ''}"
            # What BOS comes before is the start of a row: no word, and not to be taken for one.
            kind = SPECIAL if special.issuperset(np.flatnonzero(word == number)) else UNIGRAM
            found.append((Feature(f"{text}_unigram", kind, definition), word == number))
    return found


def read_custom(file: Path, texts: Sequence[TokenText]) -> list[tuple[Feature, list[int]]]:
    """A user's features: a CSV with the columns feature and token, and if wanted kind and definition.

    A row says that a token has a feature; the token is written as its text, spaces included.

    Raises:
        InputError: if the file cannot be read, names an unknown token, or two features by one name.
    """
    try:
        rows = pl.read_csv(file, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"[measure.features] csv: {file} cannot be read as CSV: {first_line(error)}") from None
    for column in ("feature", "token"):
        if column not in rows.columns or rows[column].null_count():
            raise InputError(f"[measure.features] csv: {file} needs the columns feature and token in every row")
    ids: dict[str, list[int]] = {}
    for number, token in enumerate(texts):
        ids.setdefault(token.text, []).append(number)
    known = {test.name for test in token_tests()}
    found: dict[str, tuple[Feature, list[int]]] = {}
    for row in rows.iter_rows(named=True):
        name, token = row["feature"], row["token"]
        feature = Feature(name, row.get("kind") or CUSTOM, row.get("definition") or f"{name} in {file.name}")
        if token not in ids:
            raise InputError(f"[measure.features] csv: {token!r} is no token of the models' vocabulary; spaces count")
        if name in known or found.setdefault(name, (feature, []))[0] != feature:
            raise InputError(f"[measure.features] csv: two features are named {name!r}: give one of them another name")
        found[name][1].extend(ids[token])
    return list(found.values())
