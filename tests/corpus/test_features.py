"""Features of tokens: the inventory, what is common enough, a user's own."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ingest.corpus.features import least_count, read_custom, token_features
from ingest.corpus.inventory import token_tests
from ingest.corpus.texts import TokenText, token_texts
from ingest.errors import InputError
from ingest.subject.tokenizer import load_tokenizer
from tests.support.small_models import demo_folder

WORDS = [
    "the",
    " the",
    " The",
    "THE",
    "a",
    " b",
    " running",
    "1984",
    " Monday",
    "(",
    " her",
    "<|end|>",
    "ing",
    "\n",
    "x",
]
TEXTS = [TokenText(word, word.encode(), word) for word in WORDS]


def features_of(word: str) -> set[str]:
    return {test.name for test in token_tests() if test.holds(word)}


def test_the_inventory_has_the_published_groups() -> None:
    kinds = Counter(test.kind for test in token_tests())
    assert len({test.name for test in token_tests()}) == kinds.total() >= 208
    assert kinds["type"] == 6
    assert kinds["symbol"] == 25
    assert kinds["numeric"] == 10
    assert kinds["pronoun"] == 19
    assert kinds["start"] == 11
    assert kinds["suffix"] >= 49
    assert kinds["prefix"] + 26 >= 79
    assert kinds["word_group"] == 8
    assert kinds["letter"] == 52


@pytest.mark.parametrize(
    ("word", "has", "lacks"),
    [
        (" running", {"ends_in_ing", "first_letter_r", "space_and_lower", "all_letters"}, {"letter_r", "starts_lower"}),
        ("ing", {"first_letter_i", "starts_lower"}, {"ends_in_ing"}),
        (" Monday", {"day", "capitalized", "space_and_upper"}, {"all_uppercase", "month"}),
        ("1984", {"year", "year_1900s", "four_digits", "integer"}, {"leading_zero", "three_digits"}),
        ("0710", {"leading_zero", "multiple_of_ten"}, {"year"}),
        (" her", {"feminine", "possessive", "third_person"}, {"masculine", "plural"}),
        ("X", {"letter_x", "starts_upper"}, {"all_uppercase", "letter_y"}),
        ("\n  ", {"all_whitespace", "starts_with_newline"}, {"starts_with_space"}),
        (" (", {"has_parenthesis_open", "space_and_symbol", "all_symbols"}, {"has_parenthesis_close"}),
        ("é", {"not_ascii"}, {"first_letter_e"}),
    ],
)
def test_tests_hold_of_what_they_say(word: str, has: set[str], lacks: set[str]) -> None:
    assert has <= features_of(word)
    assert not lacks & features_of(word)


def test_words_are_counted_over_all_spellings() -> None:
    counts = np.arange(1, len(WORDS) + 1)
    table = token_features(TEXTS, counts, special=frozenset([11]), kinds=["unigram"], custom=[], least=10)
    names = {feature.name: table.holds[:, k] for k, feature in enumerate(table.features)}
    assert set(np.flatnonzero(names["the_unigram"])) == {0, 1, 2, 3}
    assert [f.kind for f in table.features if f.name == "<|end|>_unigram"] == ["special"]
    assert "x_unigram" not in names  # a letter has a feature of its own
    assert "her_unigram" in names
    assert "running_unigram" not in names  # 7 positions


def test_rare_features_and_second_copies_are_left_out() -> None:
    counts = np.full(len(WORDS), 10)
    table = token_features(TEXTS, counts, special=frozenset([11]), kinds=None, custom=[], least=10)
    columns = [column.tobytes() for column in table.holds.T]
    assert len(set(columns)) == len(columns) == len(table.features)
    assert table.holds[:, [f.name == "year" for f in table.features]].sum() <= 1
    rare = token_features(TEXTS, counts, special=frozenset(), kinds=None, custom=[], least=1000)
    assert rare.features == ()
    assert rare.holds.shape == (len(WORDS), 0)


def test_special_tokens_have_no_text() -> None:
    counts = np.full(len(WORDS), 100)
    table = token_features(TEXTS, counts, special=frozenset([11]), kinds=["symbol", "start"], custom=[], least=1)
    assert not table.holds[11].any()


def test_how_common_a_feature_must_be() -> None:
    assert least_count(None, 10_000_000) == 3000
    assert least_count(None, 100) == 10
    assert least_count(7, 10_000_000) == 7


def test_features_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text('feature,token,kind\nopening,(,bracket\nopening," the",bracket\n')
    ((feature, ids),) = read_custom(file, TEXTS)
    assert (feature.name, feature.kind, ids) == ("opening", "bracket", [9, 1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("feature,token\nmine,unheard of\n", "'unheard of' is no token"),
        ("feature,token,kind\nmine,the,one\nmine,a,two\n", "two features are named 'mine'"),
        ("feature,token\nyear,the\n", "two features are named 'year'"),
        ("name,token\nmine,the\n", "needs the columns feature and token"),
        ("", "cannot be read as CSV"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_custom(file, TEXTS)


def test_a_byte_level_token_is_shown_three_ways() -> None:
    vocabulary = load_tokenizer("demo", demo_folder(1))
    texts = token_texts(vocabulary)
    assert len(texts) == vocabulary.size
    ids = vocabulary.tokenizer.encode("def naïve():\n    return '→'", add_special_tokens=False).ids
    assert b"".join(texts[i].data for i in ids).decode() == "def naïve():\n    return '→'"
    space = next(t for t in texts if t.text == " the")
    assert space.piece == "Ġthe"
    assert any("�" in t.text for t in texts)
