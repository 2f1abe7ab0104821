"""What entropy neurons move: the final norm's scale, entropy, loss, rank of the true token, distance from frequencies.

All in nats, at the positions that count of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ingest.errors import InputError
from ingest.experiments.edits import norm_scale
from ingest.experiments.effects import Batch, counted_logits
from ingest.experiments.forward import Forward
from ingest.measure.outputs import log_frequency
from ingest.subject.sites import Sites


@dataclass(frozen=True)
class Frequency:
    """How common the tokens are.

    Attributes:
        log_p: logarithm of each token's share (vocabulary,).
        axis: the same, centred and of length one: along it logits follow the frequency (Stolfo et al. 2024).
    """

    log_p: Tensor
    axis: Tensor

    @staticmethod
    def of(counts: Tensor, width: int, device: torch.device) -> Frequency:
        """From occurrences of the tokenizer's tokens (n_ids,) for logits of some width; none is half an occurrence."""
        logs = log_frequency(nn.functional.pad(counts, (0, width - len(counts))))
        centred = logs - logs.mean()
        return Frequency(logs.log_softmax(0).to(device), nn.functional.normalize(centred, dim=0).to(device))


@dataclass(frozen=True)
class Responses:
    """Of one pass, each (positions,).

    Attributes:
        loss: -log p of the true next token.
        entropy: of the next-token distribution p.
        reciprocal_rank: 1 / (1 + tokens with a larger logit than the true one).
        frequency_kl: KL(p || frequency).
        along: component of the logits along the frequency's axis.
    """

    loss: Tensor
    entropy: Tensor
    reciprocal_rank: Tensor
    frequency_kl: Tensor
    along: Tensor


def responses(logits: Tensor, batch: Batch, frequency: Frequency, hold: Tensor | None = None) -> Responses:
    """Of logits (rows, context, vocabulary); with `hold` (positions,), that is put in the place of what is `along`."""
    found: list[list[Tensor]] = []
    for here, z in counted_logits(logits, batch):
        axis, log_q = frequency.axis.to(z), frequency.log_p.to(z)
        along = z @ axis
        if hold is not None:
            z.add_((hold[here] - along)[:, None] * axis)
        at_target = z.gather(-1, batch.targets[here, None])
        n_larger = (z > at_target).sum(-1)
        log_total = z.logsumexp(-1)
        log_p = z - log_total[:, None]
        p = log_p.exp()
        entropy = -(p * log_p).sum(-1)
        values = [log_total - at_target[:, 0], entropy, 1.0 / (1.0 + n_larger), -entropy - p @ log_q, along]
        found.append(values)
    return Responses(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def final_norm_of(name: str, sites: Sites) -> str:
    """Path of the norm in front of a model's unembedding.

    Raises:
        InputError: if it has none.
    """
    if sites.final_norm is None:
        raise InputError(f"model {name} has no norm in front of its unembedding: nothing mediates entropy")
    return sites.final_norm


class FinalNorm:
    """The norm in front of the unembedding, and how large what enters it is."""

    def __init__(self, forward: Forward) -> None:
        """Of a network.

        Raises:
            InputError: if it has none.
        """
        self._norm = forward.network.get_submodule(final_norm_of(forward.name, forward.sites))
        self._is_centred = forward.sites.norm == "layer"

    def scale(self, hidden: Tensor) -> Tensor:
        """What it divides by, (rows, context, 1), if `hidden` (rows, context, d_model) enters it."""
        return norm_scale(self._norm, hidden, centred=self._is_centred)

    @contextmanager
    def watched(self) -> Iterator[list[Tensor]]:
        """Scales of the passes that run meanwhile, whether frozen or not."""
        scales: list[Tensor] = []
        handle = self._norm.register_forward_pre_hook(lambda _module, args: scales.append(self.scale(args[0])))
        try:
            yield scales
        finally:
            handle.remove()
