"""Clean and edited forward passes: the clean one keeps the residual stream, an edited one begins where it differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ingest.errors import InputError
from ingest.experiments.edits import start_at
from ingest.subject.sites import Reader, Sites


@dataclass(frozen=True)
class Clean:
    """A forward pass without edits.

    Attributes:
        ids: token ids (rows, context).
        logits: (rows, context, vocabulary).
        stream: the residual stream in front of every block, and behind the last one, each (rows, context, d_model).
    """

    ids: Tensor
    logits: Tensor
    stream: tuple[Tensor, ...]


class Forward:
    """Runs one network."""

    def __init__(self, name: str, network: nn.Module, sites: Sites) -> None:
        """A plain network in evaluation mode, its name for messages, and where its blocks are."""
        self.name, self.network, self.sites = name, network, sites

    @torch.no_grad()
    def clean(self, ids: Tensor) -> Clean:
        """The clean pass.

        Raises:
            InputError: if a block takes or gives something else than the residual stream.
        """
        stream: list[Tensor] = []
        with self._kept(stream):
            logits = self._logits(ids)
        return Clean(ids, logits, tuple(stream))

    @torch.no_grad()
    def edited(self, clean: Clean, layer: int) -> Tensor:
        """Logits (rows, context, vocabulary) under the edits that are on, which change nothing in front of `layer`."""
        if layer == 0:
            return self._logits(clean.ids)
        with start_at(self.network, self.sites, layer, clean.stream[layer]):
            return self._logits(clean.ids)

    def _logits(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.network(input_ids=ids, use_cache=False).logits
        return logits

    @contextmanager
    def _kept(self, stream: list[Tensor]) -> Iterator[None]:
        """Put what goes in and out of the blocks into a list."""

        def keep(values: Any) -> None:
            if not isinstance(values, Tensor):
                raise InputError(
                    f"model {self.name}: its blocks do not hand on the residual stream alone, so they cannot be edited"
                )
            stream.append(values)

        def before(_module: nn.Module, args: tuple[Any, ...]) -> None:
            keep(args[0] if args else None)

        def after(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
            keep(output)

        blocks = [self.network.get_submodule(path) for path in self.sites.blocks]
        handles = [block.register_forward_pre_hook(before) for block in blocks]
        handles.append(blocks[-1].register_forward_hook(after))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


@torch.no_grad()
def activations_of(forward: Forward, ids: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
    """Post-activations of some neurons (layer, neuron) on token rows (rows, context), (rows, context, neurons)."""
    with Reader(forward.network, forward.sites, pre=False).hooked() as reader:
        at = reader.read(ids).at["mlp"]
    found: Tensor = torch.stack([at[layer][:, neuron] for layer, neuron in places], -1).unflatten(0, ids.shape)
    return found
