"""Token rows on disk: made once, memory-mapped afterwards.

A stored corpus is a folder with

    ids.npy         (n_rows, context)  token ids, uint16 or uint32
    documents.npy   (n_rows, context)  index into documents.parquet, -1 where no document is (BOS)
    starts.npy      (n_rows, context)  offset of the token's first character in its document, uint32
    syntax.npy      (n_rows, context)  class of the token in its document, uint16 or uint32; where the study asks for it
    syntax.json                        what these classes are: their features
    documents.parquet                  document, path, subset, n_tokens
    manifest.json                      written last: what the rows are made of, and their fingerprint
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
from numpy.typing import NDArray

from ingest.corpus.alignment import OUTSIDE
from ingest.corpus.features import FeatureTable
from ingest.corpus.sources import Document, Source
from ingest.corpus.strata import Vocabulary, strata
from ingest.corpus.syntax import Parser, table_as_json, table_from_json
from ingest.corpus.tokenize import EncodedDocument, encode, with_bos
from ingest.errors import InputError, RunFailed
from ingest.names import GROUPS
from ingest.study import Corpus
from ingest.tables import STRATA


@dataclass(frozen=True)
class Manifest:
    """What a stored corpus holds; the counts are over its rows, `syntax` is what gave the classes, None without."""

    source: str
    source_identity: str
    tokenizer_hash: str
    context: int
    bos: str
    n_rows: int
    n_tokens: int
    n_stratum: dict[str, int]
    n_documents: int
    n_skipped: int
    syntax: str | None
    python_version: str
    fingerprint: str


@dataclass(frozen=True)
class TokenRows:
    """An open corpus; the arrays are memory maps."""

    folder: Path
    manifest: Manifest

    @cached_property
    def ids(self) -> NDArray[np.integer]:
        """Token ids (n_rows, context)."""
        array: NDArray[np.integer] = np.load(self.folder / "ids.npy", mmap_mode="r")
        return array

    @cached_property
    def documents(self) -> NDArray[np.int32]:
        """Document of every position (n_rows, context), -1 for BOS."""
        array: NDArray[np.int32] = np.load(self.folder / "documents.npy", mmap_mode="r")
        return array

    @cached_property
    def starts(self) -> NDArray[np.uint32]:
        """Character offset of every token in its document (n_rows, context)."""
        array: NDArray[np.uint32] = np.load(self.folder / "starts.npy", mmap_mode="r")
        return array

    @cached_property
    def syntax(self) -> NDArray[np.integer] | None:
        """Syntax class of every position (n_rows, context), a row of `syntax_table`; None without syntax."""
        if self.manifest.syntax is None:
            return None
        array: NDArray[np.integer] = np.load(self.folder / "syntax.npy", mmap_mode="r")
        return array

    @cached_property
    def syntax_table(self) -> FeatureTable:
        """Features of the syntax classes."""
        return table_from_json((self.folder / "syntax.json").read_text(encoding="utf-8"))

    @cached_property
    def groups(self) -> NDArray[np.uint8]:
        """Group of documents of every row (n_rows,): the group of the document at the row's middle.

        A document goes to the group with the fewest rows when it is met first, so groups are of similar size, no
        document is in two, and the first rows have the same groups however many follow.
        """
        of_document: dict[int, int] = {}
        sizes = [0] * GROUPS
        groups = np.empty(len(self.ids), np.uint8)
        for row, document in enumerate(self.documents[:, self.documents.shape[1] // 2].tolist()):
            group = of_document.setdefault(document, sizes.index(min(sizes)))
            sizes[group] += 1
            groups[row] = group
        return groups

    def document_table(self) -> pl.DataFrame:
        """One row per document: document, path, subset, n_tokens."""
        return pl.read_parquet(self.folder / "documents.parquet")


def fingerprint(ids: NDArray[np.integer]) -> str:
    """Hash of token ids (n_rows, context), the same for every integer type."""
    digest = hashlib.sha256(f"{ids.shape}".encode())
    for start in range(0, len(ids), 4096):
        digest.update(np.ascontiguousarray(ids[start : start + 4096], dtype="<u4").tobytes())
    return digest.hexdigest()


def store_corpus(corpus: Corpus, source: Source, vocabulary: Vocabulary, *, context: int, folder: Path) -> TokenRows:
    """The token rows of a corpus, from disk where they were made before.

    Args:
        corpus: the study's section.
        source: its texts.
        vocabulary: the models' tokenizer.
        context: tokens per row.
        folder: where stored corpora live.

    Raises:
        InputError: if the text is empty, shorter than one row, or shorter than the tokens asked for.
    """
    key = {
        "source": corpus.source,
        "identity": source.identity,
        "fields": [corpus.field, corpus.subset_field],
        "tokenizer": vocabulary.hash,
        "context": context,
        "bos": corpus.bos,
        "tokens": corpus.tokens,
        "sample": corpus.sample.model_dump(),
        "syntax": source.syntax,
    }
    home = folder / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    stored = _stored(home)
    if stored is None:
        scratch = folder / f".{home.name}.{os.getpid()}"
        _remove_leftovers(folder)
        scratch.mkdir(parents=True)
        try:
            _write(corpus, source, vocabulary, context, scratch)
            shutil.rmtree(home, ignore_errors=True)
            scratch.rename(home)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        stored = _stored(home)
    if stored is None:
        raise RunFailed(f"the corpus stored in {home} cannot be read back")
    return stored


def _stored(home: Path) -> TokenRows | None:
    """A corpus from disk; None if there is none, or it is not what its manifest says."""
    try:
        rows = TokenRows(home, Manifest(**json.loads((home / "manifest.json").read_text())))
        arrays = (rows.documents, rows.starts, *(() if rows.syntax is None else (rows.syntax,)))
        whole = all(array.shape == rows.ids.shape for array in arrays)
        return rows if whole and fingerprint(rows.ids) == rows.manifest.fingerprint else None
    except (OSError, ValueError, TypeError):
        return None


def _remove_leftovers(folder: Path) -> None:
    """Delete what killed processes did not finish."""
    for scratch in folder.glob(".*.*"):
        if not scratch.suffix[1:].isdigit():
            continue
        pid = int(scratch.suffix[1:])
        if pid == os.getpid() or not psutil.pid_exists(pid):
            shutil.rmtree(scratch, ignore_errors=True)


def _write(corpus: Corpus, source: Source, vocabulary: Vocabulary, context: int, folder: Path) -> None:
    bos = vocabulary.bos if corpus.bos == "row" else None
    if corpus.bos == "row" and bos is None:
        raise InputError('the tokenizer has no BOS or EOS token: set bos = "none" in [corpus]')
    width = context - (bos is not None)
    wanted_rows = None if corpus.tokens is None else -(-corpus.tokens // context)
    # The first rows need no more text than they hold; a shuffle of local text is over all of it. A hub's stream is
    # shuffled at its source, so there the first rows are a sample already.
    first_rows = corpus.sample.kind == "head" or corpus.source.startswith("hf:")
    enough = None if wanted_rows is None or not first_rows else wanted_rows * width
    encoded, n_skipped = _encode_all(source, vocabulary, enough)
    stream = _joined([e.ids for e in encoded], np.uint32)
    n_rows = len(stream) // width
    if not any(e.document.text for e in encoded):
        raise InputError(f"[corpus] source {corpus.source} holds no text")
    if n_rows == 0:
        raise InputError(f"[corpus] has {len(stream)} tokens, less than one row of {context}: lower context")
    if wanted_rows is not None and n_rows < wanted_rows:
        raise InputError(
            f"[corpus] has {n_rows * context} tokens in rows of {context}, fewer than the {corpus.tokens} asked for: "
            "lower tokens or add text"
        )
    order = np.arange(n_rows)
    if corpus.sample.kind == "shuffle":
        order = np.random.default_rng(corpus.sample.seed).permutation(n_rows)
    order = order[:wanted_rows]
    ids = with_bos(stream, context=context, bos=bos)[order]
    numbers = [np.full(len(e.ids), k, np.int32) for k, e in enumerate(encoded)]
    document = with_bos(_joined(numbers, np.int32), context=context, bos=None if bos is None else -1)[order]
    starts = with_bos(_joined([e.starts for e in encoded], np.uint32), context=context, bos=bos and 0)[order]
    _save(folder / "ids.npy", ids.astype(np.uint16 if vocabulary.size <= 1 << 16 else np.uint32))
    _save(folder / "documents.npy", document)
    _save(folder / "starts.npy", starts)
    if source.parser is not None:
        classes = _joined(_syntax_classes(source.parser, encoded, document), np.uint32)
        syntax = with_bos(classes, context=context, bos=None if bos is None else OUTSIDE)[order]
        classes_of = source.parser.table
        _save(folder / "syntax.npy", syntax.astype(np.uint16 if len(classes_of.holds) <= 1 << 16 else np.uint32))
        (folder / "syntax.json").write_text(table_as_json(classes_of), encoding="utf-8")
    table = BytesIO()
    _document_table([e.document for e in encoded], document).write_parquet(table)
    (folder / "documents.parquet").write_bytes(table.getvalue())
    counts = np.bincount(strata(ids, vocabulary).ravel(), minlength=len(STRATA))
    manifest = Manifest(
        source=corpus.source,
        source_identity=source.identity,
        tokenizer_hash=vocabulary.hash,
        context=context,
        bos=corpus.bos,
        n_rows=len(ids),
        n_tokens=ids.size,
        n_stratum={name: int(n) for name, n in zip(STRATA, counts, strict=True)},
        n_documents=len(np.unique(document[document >= 0])),
        n_skipped=n_skipped,
        syntax=source.syntax,
        python_version=platform.python_version(),
        fingerprint=fingerprint(ids),
    )
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=2) + "\n")


def _save(file: Path, array: NDArray[Any]) -> None:
    # numpy's and polars' own writers hide the system's error when the disk is full.
    with file.open("wb") as stream:
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(np.ascontiguousarray(array).data)


def _encode_all(source: Source, vocabulary: Vocabulary, enough: int | None) -> tuple[list[EncodedDocument], int]:
    """All documents as tokens, or the first ones that make `enough` tokens; and how many could not be read."""
    n_skipped = 0
    encoded: list[EncodedDocument] = []
    n_tokens = 0
    texts = iter(source.read())
    while enough is None or n_tokens < enough:
        group = list(islice(texts, 256))
        if not group:
            break
        readable = [d for d in group if d is not None]
        n_skipped += len(group) - len(readable)
        for document in encode(vocabulary.tokenizer, readable, separator=vocabulary.eos):
            n_tokens += len(document.ids)
            encoded.append(document)
    return encoded, n_skipped


def _syntax_classes(
    parser: Parser, encoded: list[EncodedDocument], positions: NDArray[np.int32]
) -> list[NDArray[np.uint32]]:
    """Syntax of every document's tokens; of documents that no row holds, nothing."""
    held = set(np.unique(positions).tolist())
    found = parser.classes([e.tokens for number, e in enumerate(encoded) if number in held])
    return [
        next(found) if number in held else np.full(len(e.ids), OUTSIDE, np.uint32) for number, e in enumerate(encoded)
    ]


def _joined(arrays: list[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)


def _document_table(documents: list[Document], positions: NDArray[np.int32]) -> pl.DataFrame:
    n_tokens = np.bincount(positions[positions >= 0].astype(np.int64), minlength=len(documents))
    return pl.DataFrame(
        {
            "document": np.arange(len(documents), dtype=np.int32),
            "path": [d.path for d in documents],
            "subset": [d.subset for d in documents],
            "n_tokens": n_tokens,
        }
    )
