"""What an edited forward pass does to the next-token distribution, as sums per token row.

All in nats. Positions that count have a token and a next token of the text: neither is BOS, EOS or padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Logits that are worked on at once.
_CPU_BLOCK, _DEVICE_BLOCK = 2**18, 2**27


@dataclass(frozen=True)
class Batch:
    """Token rows on the device.

    Attributes:
        ids: token ids (rows, context).
        counted: bool (rows, context), False in the last column: positions whose prediction counts.
        features: whether the *next* token has each feature of syntax, 1 or 0, float64 (rows, context, features); None
            where the corpus has no syntax.
        numbers: of the rows in the corpus (rows,).
    """

    ids: Tensor
    counted: Tensor
    features: Tensor | None
    numbers: NDArray[np.int64]

    @cached_property
    def targets(self) -> Tensor:
        """Ids of the tokens to be predicted (positions,)."""
        return self.ids.roll(-1, 1)[self.counted]

    @cached_property
    def n_counted(self) -> NDArray[np.uint16]:
        """Positions of each row that count (rows,)."""
        return self.counted.sum(1).cpu().numpy().astype(np.uint16)

    def by_row(self, values: Tensor) -> Tensor:
        """Sums over rows of values (positions,), float64 (rows,). The order of addition is fixed on every device."""
        return self._dense(values).sum(1)

    def by_feature(self, values: Tensor) -> Tensor:
        """Sums over rows and features of the next token of values (positions,), float64 (rows, features)."""
        assert self.features is not None
        return (self._dense(values)[:, None] @ self.features)[:, 0]

    def _dense(self, values: Tensor) -> Tensor:
        dense = torch.zeros(self.ids.shape, dtype=torch.float64, device=self.ids.device)
        dense[self.counted] = values.double()
        return dense


@dataclass(frozen=True)
class Predictions:
    """Next-token distributions at the counted positions of a batch.

    Attributes:
        loss: -log p of the true next token (positions,).
        entropy: (positions,).
        top: most probable token (positions,).
        expected: sum over the vocabulary of p_clean log p (positions,); p_clean is p itself in the clean pass.
        p: probabilities (positions, vocabulary); None but for the clean pass.
    """

    loss: Tensor
    entropy: Tensor
    top: Tensor
    expected: Tensor
    p: Tensor | None

    def divergence(self, edited: Predictions) -> Tensor:
        """KL(self || edited) of the clean pass, (positions,); exactly 0 where both have the same bits."""
        return self.expected - edited.expected


def counted_logits(logits: Tensor, batch: Batch) -> Iterator[tuple[slice, Tensor]]:
    """Copies of the logits (rows, context, vocabulary) at the counted positions, in float32 at least.

    In blocks that stay in the processor's cache, since each is read several times: which of the positions, and theirs
    (positions, vocabulary).
    """
    rows, columns = batch.counted.nonzero(as_tuple=True)
    block = max(1, (_CPU_BLOCK if logits.device.type == "cpu" else _DEVICE_BLOCK) // logits.shape[-1])
    for start in range(0, len(rows), block):
        here = slice(start, start + block)
        z = logits[rows[here], columns[here]]
        yield here, z.to(torch.promote_types(z.dtype, torch.float32))


def predictions(logits: Tensor, batch: Batch, clean: Predictions | None = None) -> Predictions:
    """The distributions of logits (rows, context, vocabulary); those of the clean pass itself without `clean`."""
    found: list[list[Tensor]] = []
    kept: list[Tensor] = []
    for here, z in counted_logits(logits, batch):
        largest, top = z.max(-1)
        z.sub_(largest[:, None])
        p = z.exp()
        total = p.sum(-1)
        log_total = total.log()
        p /= total[:, None]
        reference = p if clean is None or clean.p is None else clean.p[here]
        loss = log_total - z.gather(-1, batch.targets[here, None])[:, 0]
        entropy = log_total - (p * z).sum(-1)
        found.append([loss, entropy, top, (reference * z).sum(-1) - log_total])
        if clean is None:
            kept.append(p)
    loss, entropy, top, expected = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Predictions(loss, entropy, top, expected, torch.cat(kept) if clean is None else None)


def row_sums(batch: Batch, clean: Predictions, edited: Predictions) -> dict[str, Tensor]:
    """Sums per row (rows,) of loss, entropy, KL and equal and right top tokens; names are columns of raw.edit_sums."""
    return {
        "loss": batch.by_row(edited.loss),
        "entropy": batch.by_row(edited.entropy),
        "kl": batch.by_row(clean.divergence(edited)),
        "n_same_top": batch.by_row(edited.top == clean.top),
        "n_right": batch.by_row(edited.top == batch.targets),
    }


def next_token_loss(logits: Tensor, batch: Batch) -> Tensor:
    """-log p of the true next token at the counted positions, float64 (positions,)."""
    counted = logits[batch.counted]
    counted = counted.to(torch.promote_types(counted.dtype, torch.float32))
    at_target = counted.gather(-1, batch.targets[:, None])[:, 0]
    return counted.logsumexp(-1).double() - at_target.double()
