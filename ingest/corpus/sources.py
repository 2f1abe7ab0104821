"""Documents: where the text of a corpus comes from."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from ingest.corpus.stdlib import stdlib_files
from ingest.corpus.syntax import Parser, open_parser
from ingest.errors import InputError, first_line
from ingest.study import Corpus

_SHUFFLE_BUFFER = 10_000


@dataclass(frozen=True)
class Document:
    """One text with the place it came from.

    Attributes:
        path: where it was found, relative to the source; names the document in the warehouse.
        subset: the part of the corpus it belongs to, such as a folder or a data set's subset.
        text: the characters, with universal newlines.
    """

    path: str
    subset: str
    text: str


@dataclass(frozen=True)
class Source:
    """Texts that can be read.

    Attributes:
        identity: changes whenever the texts may have changed.
        read: yields the documents in a fixed order; None stands for one that could not be read as text.
        parser: gives their tokens classes of syntax; None where the study wants none.
    """

    identity: str
    read: Callable[[], Iterator[Document | None]]
    parser: Parser | None = None

    @property
    def syntax(self) -> str | None:
        """What decides the classes of syntax; None without."""
        return self.parser.identity if self.parser is not None else None


def open_source(corpus: Corpus, folder: Path) -> Source:
    """The source that a study names.

    Args:
        corpus: the study's section.
        folder: what relative paths start from.

    Raises:
        InputError: if there is nothing to read there, or its syntax cannot be read.
    """
    return replace(_open(corpus, folder), parser=open_parser(corpus.syntax, folder))


def _open(corpus: Corpus, folder: Path) -> Source:
    kind, _, rest = corpus.source.partition(":")
    if kind == "python-stdlib":
        return _files([(name, name.split("/")[0], path) for name, path in stdlib_files(corpus.part)])
    if kind == "text":
        return _files(_matches(rest, folder))
    if kind == "hf":
        return _hub(rest, corpus)
    return _records(kind, folder / Path(rest).expanduser(), corpus)


def _files(files: list[tuple[str, str, Path]]) -> Source:
    """Whole files as documents, each given as (name, subset, path)."""

    def read() -> Iterator[Document | None]:
        for name, subset, path in files:
            try:
                yield Document(name, subset, path.read_text(encoding="utf-8"))
            except UnicodeDecodeError:
                yield None

    digest = hashlib.sha256()
    for name, _, path in files:
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return Source(digest.hexdigest(), read)


def _matches(pattern: str, folder: Path) -> list[tuple[str, str, Path]]:
    """The files of a glob, named from its last folder without a wildcard; subset is the first folder below that."""
    full = os.path.join(folder, os.path.expanduser(pattern))
    paths = sorted(Path(p) for p in glob.glob(full, recursive=True) if Path(p).is_file())
    if not paths:
        raise InputError(f"[corpus] source: no file matches text:{pattern}: check the pattern, it starts at {folder}")
    fixed = []
    for part in Path(full).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    root = Path(*fixed)
    names = [p.relative_to(root) for p in paths]
    return [(n.as_posix(), n.parts[0] if len(n.parts) > 1 else "", p) for n, p in zip(names, paths, strict=True)]


def _records(kind: str, path: Path, corpus: Corpus) -> Source:
    """One document per row of a Parquet or JSON-lines file."""
    try:
        frame = pl.scan_parquet(path) if kind == "parquet" else pl.scan_ndjson(path)
        known = frame.collect_schema().names()
    except FileNotFoundError:
        raise InputError(f"[corpus] source: there is no file {path}") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"[corpus] source: {path} cannot be read as {kind}: {first_line(error)}") from None
    _require_fields(corpus, known, path.name)

    def read() -> Iterator[Document | None]:
        wanted = {name.split(".")[0] for name in (corpus.field, corpus.subset_field) if name}
        try:
            rows = frame.select(sorted(wanted)).collect().iter_rows(named=True)
        except pl.exceptions.PolarsError as error:
            raise InputError(f"[corpus] source: {path} is damaged: {first_line(error)}") from None
        for number, row in enumerate(rows):
            yield _from_record(row, f"{path.name}:{number}", corpus)

    stat = path.stat()
    return Source(f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}", read)


def _require_fields(corpus: Corpus, known: list[str], where: str) -> None:
    for field in filter(None, (corpus.field, corpus.subset_field)):
        if field.split(".")[0] not in known:
            raise InputError(f"[corpus] field {field!r} is not in {where}; it has {', '.join(known)}")


def _hub(name: str, corpus: Corpus) -> Source:
    """A data set of the Hugging Face hub, streamed; nothing but what is read is fetched."""

    def read() -> Iterator[Document | None]:
        from datasets import load_dataset
        from huggingface_hub.utils import logging as hub_logging

        hub_logging.set_verbosity_error()
        try:
            stream = load_dataset(name, split=corpus.split or "train", revision=corpus.revision, streaming=True)
            # Numbered before the shuffle, so that a document can be found again.
            stream = stream.map(lambda row, number: {"record": row, "number": number}, with_indices=True)
            if corpus.sample.kind == "shuffle":
                stream = stream.shuffle(seed=corpus.sample.seed, buffer_size=_SHUFFLE_BUFFER)
            for position, numbered in enumerate(stream):
                row = numbered["record"]
                if position == 0:
                    _require_fields(corpus, list(row), name)
                yield _from_record(row, f"{name}:{numbered['number']}", corpus)
        except (OSError, ValueError, RuntimeError) as error:
            reason = first_line(error)
            raise InputError(f"[corpus] source: data set {name} cannot be read from the hub: {reason}") from None

    return Source(f"hub {name} {corpus.split} {corpus.revision}", read)


def _from_record(row: dict[str, Any], path: str, corpus: Corpus) -> Document | None:
    text = _field(row, corpus.field)
    if not isinstance(text, str):
        return None
    subset = _field(row, corpus.subset_field) if corpus.subset_field else None
    return Document(path, "" if subset is None else str(subset), text)


def _field(row: dict[str, Any], field: str) -> Any:
    """A field of a record; dots lead into nested records."""
    value: Any = row
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
