"""The vocabulary tests: what the text of a token may have, each with a name, a kind and a definition in words.

Kinds and numbers follow the inventory of Gurnee et al. 2024; the tests are our own. A new test is a line in one of the
functions below, or a list in words.toml.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

WORDS = Path(__file__).with_name("words.toml")

_SYMBOLS = {
    "period": ".", "comma": ",", "colon": ":", "semicolon": ";", "question_mark": "?", "exclamation_mark": "!",
    "apostrophe": "'", "quotation_mark": '"', "backtick": "`", "parenthesis_open": "(", "parenthesis_close": ")",
    "bracket_open": "[", "bracket_close": "]", "brace_open": "{", "brace_close": "}", "slash": "/", "backslash": "\\",
    "hyphen": "-", "underscore": "_", "equals": "=", "plus": "+", "asterisk": "*", "less_or_greater": "<>",
    "hash": "#", "currency": "$€£¥",
}  # fmt: skip
_LARGEST = 10**9


@dataclass(frozen=True)
class TokenTest:
    """One test on a token's text.

    Attributes:
        name: of the feature.
        kind: type, symbol, numeric, start, suffix, prefix, letter, pronoun, word_group or topic.
        definition: in words.
        holds: whether a text has it; the text keeps its leading space.
    """

    name: str
    kind: str
    definition: str
    holds: Callable[[str], bool]


def token_tests() -> list[TokenTest]:
    """The whole inventory."""
    lists = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    affixes = lists.pop("affixes")
    tests = [*_types(), *_symbols(), *_numbers(), *_starts(), *_affixes(**affixes), *_letters()]
    for kind, of_kind in lists.items():
        for name, words in of_kind.items():
            known = frozenset(words.split())
            tests.append(
                TokenTest(name, kind, f"one of the {len(known)} words of its list", partial(_is_one_of, known))
            )
    return tests


def word_of(text: str) -> str:
    """A token's text as a word: without spaces around it, in lower case."""
    return text.strip().lower()


def _types() -> Iterator[TokenTest]:
    kind = "type"
    yield TokenTest("all_letters", kind, "letters only, spaces around aside", lambda t: t.strip().isalpha())
    yield TokenTest("all_uppercase", kind, "two letters or more, all in upper case", _is_all_uppercase)
    yield TokenTest("capitalized", kind, "one letter in upper case, then lower case", _is_capitalized)
    yield TokenTest("all_symbols", kind, "neither letters, digits nor spaces", _is_symbols)
    yield TokenTest("all_whitespace", kind, "spaces, tabs, newlines only", str.isspace)
    yield TokenTest("not_ascii", kind, "a character beyond ASCII, or part of one", lambda t: not t.isascii())


def _is_all_uppercase(text: str) -> bool:
    word = text.strip()
    return len(word) > 1 and word.isalpha() and word.isupper()


def _is_capitalized(text: str) -> bool:
    word = text.strip()
    return word[:1].isupper() and word[1:].islower()


def _is_symbols(text: str) -> bool:
    word = text.strip()
    return bool(word) and not any(c.isalnum() or c.isspace() for c in word)


def _symbols() -> Iterator[TokenTest]:
    for name, characters in _SYMBOLS.items():
        yield TokenTest(f"has_{name}", "symbol", f"contains {' or '.join(characters)}", partial(_has_any, characters))


def _has_any(characters: str, text: str) -> bool:
    return any(c in text for c in characters)


def _numbers() -> Iterator[TokenTest]:
    kind = "numeric"
    yield TokenTest("integer", kind, "digits only", partial(_is_between, 0, _LARGEST))
    for count, name in enumerate(("one", "two", "three", "four"), start=1):
        yield TokenTest(f"{name}_digits", kind, f"exactly {name} digits", partial(_has_digits, count))
    yield TokenTest("has_digit", kind, "contains a digit", lambda t: any(c.isdecimal() for c in t))
    yield TokenTest("year", kind, "an integer from 1700 to 2050", partial(_is_between, 1700, 2050))
    yield TokenTest("year_1900s", kind, "an integer from 1900 to 1999", partial(_is_between, 1900, 1999))
    yield TokenTest("leading_zero", kind, "digits that start with 0", lambda t: _digits(t)[:1] == "0")
    yield TokenTest("multiple_of_ten", kind, "two digits or more that end in 0", lambda t: _digits(t)[1:].endswith("0"))


def _digits(text: str) -> str:
    """The text if it is digits only, else nothing."""
    word = text.strip()
    return word if word.isascii() and word.isdecimal() else ""


def _has_digits(count: int, text: str) -> bool:
    return len(_digits(text)) == count


def _is_between(least: int, most: int, text: str) -> bool:
    return bool(_digits(text)) and least <= int(_digits(text)) <= most


def _starts() -> Iterator[TokenTest]:
    kind = "start"
    yield TokenTest("starts_with_space", kind, "begins with a space", lambda t: t.startswith(" "))
    yield TokenTest("space_and_letter", kind, "a space, then a letter", lambda t: t[:1] == " " and t[1:2].isalpha())
    yield TokenTest("space_and_lower", kind, "a space, then lower case", lambda t: t[:1] == " " and t[1:2].islower())
    yield TokenTest("space_and_upper", kind, "a space, then upper case", lambda t: t[:1] == " " and t[1:2].isupper())
    yield TokenTest("space_and_digit", kind, "a space, then a digit", lambda t: t[:1] == " " and t[1:2].isdecimal())
    yield TokenTest("space_and_symbol", kind, "a space, then a symbol", lambda t: t[:1] == " " and _is_symbols(t[1:2]))
    yield TokenTest("starts_lower", kind, "begins in lower case", lambda t: t[:1].islower())
    yield TokenTest("starts_upper", kind, "begins in upper case", lambda t: t[:1].isupper())
    yield TokenTest("starts_with_digit", kind, "begins with a digit", lambda t: t[:1].isdecimal())
    yield TokenTest("starts_with_symbol", kind, "begins with a symbol", lambda t: _is_symbols(t[:1]))
    yield TokenTest("starts_with_newline", kind, "begins with a newline", lambda t: t.startswith("\n"))


def _affixes(suffix: str, prefix: str) -> Iterator[TokenTest]:
    for end in suffix.split():
        yield TokenTest(f"ends_in_{end}", "suffix", f"a word that ends in -{end}", partial(_has_end, end))
    for start in prefix.split():
        yield TokenTest(
            f"begins_with_{start}", "prefix", f"a word that begins with {start}-", partial(_has_start, start)
        )


def _has_end(suffix: str, text: str) -> bool:
    return word_of(text).endswith(suffix) and len(word_of(text)) > len(suffix)


def _has_start(prefix: str, text: str) -> bool:
    return word_of(text).startswith(prefix) and len(word_of(text)) > len(prefix)


def _letters() -> Iterator[TokenTest]:
    for letter in string.ascii_lowercase:
        alone = partial(_is_one_of, frozenset(letter))
        yield TokenTest(f"letter_{letter}", "letter", f"the letter {letter} alone", alone)
        definition = f"a word whose first letter is {letter}"
        yield TokenTest(f"first_letter_{letter}", "letter", definition, partial(_is_first, letter))


def _is_first(letter: str, text: str) -> bool:
    return word_of(text).startswith(letter)


def _is_one_of(words: frozenset[str], text: str) -> bool:
    return word_of(text) in words
