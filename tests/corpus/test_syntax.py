"""Classes of syntax: characters to tokens, Python source, and prose read by a spaCy pipeline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import spacy

from ingest.corpus import spacy_syntax
from ingest.corpus.alignment import MULTI, NONE, Tokens, aligned
from ingest.corpus.features import FeatureTable
from ingest.corpus.python_syntax import NAMES, PythonParser
from ingest.corpus.sources import Document, open_source
from ingest.corpus.store import TokenRows, store_corpus
from ingest.corpus.strata import Vocabulary
from ingest.corpus.syntax import Parser, open_parser, table_as_json, table_from_json
from ingest.corpus.tokenize import encode
from ingest.study import Corpus
from ingest.subject.tokenizer import load_tokenizer
from tests.support.pipelines import save_pipeline
from tests.support.small_models import demo_folder

PROSE = """The cat sees the dogs.  Who likes Ada Lovelace?

A naïve teacher finds 🙂 houses in Zürich — the houses of 東京!
"""


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load_tokenizer("demo", demo_folder(1))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("pipelines") / "rules")


def tokens_of(text: str, spans: Sequence[tuple[int, int]]) -> Tokens:
    starts, ends = np.array(spans).T
    return Tokens(text, starts, ends)


def opened(syntax: str, folder: Path = Path()) -> Parser:
    parser = open_parser(syntax, folder)
    assert parser is not None
    return parser


def names_of(table: FeatureTable, number: int) -> set[str]:
    return {feature.name for feature, has in zip(table.features, table.holds[number], strict=True) if has}


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 3), 3),  # The
        ((3, 8), 4),  # a leading space
        ((8, 9), NONE),  # a space that nobody has a class for
        ((9, 10), 5),  # pieces of a word
        ((10, 12), 5),
        ((12, 15), 6),
        ((14, 15), 6),  # of a character, maybe one of several pieces
        ((15, 20), MULTI),  # rich.
        ((20, 21), 8),  # white space with a class
        ((21, 24), 3),  # is set aside before a word
        ((12, 13), NONE),
        ((0, 8), MULTI),  # The cats
        ((24, 30), 9),  # two words of one class with a space between
        ((24, 28), 9),
        ((30, 33), MULTI),  # a.a
        ((33, 33), NONE),  # the separator
        ((5, 5), NONE),
    ],
)
def test_a_token_has_the_class_of_the_text_that_it_covers(span: tuple[int, int], expected: int) -> None:
    text = "The cats saw Zürich.\n\nNobe  bea.a"
    words = [(0, 3, 3), (4, 8, 4), (9, 12, 5), (13, 19, 6), (19, 20, 7), (20, 22, 8), (22, 24, 3), (24, 26, 9),
             (28, 30, 9), (30, 31, 10), (31, 32, 11), (32, 33, 10)]  # fmt: skip
    of_character = np.full(len(text), NONE, np.uint32)
    for start, end, number in words:
        of_character[start:end] = number
    assert aligned(of_character, tokens_of(text, [span])).tolist() == [expected]


def test_a_text_without_characters_has_no_classes() -> None:
    assert aligned(np.zeros(0, np.uint32), tokens_of("", [(0, 0)])).tolist() == [NONE]


def python_names(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    (found,) = PythonParser().classes([tokens_of(text, spans)])
    return [NAMES[k] for k in found]


def test_python_source_has_its_classes() -> None:
    text = 'def f(x):\n    """doc\n    more"""\n    return x + 12  # hi\n'
    spans = [match.span() for match in re.finditer(r"\n *| ?\w+| ?[^\w\s]+|\s+", text)]
    assert python_names(text, [*spans, (len(text), len(text))]) == [
        "keyword", "name", "operator", "name", "operator", "indent", "string", "string", "string", "string", "string",
        "indent", "keyword", "name", "operator", "number", "none", "comment", "comment", "newline", "none",
    ]  # fmt: skip


def test_a_token_over_unlike_python_is_no_part_of_either_end() -> None:
    assert python_names("f('')\n", [(0, 1), (1, 5), (2, 4), (1, 2)]) == ["name", "multi", "string", "operator"]


def test_source_that_python_refuses_ends_without_classes() -> None:
    text = "x = 1\n'''never closed\nmore"
    spans = [(0, 1), (1, 3), (3, 5), (5, 6), (6, 9), (9, len(text))]
    assert python_names(text, spans) == ["name", "operator", "number", "newline", "none", "none"]


def test_words_of_prose_have_their_features(pipeline: Path) -> None:
    spans = [match.span() for match in re.finditer(r" ?\w+|\s+|[^\w\s]", PROSE)]
    parser = opened(f"spacy:{pipeline}")
    (found,) = parser.classes([tokens_of(PROSE, spans)])
    table = parser.table
    by_token = [(PROSE[slice(*span)], names_of(table, number)) for span, number in zip(spans, found, strict=True)]
    noun, verb = "syntax_pos_NOUN", {"syntax_pos_VERB", "syntax_morph_Number=Sing", "syntax_morph_Tense=Pres"}
    assert by_token[:4] == [
        ("The", {"syntax_pos_DET", "syntax_dep_det"}),
        (" cat", {noun, "syntax_morph_Number=Sing", "syntax_dep_nsubj"}),
        (" sees", verb | {"syntax_dep_ROOT"}),
        (" the", {"syntax_pos_DET", "syntax_dep_det"}),
    ]
    known = dict(by_token)
    assert known[" dogs"] == {noun, "syntax_morph_Number=Plur", "syntax_dep_obj"}
    assert known["Who"] == {"syntax_pos_PRON", "syntax_morph_PronType=Int", "syntax_morph_PronType=Rel"}
    assert known[" Ada"] == known[" Lovelace"] == {"syntax_ent_PERSON"}
    assert known[" Zürich"] == {"syntax_ent_GPE"}
    assert known[" naïve"] == known["🙂"] == known[" 東京"] == set()
    assert known["\n\n"] == known["  "] == {"syntax_pos_SPACE"}
    meanings = {feature.name: feature.definition for feature in table.features}
    assert meanings["syntax_dep_nsubj"] == "en_rules 1.0.0: dependency nsubj (nominal subject)"
    assert {feature.kind for feature in table.features} == {"syntax"}


def by_hand(pipeline: Path, text: str) -> Callable[[int, int], set[str]]:
    """Features of a stretch of text: those of the one kind of words that its characters are of."""
    doc = spacy.load(pipeline)(text)

    def features(start: int, end: int) -> set[str]:
        if not text[start:end].isspace():
            start += len(text[start:end]) - len(text[start:end].lstrip())
        words = {
            frozenset(
                {f"syntax_pos_{w.pos_}", f"syntax_dep_{w.dep_}", f"syntax_ent_{w.ent_type_}"}
                | {f"syntax_morph_{field}={value}" for field in w.morph.to_dict() for value in w.morph.get(field)}
            )
            for w in doc
            if w.idx < end and w.idx + len(w) > start
        }
        return set(words.pop()) - {"syntax_pos_", "syntax_dep_", "syntax_ent_"} if len(words) == 1 else set()

    return features


def test_tokens_of_a_model_have_the_features_of_the_words_they_are_of(pipeline: Path, vocabulary: Vocabulary) -> None:
    texts = [PROSE, "", "   \n", "the houses" * 3, PROSE[::-1]]
    documents = list(encode(vocabulary.tokenizer, [Document("", "", text) for text in texts], separator=vocabulary.eos))
    parser = opened(f"spacy:{pipeline}")
    halves = 0
    for document, found in zip(documents, parser.classes([d.tokens for d in documents]), strict=True):
        expected = by_hand(pipeline, document.document.text)
        assert len(found) == len(document.ids)
        assert found[-1] == NONE
        for start, end, number in zip(document.starts, document.ends, found, strict=True):
            assert names_of(parser.table, number) == expected(int(start), int(end)), document.document.text[start:end]
        halves += int((np.diff(document.starts[:-1].astype(int)) == 0).sum())
    assert halves > 5  # pieces of one character


def test_long_documents_are_read_in_pieces(pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PROSE * 5
    spans = [match.span() for match in re.finditer(r" ?\w+|\s+|[^\w\s]", text)]
    found = []
    for longest in (10**6, 120, 7):
        monkeypatch.setattr(spacy_syntax, "_LONGEST_PIECE", longest)
        parser = opened(f"spacy:{pipeline}")
        (classes,) = parser.classes([tokens_of(text, spans)])
        found.append([names_of(parser.table, number) for number in classes])
    assert found[0] == found[1]
    assert len(found[2]) == len(spans)
    assert any("syntax_pos_DET" in names for names in found[2])


def test_a_document_beyond_what_spacy_takes(pipeline: Path) -> None:
    text = "The cat " + "1234567 " * 130_000 + "sees."
    assert len(text) > spacy.load(pipeline).max_length
    parser = opened(f"spacy:{pipeline}")
    (found,) = parser.classes([tokens_of(text, [(0, 3), (3, 7), (len(text) - 5, len(text) - 1)])])
    parts = [sorted(names_of(parser.table, k))[-1] for k in found]
    assert parts == ["syntax_pos_DET", "syntax_pos_NOUN", "syntax_pos_VERB"]


@pytest.mark.parametrize(
    ("components", "kinds"),
    [
        ((), set()),
        (("sentencizer",), set()),
        (("entity_ruler",), {"ent"}),
        (("attribute_ruler",), {"pos", "dep", "morph"}),
    ],
)
def test_a_pipeline_without_a_component_gives_no_such_features(
    components: tuple[str, ...], kinds: set[str], tmp_path: Path
) -> None:
    save_pipeline(tmp_path / "partial", components=components)
    parser = opened("spacy:partial", tmp_path)
    (found,) = parser.classes([tokens_of(PROSE, [(0, 3), (3, 7)])])
    assert {feature.name.split("_")[1] for feature in parser.table.features} == kinds
    assert (found > MULTI).all()


def test_an_installed_pipeline_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "site" / "en_rules"
    save_pipeline(home / "en_rules-1.0.0")
    (home / "meta.json").write_text((home / "en_rules-1.0.0" / "meta.json").read_text())
    (home / "__init__.py").write_text(
        "from spacy.util import load_model_from_init_py\n\n\n"
        "def load(**overrides):\n    return load_model_from_init_py(__file__, **overrides)\n"
    )
    described = tmp_path / "site" / "en_rules-1.0.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: en_rules\nVersion: 1.0.0\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    parser = opened("spacy:en_rules", tmp_path)
    assert re.fullmatch(rf"spacy {spacy.__version__}, en_rules 1\.0\.0, [0-9a-f]{{16}}", parser.identity)
    (found,) = parser.classes([tokens_of(PROSE, [(3, 7)])])
    assert "syntax_pos_NOUN" in names_of(parser.table, found[0])


def test_features_are_read_as_they_were_written(pipeline: Path) -> None:
    parser = opened(f"spacy:{pipeline}")
    list(parser.classes([tokens_of(PROSE, [(0, 3)])]))
    for table in (parser.table, PythonParser.table):
        again = table_from_json(table_as_json(table))
        assert again.features == table.features
        assert np.array_equal(again.holds, table.holds)


def test_another_pipeline_makes_another_corpus(tmp_path: Path, vocabulary: Vocabulary) -> None:
    (tmp_path / "prose.txt").write_text(PROSE * 10)

    def stored(syntax: str) -> TokenRows:
        corpus = Corpus(source="text:prose.txt", syntax=syntax)
        return store_corpus(
            corpus, open_source(corpus, tmp_path), vocabulary, context=24, folder=tmp_path / "corpora"
        )  # fmt: skip

    save_pipeline(tmp_path / "one")
    first = stored("spacy:one")
    assert first.syntax is not None
    assert first.syntax.shape == first.ids.shape
    assert {"syntax_pos_NOUN", "syntax_ent_GPE"} <= {feature.name for feature in first.syntax_table.features}
    assert json.loads((first.folder / "manifest.json").read_text())["syntax"] == first.manifest.syntax
    assert stored("spacy:one").folder == first.folder
    save_pipeline(tmp_path / "one", version="1.0.1")
    second = stored("spacy:one")
    save_pipeline(tmp_path / "one", version="1.0.1", components=("sentencizer",))  # trained again, so to speak
    folders = {first.folder, second.folder, stored("spacy:one").folder, stored("python").folder, stored("none").folder}
    assert len(folders) == 5
    assert stored("none").syntax is None
    assert first.manifest.fingerprint == second.manifest.fingerprint  # the token ids are the same
