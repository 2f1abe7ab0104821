"""Which positions end a word of several tokens, and which are a word of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class WordPieces:
    """What the tokens of a vocabulary are to words of letters.

    Attributes:
        begins: whether a token may begin a word: letters, with or without spaces in front, bool (d_vocab,).
        joins: whether it continues a word that the token before leaves open: letters alone, bool (d_vocab,).
        is_open: whether a word may go on behind it: its last character is a letter, bool (d_vocab,).
        pieces: tokens that a word of several has at least.
    """

    begins: NDArray[np.bool_]
    joins: NDArray[np.bool_]
    is_open: NDArray[np.bool_]
    pieces: int

    @staticmethod
    def of(texts: list[str], pieces: int) -> WordPieces:
        """From the texts of all tokens, by their id."""
        return WordPieces(
            np.array([text.lstrip(" ").isalpha() for text in texts]),
            np.array([text.isalpha() for text in texts]),
            np.array([text[-1:].isalpha() for text in texts]),
            pieces,
        )

    def ends(self, ids: NDArray[np.integer]) -> dict[str, NDArray[np.bool_]]:
        """Positions at which words end, bool (rows, context) by kind.

        Args:
            ids: token ids (rows, context).

        Returns:
            `pieces`: the last token of a word of at least so many; `whole`: the only token of a word. Those too near to
            the start of the row for as many tokens in front of the first one of `pieces` are left out of both.
        """
        n_rows, context = ids.shape
        length = np.zeros((n_rows, context), np.int64)
        for place in range(context):
            here = ids[:, place]
            before = length[:, place - 1] if place else np.zeros(n_rows, np.int64)
            is_open = self.is_open[ids[:, place - 1]] if place else np.zeros(n_rows, bool)
            continues = self.joins[here] & is_open
            # What goes on behind something that is no word is none either.
            length[:, place] = np.where(
                continues, np.where(before > 0, before + 1, 0), np.where(self.begins[here], 1, 0)
            )
        is_last = np.zeros((n_rows, context), bool)
        is_last[:, :-1] = ~(self.joins[ids[:, 1:]] & self.is_open[ids[:, :-1]])
        is_last[:, : self.pieces] = False
        return {"pieces": is_last & (length >= self.pieces), "whole": is_last & (length == 1)}
