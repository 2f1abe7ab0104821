"""Syntax of prose: part of speech, dependency, morphology and entity of every word, from a spaCy pipeline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ingest.corpus.alignment import MULTI, NONE, Tokens, aligned
from ingest.corpus.features import Feature, FeatureTable
from ingest.errors import InputError, first_line

# spaCy's parser and entity recogniser take about 1 GB per 100,000 characters that they read at once.
_LONGEST_PIECE = 100_000
_AT_ONCE = 100_000
_WHAT = {"pos": "part of speech", "dep": "dependency", "morph": "morphology", "ent": "entity"}
_FIRST_CLASS = MULTI + 1


@dataclass(frozen=True)
class Pipeline:
    """A pipeline on this machine.

    Attributes:
        place: what `spacy.load` is given: a package's name or a folder.
        name: its own name with its language and version.
        identity: that, the version of spaCy, and a hash of the pipeline's files.
    """

    place: str | Path
    name: str
    identity: str


def find_pipeline(name: str, folder: Path) -> Pipeline:
    """A pipeline by its name, without importing spaCy.

    Args:
        name: of a folder, or else of an installed package.
        folder: what relative paths start from.

    Raises:
        InputError: if spaCy or the pipeline is not there.
    """
    if find_spec("spacy") is None:
        raise InputError(f'[corpus] syntax = "spacy:{name}" needs spaCy: pip install "neuron-warehouse[spacy]"')
    local = folder / Path(name).expanduser()
    home = local if local.is_dir() else _package(name)
    if home is None:
        raise InputError(
            f"[corpus] syntax: no spaCy pipeline {name} is installed, and there is no folder {local}: "
            f"python -m spacy download {name}, or correct the path"
        )
    try:
        meta = json.loads((home / "meta.json").read_text(encoding="utf-8"))
        own = f"{meta['lang']}_{meta['name']} {meta['version']}"
        identity = f"spacy {version('spacy')}, {own}, {_digest(home)}"
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"[corpus] syntax: {home} is no spaCy pipeline (no meta.json that says so): save one there with nlp.to_disk"
        ) from None
    return Pipeline(local if home == local else name, own, identity)


def _package(name: str) -> Path | None:
    """The folder of an installed pipeline."""
    spec = find_spec(name) if name.isidentifier() else None
    home = Path(spec.origin).parent if spec is not None and spec.origin is not None else None
    return home if home is not None and (home / "meta.json").is_file() else None


def _digest(home: Path) -> str:
    """Hash of a pipeline's files: one that was trained again often keeps its name and version."""
    digest = hashlib.sha256()
    for file in sorted(home.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(home).as_posix()}\0".encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


