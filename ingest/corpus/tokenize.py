"""Documents to token ids, and token ids to rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ingest.corpus.alignment import Tokens
from ingest.corpus.sources import Document

_DOCUMENTS_AT_ONCE = 64


@dataclass(frozen=True)
class EncodedDocument:
    """The tokens of one document.

    Attributes:
        document: the text they came from.
        ids: token ids, uint32 (n,); the last one is the separator, if the corpus has one.
        starts: for each token the offset of its first character in the text, uint32 (n,).
        ends: likewise the offset after its last one; the separator covers no text.
    """

    document: Document
    ids: NDArray[np.uint32]
    starts: NDArray[np.uint32]
    ends: NDArray[np.uint32]

    @property
    def tokens(self) -> Tokens:
        """What the tokens cover."""
        return Tokens(self.document.text, self.starts, self.ends)


def encode(tokenizer: Tokenizer, documents: Iterable[Document], *, separator: int | None) -> Iterator[EncodedDocument]:
    """Token ids and character offsets of each document, in order.

    Args:
        tokenizer: of the `tokenizers` library; it adds no special tokens here.
        documents: texts; an empty one yields no tokens but its separator.
        separator: id appended to every document, or None.
    """
    iterator = iter(documents)
    while group := tuple(islice(iterator, _DOCUMENTS_AT_ONCE)):
        encodings = tokenizer.encode_batch([d.text for d in group], add_special_tokens=False)
        for document, encoding in zip(group, encodings, strict=True):
            ids = list(encoding.ids)
            offsets = list(encoding.offsets)
            if separator is not None:
                ids.append(separator)
                offsets.append((len(document.text), len(document.text)))
            starts, ends = np.array(offsets, np.uint32).reshape(-1, 2).T
            yield EncodedDocument(document, np.array(ids, np.uint32), starts, ends)


def with_bos(stream: NDArray[Any], *, context: int, bos: int | None) -> NDArray[Any]:
    """Cut a stream of per-token values into rows, the remainder dropped.

    Args:
        stream: one value per token of all documents one after another, (n,).
        context: tokens per row, BOS included.
        bos: value put in front of every row, or None for rows of text alone.

    Returns:
        Rows (n_rows, context) of the stream's type.
    """
    width = context if bos is None else context - 1
    n_rows = len(stream) // width
    rows = stream[: n_rows * width].reshape(n_rows, width)
    if bos is None:
        return rows
    return np.concatenate([np.full((n_rows, 1), bos, stream.dtype), rows], axis=1)
