"""A network written by hand, in which it is known what some neurons cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import GPT2LMHeadModel

from ingest.experiments.forward import Forward
from ingest.subject.sites import Sites
from tests.support.small_models import small_gpt2

# (layer, neuron)
NORM_ONLY = (1, 5)
TO_BOS, FROM_BOS = (0, 6), (0, 7)
# One never fires, the other one writes nothing.
DEAD, MUTE = (0, 9), (0, 10)
# The head of layer 1 that the two turn; what it gets of the first position is nothing.
HEAD = 0
_WIDTH, _D_HEAD = 16, 8


@dataclass(frozen=True)
class Planted:
    """The network in float64, and where its neurons are."""

    network: nn.Module
    sites: Sites

    @property
    def forward(self) -> Forward:
        return Forward("planted", self.network, self.sites)


@torch.no_grad()
def planted_gpt2() -> GPT2LMHeadModel:
    """Two layers with random weights, but for the planted ones."""
    network = small_gpt2(3, width=_WIDTH)
    stem: Any = network.transformer
    # The unembedding does not tell the last two directions apart, so their difference reaches the norm alone.
    stem.wte.weight[:, 15] = stem.wte.weight[:, 14]
    stem.ln_f.weight[15] = stem.ln_f.weight[14]
    stem.ln_f.bias.zero_()
    _write(network, NORM_ONLY, {15: 3.0, 14: -3.0})
    # The first position is known by one direction, which the head's keys read; its queries read another one.
    stem.wpe.weight[0] = 0.0
    stem.wpe.weight[0, 2], stem.wpe.weight[0, 3] = 60.0, -60.0
    # Nothing else in front of the head writes along the two.
    for module in (stem.h[0].mlp.c_proj, stem.h[0].attn.c_proj):
        module.weight[:, :4] = 0.0
        module.bias[:4] = 0.0
    block = stem.h[1]
    block.ln_1.weight.fill_(1.0)
    block.ln_1.bias.zero_()
    heads, bias = block.attn.c_attn.weight, block.attn.c_attn.bias
    query, key, value = (slice(k * _WIDTH + HEAD * _D_HEAD, k * _WIDTH + (HEAD + 1) * _D_HEAD) for k in range(3))
    for columns, (plus, minus) in ((query, (0, 1)), (key, (2, 3))):
        heads[:, columns] = 0.0
        bias[columns] = 0.0
        heads[plus, columns.start], heads[minus, columns.start] = 0.7, -0.7
    heads[2:4, value] = 0.0
    for place, sign in ((TO_BOS, 1.0), (FROM_BOS, -1.0)):
        _write(network, place, {0: 1.5 * sign, 1: -1.5 * sign})
        stem.h[place[0]].mlp.c_fc.bias[place[1]] = 1.0
    stem.h[DEAD[0]].mlp.c_fc.bias[DEAD[1]] = -1e4
    _write(network, MUTE, {})
    return network


def _write(network: GPT2LMHeadModel, place: tuple[int, int], entries: dict[int, float]) -> None:
    stem: Any = network.transformer
    weight = stem.h[place[0]].mlp.c_proj.weight
    weight[place[1]] = 0.0
    for entry, value in entries.items():
        weight[place[1], entry] = value
