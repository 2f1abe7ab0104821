"""Kinds of token positions: text, newline, bos."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ingest.tables import STRATA

TEXT, NEWLINE, BOS = range(len(STRATA))


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer as the measures need it.

    Attributes:
        tokenizer: the fast tokenizer.
        hash: of everything that decides its ids.
        size: ids it has.
        bos: id put in front of rows: its BOS token, else its EOS token.
        eos: id put after each document, if there is one.
        special: BOS, EOS and padding ids.
        newlines: ids whose text is exactly one newline.
    """

    tokenizer: Tokenizer
    hash: str
    size: int
    bos: int | None
    eos: int | None
    special: frozenset[int]
    newlines: frozenset[int]


def vocabulary(tokenizer: Tokenizer, *, bos: int | None, eos: int | None, pad: int | None) -> Vocabulary:
    """Look a tokenizer's facts up once.

    Args:
        tokenizer: of the `tokenizers` library.
        bos: id of its BOS token; None where it has none.
        eos: likewise.
        pad: likewise.
    """
    size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
    content = json.loads(tokenizer.to_str())
    # Padding and truncation are how one caller used it, not what it is.
    content["padding"] = content["truncation"] = None
    identity = json.dumps([content, bos, eos], sort_keys=True)
    texts = tokenizer.decode_batch([[i] for i in range(size)], skip_special_tokens=False)
    return Vocabulary(
        tokenizer=tokenizer,
        hash=hashlib.sha256(identity.encode()).hexdigest(),
        size=size,
        bos=eos if bos is None else bos,
        eos=eos,
        special=frozenset(i for i in (bos, eos, pad) if i is not None),
        newlines=frozenset(i for i, text in enumerate(texts) if text == "\n"),
    )


def strata(ids: NDArray[np.integer], vocabulary: Vocabulary) -> NDArray[np.uint8]:
    """The stratum of every position, as an index into `STRATA`.

    Args:
        ids: token ids (n_rows, context).
        vocabulary: whose newline and special ids are looked for.

    Returns:
        uint8 (n_rows, context): `bos` for BOS, EOS, padding and position 0; `newline` for a token whose text is
        exactly one newline; `text` for all others.
    """
    of_id = np.full(max(vocabulary.size, int(ids.max(initial=0)) + 1), TEXT, np.uint8)
    of_id[list(vocabulary.newlines)] = NEWLINE
    of_id[list(vocabulary.special)] = BOS
    result: NDArray[np.uint8] = of_id[ids]
    result[:, 0] = BOS
    return result
