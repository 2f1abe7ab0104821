"""Where texts come from: files, JSON lines, Parquet; what cannot be read is counted, not dropped in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest.corpus.sources import Document, open_source
from ingest.corpus.store import store_corpus
from ingest.errors import InputError
from ingest.study import Corpus
from ingest.subject.tokenizer import load_tokenizer
from tests.support.small_models import demo_folder

RECORDS: list[dict[str, Any]] = [
    {"text": "first words", "meta": {"set": "books"}},
    {"text": None, "meta": {"set": "books"}},
    {"text": "second words", "meta": {"set": None}},
]


def read(source: str, folder: Path, **settings: Any) -> list[Document | None]:
    return list(open_source(Corpus(source=source, **settings), folder).read())


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_records_with_a_subset_inside_a_record(kind: str, tmp_path: Path) -> None:
    if kind == "jsonl":
        (tmp_path / "texts.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    else:
        pl.DataFrame(RECORDS).write_parquet(tmp_path / "texts.parquet")
    found = read(f"{kind}:texts.{kind}", tmp_path, subset_field="meta.set")
    assert found == [
        Document(f"texts.{kind}:0", "books", "first words"),
        None,
        Document(f"texts.{kind}:2", "", "second words"),
    ]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_field_of_another_name(kind: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"body": ["words"], "n": [1]})
    if kind == "jsonl":
        frame.write_ndjson(tmp_path / "texts")
    else:
        frame.write_parquet(tmp_path / "texts")
    assert read(f"{kind}:texts", tmp_path, field="body") == [Document("texts:0", "", "words")]
    with pytest.raises(InputError, match="'text' is not in texts; it has body, n"):
        read(f"{kind}:texts", tmp_path)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_file_of_another_kind_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "texts").write_bytes(b"\x00 neither of the two {")
    with pytest.raises(InputError, match=f"cannot be read as {kind}"):
        read(f"{kind}:texts", tmp_path)


def test_files_that_are_not_utf8_are_counted(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("a sentence of words " * 50)
    (tmp_path / "bad.txt").write_bytes("Grüße".encode("latin-1"))
    corpus = Corpus(source="text:*.txt", context=16)
    source = open_source(corpus, tmp_path)
    assert [document is None for document in source.read()] == [True, False]
    vocabulary = load_tokenizer("demo", demo_folder(1))
    rows = store_corpus(corpus, source, vocabulary, context=16, folder=tmp_path / "corpora")
    assert (rows.manifest.n_skipped, rows.manifest.n_documents) == (1, 1)


def test_a_glob_names_files_from_its_last_plain_folder(tmp_path: Path) -> None:
    for name in ("top/x/one.txt", "top/x/y/two.txt", "top/three.txt", "top/other.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = read("text:top/**/*.txt", tmp_path)
    assert [(d.path, d.subset) for d in found if d] == [("three.txt", ""), ("x/one.txt", "x"), ("x/y/two.txt", "x")]


def test_the_identity_of_files_follows_their_bytes(tmp_path: Path) -> None:
    file = tmp_path / "one.txt"
    file.write_text("a")
    corpus = Corpus(source="text:*.txt")
    first = open_source(corpus, tmp_path).identity
    assert open_source(corpus, tmp_path).identity == first
    file.write_text("b")
    assert open_source(corpus, tmp_path).identity != first