class SpacyParser:
    """A spaCy pipeline; every combination of features that it finds is a class, numbered as they are met."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Name a pipeline, which is loaded when it is used."""
        self.identity = pipeline.identity
        self._pipeline = pipeline
        self._of_values: dict[tuple[int, ...], int] = {}
        self._of_features: dict[frozenset[str], int] = {}
        self._meanings: dict[str, str] = {}

    @property
    def table(self) -> FeatureTable:
        """Features of all classes met so far."""
        names = sorted(self._meanings)
        classes = [frozenset[str]()] * _FIRST_CLASS + list(self._of_features)
        holds = np.array([[name in of for name in names] for of in classes], bool).reshape(len(classes), len(names))
        return FeatureTable(tuple(Feature(name, "syntax", self._meanings[name]) for name in names), holds)

    def classes(self, documents: Sequence[Tokens]) -> Iterator[NDArray[np.uint32]]:
        """Classes of every document's tokens; a pipeline that lacks a component gives no features of it.

        A document is read in pieces of at most 100,000 characters, or as many as the pipeline takes, cut at an empty
        line, the end of a line or a space where there is one: what spans a cut is not seen as a whole.

        Raises:
            InputError: if the pipeline cannot be loaded.
        """
        nlp = self._loaded()
        longest = min(_LONGEST_PIECE, nlp.max_length)
        pieces = (
            (k, start, part) for k, (text, _, _) in enumerate(documents) for start, part in _pieces(text, longest)
        )
        for number, words in groupby(self._words(nlp, pieces, documents), key=itemgetter(0)):
            of_character = np.full(len(documents[number].text), NONE, np.uint32)
            for _, first, lengths, classes in words:
                before = np.cumsum(lengths) - lengths
                characters = np.arange(lengths.sum()) + np.repeat(first - before, lengths)
                of_character[characters] = np.repeat(classes, lengths)
            yield aligned(of_character, documents[number])

    def _loaded(self) -> Any:
        try:
            import spacy

            return spacy.load(self._pipeline.place)
        except (ImportError, AttributeError, KeyError, OSError, TypeError, ValueError) as error:
            raise InputError(
                f"[corpus] syntax: the spaCy pipeline {self._pipeline.place} cannot be loaded: {first_line(error)}"
            ) from None

    def _words(
        self, nlp: Any, pieces: Iterable[tuple[int, int, str]], documents: Sequence[Tokens]
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32]]]:
        """Each piece's document, and its words' first characters in the document, lengths and classes."""
        characters = sum(len(tokens.text) for tokens in documents)
        with tqdm(total=characters, unit="char", unit_scale=True, desc=f"syntax by {self._pipeline.name}") as bar:
            for batch in _batches(pieces):
                found = []
                # What spaCy remembers of new words is forgotten after the batch.
                with nlp.memory_zone():
                    docs = nlp.pipe([text for _, _, text in batch], batch_size=len(batch))
                    for (number, start, _), doc in zip(batch, docs, strict=True):
                        first = np.fromiter((word.idx for word in doc), np.int64, len(doc)) + start
                        lengths = np.fromiter((len(word) for word in doc), np.int64, len(doc))
                        found.append((number, first, lengths, self._classes_of(doc)))
                    del docs, doc
                yield from found
                bar.update(sum(len(text) for _, _, text in batch))

    def _classes_of(self, doc: Any) -> NDArray[np.uint32]:
        from spacy.attrs import DEP, ENT_TYPE, MORPH, POS

        if not len(doc):
            return np.zeros(0, np.uint32)
        values, inverse = np.unique(doc.to_array([POS, DEP, MORPH, ENT_TYPE]), axis=0, return_inverse=True)
        classes = [self._class_of(doc.vocab.strings, *row) for row in values.tolist()]
        return np.array(classes, np.uint32)[inverse.reshape(-1)]

    def _class_of(self, strings: Any, *values: int) -> int:
        """The class of one combination of values, as spaCy's numbers of their strings."""
        if values not in self._of_values:
            from spacy.glossary import GLOSSARY

            pos, dep, morph, ent = (strings[value] for value in values)
            parts = [("pos", pos), ("dep", dep), *(("morph", part) for part in _morphology(morph)), ("ent", ent)]
            features = {f"syntax_{what}_{part}": (what, part) for what, part in parts if part}
            for name, (what, part) in features.items():
                meaning = f" ({GLOSSARY[part]})" if part in GLOSSARY else ""
                self._meanings[name] = f"{self._pipeline.name}: {_WHAT[what]} {part}{meaning}"
            number = len(self._of_features) + _FIRST_CLASS
            self._of_values[values] = self._of_features.setdefault(frozenset(features), number)
        return self._of_values[values]


def _morphology(text: str) -> list[str]:
    """Number=Sing|PronType=Int,Rel as Number=Sing, PronType=Int, PronType=Rel."""
    fields = (field.partition("=") for field in text.split("|"))
    return [f"{name}={value}" for name, _, values in fields for value in values.split(",") if value]


def _pieces(text: str, longest: int) -> Iterator[tuple[int, str]]:
    """A text in pieces with their offsets; one empty piece of an empty text."""
    start = 0
    while len(text) - start > longest:
        end = start + longest
        for mark in ("\n\n", "\n", " "):
            found = text.rfind(mark, start + longest // 2, end)
            if found >= 0:
                end = found + len(mark)
                break
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def _batches(pieces: Iterable[tuple[int, int, str]]) -> Iterator[list[tuple[int, int, str]]]:
    """Pieces that are read at once, of some 100,000 characters together."""
    batch: list[tuple[int, int, str]] = []
    held = 0
    for piece in pieces:
        if batch and held + len(piece[2]) > _AT_ONCE:
            yield batch
            batch, held = [], 0
        batch.append(piece)
        held += len(piece[2])
    if batch:
        yield batch
