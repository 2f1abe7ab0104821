"""What a token id stands for, three ways: the tokenizer's piece, its bytes, and a text that can be shown."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ingest.corpus.strata import Vocabulary

_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class TokenText:
    """One token of the vocabulary.

    Attributes:
        piece: as the tokenizer's file has it.
        data: its bytes; a byte-level piece may be part of a character.
        text: the bytes as UTF-8, with the replacement character for what is no whole one.
    """

    piece: str
    data: bytes
    text: str


def token_texts(vocabulary: Vocabulary) -> list[TokenText]:
    """The tokens of all ids, in their order; an id that the tokenizer has no piece for is empty."""
    tokenizer = vocabulary.tokenizer
    is_byte_level = "ByteLevel" in _types(json.loads(tokenizer.to_str()).get("decoder"))
    added = {number: token.content for number, token in tokenizer.get_added_tokens_decoder().items()}
    of_character = {character: byte for byte, character in _characters_of_bytes().items()}
    found = []
    for number in range(vocabulary.size):
        piece = tokenizer.id_to_token(number) or ""
        if number in added:
            data = added[number].encode()
        elif is_byte_level and all(c in of_character for c in piece):
            data = bytes(of_character[c] for c in piece)
        elif byte := _BYTE_PIECE.fullmatch(piece):
            data = bytes([int(byte[1], 16)])
        else:
            data = piece.replace("\u2581", " ").encode()
        found.append(TokenText(piece, data, data.decode("utf-8", errors="replace")))
    return found


def _types(decoder: Any) -> set[str]:
    """Types of a tokenizer's decoder and of those within it."""
    if not decoder:
        return set()
    return {decoder["type"]}.union(*(_types(each) for each in decoder.get("decoders", ())))


def _characters_of_bytes() -> dict[int, str]:
    """The printable character that byte-level tokenizers write for each byte (Radford et al. 2019).

    Printable ones of Latin-1 stand for themselves, the others for the characters from U+0100 on.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + k) for k, byte in enumerate(others)}
