"""Token rows: every position leads back to its text, kinds of positions, samples, and what is on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.corpus.sources import open_source
from ingest.corpus.store import TokenRows, fingerprint, store_corpus
from ingest.corpus.strata import Vocabulary, strata
from ingest.names import GROUPS
from ingest.study import Corpus, Sample
from ingest.subject.tokenizer import load_tokenizer
from ingest.tables import STRATA
from tests.support.small_models import demo_folder

CONTEXT = 24
# Multi-byte characters are several tokens each, whose offsets are still those of characters.
TEXTS = {
    "a/plain.txt": "def plus(a, b):\n    return a + b\n\n\nprint(plus(1, 2))\n" * 6,
    "a/letters.txt": "Grüße, мир 🙂 naïve\n\n" * 9,
    "b/empty.txt": "",
    "b/short.txt": "x = 1\r\ny = 2\r\n",
    "last.txt": "for i in range(10):\n\tpass\n" * 12,
}

Make = Callable[..., TokenRows]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load_tokenizer("demo", demo_folder(1))


@pytest.fixture
def make(vocabulary: Vocabulary, tmp_path: Path) -> Make:
    """Store the texts as rows."""
    for name, text in TEXTS.items():
        file = tmp_path / "texts" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())

    def store(**settings: Any) -> TokenRows:
        corpus = Corpus(source="text:texts/**/*.txt", **settings)
        source = open_source(corpus, tmp_path)
        return store_corpus(corpus, source, vocabulary, context=CONTEXT, folder=tmp_path / "corpora")

    return store


@pytest.mark.parametrize("bos", ["row", "none"])
@pytest.mark.parametrize("kind", ["shuffle", "head"])
def test_every_position_leads_back_to_its_characters(make: Make, vocabulary: Vocabulary, bos: str, kind: str) -> None:
    rows = make(bos=bos, sample=Sample(kind=kind))  # type: ignore[arg-type]
    paths = rows.document_table()["path"].to_list()
    seen = set()
    for place in np.ndindex(rows.ids.shape):
        document, start = int(rows.documents[place]), int(rows.starts[place])
        if document < 0:
            assert (bos, place[1], start) == ("row", 0, 0)
            continue
        text = TEXTS[paths[document]].replace("\r\n", "\n")
        decoded = vocabulary.tokenizer.decode([int(rows.ids[place])], skip_special_tokens=False)
        seen.add(paths[document])
        if rows.ids[place] == vocabulary.eos:
            assert start == len(text)
        elif "\N{REPLACEMENT CHARACTER}" in decoded:
            assert not text[start].isascii()
        else:
            assert text[start : start + len(decoded)] == decoded
    assert {"a/plain.txt", "a/letters.txt"} <= seen


def test_rows_in_order_are_the_documents_one_after_another(make: Make, vocabulary: Vocabulary) -> None:
    stream: list[int] = []
    for name in sorted(TEXTS):
        text = TEXTS[name].replace("\r\n", "\n")
        stream += [*vocabulary.tokenizer.encode(text, add_special_tokens=False).ids, vocabulary.eos or 0]
    with_bos = make(sample=Sample(kind="head"))
    assert set(with_bos.ids[:, 0].tolist()) == {vocabulary.bos}
    assert with_bos.ids[:, 1:].reshape(-1).tolist() == stream[: len(with_bos.ids) * (CONTEXT - 1)]
    without = make(sample=Sample(kind="head"), bos="none")
    assert without.ids.reshape(-1).tolist() == stream[: len(without.ids) * CONTEXT]
    assert (without.documents >= 0).all()
    assert len(stream) - without.ids.size < CONTEXT


def test_a_shuffle_takes_other_rows_of_the_same_text(make: Make) -> None:
    everything = {tuple(row) for row in make(sample=Sample(kind="head")).ids.tolist()}
    tokens = 5 * CONTEXT - 3
    head = make(sample=Sample(kind="head"), tokens=tokens).ids
    shuffles = [make(sample=Sample(seed=seed), tokens=tokens).ids for seed in (0, 0, 1)]
    assert all(ids.shape == (5, CONTEXT) for ids in (head, *shuffles))
    assert all({tuple(row) for row in ids.tolist()} <= everything for ids in shuffles)
    assert np.array_equal(shuffles[0], shuffles[1])
    assert not np.array_equal(shuffles[0], shuffles[2])
    assert not np.array_equal(shuffles[0], head)


def test_kinds_of_positions(vocabulary: Vocabulary) -> None:
    newline = vocabulary.tokenizer.encode("\n", add_special_tokens=False).ids
    two = vocabulary.tokenizer.encode("\n\n", add_special_tokens=False).ids
    word = vocabulary.tokenizer.encode("def", add_special_tokens=False).ids[0]
    assert len(newline) == 1
    ids = np.array([[newline[0], word, newline[0], vocabulary.eos, word, *two[:1]]])
    last = "newline" if two[0] == newline[0] else "text"
    names = [STRATA[i] for i in strata(ids, vocabulary)[0]]
    # Position 0 counts as BOS whatever its token is.
    assert names == ["bos", "text", "newline", "bos", "text", last]


def test_the_manifest_counts_what_is_there(make: Make, vocabulary: Vocabulary) -> None:
    rows = make()
    manifest = rows.manifest
    kinds: NDArray[np.int64] = np.bincount(strata(rows.ids, vocabulary).reshape(-1), minlength=3)
    assert manifest.n_stratum == dict(zip(STRATA, kinds.tolist(), strict=True))
    assert min(kinds) > 0
    assert (manifest.n_rows, manifest.context) == rows.ids.shape
    assert manifest.n_tokens == rows.ids.size
    assert manifest.n_documents == len(set(rows.documents[rows.documents >= 0].tolist()))
    assert manifest.fingerprint == fingerprint(rows.ids.astype(np.int64))
    assert manifest.tokenizer_hash == vocabulary.hash
    table = rows.document_table()
    counted = np.bincount(rows.documents[rows.documents >= 0], minlength=len(TEXTS))
    assert table["n_tokens"].to_list() == counted.tolist()
    assert dict(zip(table["path"], table["subset"], strict=True)) == {
        "a/letters.txt": "a", "a/plain.txt": "a", "b/empty.txt": "b", "b/short.txt": "b", "last.txt": "",
    }  # fmt: skip


def test_rows_are_made_once_and_again_when_a_text_changes(make: Make, tmp_path: Path) -> None:
    first = make()
    stamp = (first.folder / "ids.npy").stat().st_mtime_ns
    assert make().folder == first.folder
    assert (first.folder / "ids.npy").stat().st_mtime_ns == stamp
    (tmp_path / "texts" / "last.txt").write_text("while True:\n    break\n" * 20)
    assert make().manifest.fingerprint != first.manifest.fingerprint


def test_a_row_is_in_the_group_of_the_document_at_its_middle(make: Make) -> None:
    rows = make(sample=Sample(seed=3))
    middle = rows.documents[:, CONTEXT // 2]
    assert len(np.unique(middle)) >= 3
    for document in np.unique(middle):
        assert len(np.unique(rows.groups[middle == document])) == 1
    # Fewer documents than groups: each has one of its own, in the order in which they are met.
    met = list(dict.fromkeys(middle.tolist()))
    assert [int(rows.groups[middle == document][0]) for document in met] == list(range(len(met)))


def test_groups_are_of_like_size_and_the_first_rows_keep_theirs(tmp_path: Path, vocabulary: Vocabulary) -> None:
    draw = np.random.default_rng(2)
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(120):
        (texts / f"{number}.txt").write_text("x = y + 1\n" * int(draw.integers(1, 40)))
    some, all_of_it = (
        store_corpus(
            corpus, open_source(corpus, tmp_path), vocabulary, context=CONTEXT, folder=tmp_path / "corpora"
        )
        for corpus in (Corpus(source="text:texts/*.txt", tokens=tokens) for tokens in (200 * CONTEXT, None))
    )  # fmt: skip
    assert len(some.groups) == 200 < len(all_of_it.groups)
    assert np.array_equal(all_of_it.groups[:200], some.groups)
    sizes = np.bincount(all_of_it.groups, minlength=GROUPS)
    assert len(sizes) == GROUPS
    longest = np.bincount(all_of_it.documents[:, CONTEXT // 2]).max()
    assert sizes.max() - sizes.min() <= 2 * longest


def test_the_fingerprint_sees_every_id_and_the_shape() -> None:
    ids = np.arange(24, dtype=np.uint16).reshape(4, 6)
    changed = ids.copy()
    changed[3, 5] += 1
    assert fingerprint(ids) == fingerprint(ids.astype(np.uint32))
    assert len({fingerprint(ids), fingerprint(changed), fingerprint(ids.reshape(6, 4))}) == 3


def test_damaged_rows_are_made_again(make: Make) -> None:
    rows = make()
    known = rows.ids.tolist()
    file = rows.folder / "ids.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert make().ids.tolist() == known


def test_an_unfinished_store_is_made_again(make: Make) -> None:
    rows = make()
    known = rows.manifest.fingerprint
    (rows.folder / "manifest.json").unlink()
    (rows.folder / "ids.npy").write_bytes(b"cut")
    assert make().manifest.fingerprint == known


def test_the_standard_library_is_split_by_the_hash_of_the_path() -> None:
    from ingest.corpus.stdlib import stdlib_files, stdlib_root

    parts = {part: dict(stdlib_files(part)) for part in ("held-out", "train", "all")}
    assert parts["held-out"].keys() | parts["train"].keys() == parts["all"].keys()
    assert not parts["held-out"].keys() & parts["train"].keys()
    for name, path in parts["all"].items():
        folders = name.split("/")[:-1]
        expected = "test" not in folders and int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0
        assert (name in parts["held-out"]) == expected
        assert path == stdlib_root() / name
        assert not {"site-packages", "dist-packages", "idlelib", "lib2to3", "tkinter"} & set(name.split("/"))
    assert len(parts["held-out"]) > 20


def test_the_manifest_is_json_that_people_can_read(make: Make) -> None:
    content = json.loads((make().folder / "manifest.json").read_text())
    assert content["source"] == "text:texts/**/*.txt"
    assert content["python_version"].count(".") == 2
