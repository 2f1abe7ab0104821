"""Where a model's units are, and how their activations are read from the plain forward pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ingest.names import Site


class _LastSiteReached(Exception):
    """Ends a forward pass after the last site: what follows is not needed."""


@dataclass(frozen=True)
class Sites:
    """The MLPs and the other sites of a model.

    Attributes:
        pre: per layer the module whose output is the pre-activation (of the gate, if there is one).
        post: per layer the output projection, whose input is the post-activation.
        blocks: per layer the block, whose output is the residual stream.
        heads: per layer the attention's output projection, whose input is the heads' z; None where it has none.
        final_norm: the norm in front of the unembedding; None where it has no such module.
        d_model: width of the residual stream.
        d_mlp: neurons per layer.
        d_heads: heads times width of a head; None where heads is None.
        is_gated: whether the MLP has a gate.
        norm: `layer` or `rms`.
        activation: name of the activation function.
    """

    pre: tuple[str, ...]
    post: tuple[str, ...]
    blocks: tuple[str, ...]
    heads: tuple[str, ...] | None
    final_norm: str | None
    d_model: int
    d_mlp: int
    d_heads: int | None
    is_gated: bool
    norm: str
    activation: str | None

    @property
    def n_layers(self) -> int:
        """Layers with an MLP."""
        return len(self.post)

    @property
    def n_neurons(self) -> int:
        """Neurons of all layers."""
        return self.n_layers * self.d_mlp


@dataclass(frozen=True)
class Activations:
    """Activations of one batch, one tensor (tokens, width) per layer.

    Attributes:
        pre: pre-activations of the MLPs; empty where they were not asked for.
        at: per site; `mlp` holds the post-activations.
    """

    pre: list[Tensor]
    at: dict[Site, list[Tensor]]


class Reader:
    """Runs the plain model and reads its sites; a context manager that leaves no hook behind."""

    def __init__(
        self, network: nn.Module, sites: Sites, wanted: Sequence[Site] = ("mlp",), *, pre: bool = True
    ) -> None:
        """Read the wanted sites of a plain network, and with `pre` the pre-activations of its MLPs."""
        self._network = network
        self._sites = sites
        self._wanted = tuple(wanted)
        self._with_pre = pre
        self._read: dict[tuple[str, int], Tensor] = {}

    @contextmanager
    def hooked(self) -> Iterator[Reader]:
        """Put the hooks on and take them off again."""
        handles = []
        last = self._sites.n_layers - 1
        module = self._network.get_submodule
        try:
            for layer in range(self._sites.n_layers):
                if self._with_pre:
                    handles.append(module(self._sites.pre[layer]).register_forward_hook(self._keep_pre(layer)))
                if "head_z" in self._wanted:
                    assert self._sites.heads is not None
                    hook = self._keep_input("head_z", layer, stop=False)
                    handles.append(module(self._sites.heads[layer]).register_forward_pre_hook(hook))
                # The block's output is the last site of all, the MLP's input comes before it.
                hook = self._keep_input("mlp", layer, stop=layer == last and "resid" not in self._wanted)
                handles.append(module(self._sites.post[layer]).register_forward_pre_hook(hook))
                if "resid" in self._wanted:
                    resid = self._keep_output(layer, stop=layer == last)
                    handles.append(module(self._sites.blocks[layer]).register_forward_hook(resid))
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _keep_pre(self, layer: int):  # type: ignore[no-untyped-def]
        def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            # Gate and up may come side by side, the gate first.
            self._read["pre", layer] = output[..., : self._sites.d_mlp].flatten(0, -2)

        return hook

    def _keep_input(self, site: Site, layer: int, *, stop: bool):  # type: ignore[no-untyped-def]
        def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            self._read[site, layer] = args[0].flatten(0, -2)
            if stop:
                raise _LastSiteReached

        return hook

    def _keep_output(self, layer: int, *, stop: bool):  # type: ignore[no-untyped-def]
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            stream = output if isinstance(output, Tensor) else output[0]
            self._read["resid", layer] = stream.flatten(0, -2)
            if stop:
                raise _LastSiteReached

        return hook

    @torch.no_grad()
    def read(self, ids: Tensor) -> Activations:
        """Activations of token rows.

        Args:
            ids: token ids (rows, context) on the model's device.

        Raises:
            RuntimeError: if a hook did not fire, so that an activation would be missing.
        """
        self._read.clear()
        with suppress(_LastSiteReached):
            self._network(input_ids=ids, use_cache=False)
        layers = range(self._sites.n_layers)
        try:
            pre = [self._read["pre", layer] for layer in layers] if self._with_pre else []
            at = {site: [self._read[site, layer] for layer in layers] for site in self._wanted}
        except KeyError as missing:
            raise RuntimeError(f"{missing.args[0]} was not reached in the forward pass") from None
        self._read.clear()
        return Activations(pre, at)
