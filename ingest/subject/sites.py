"""Where a model's neurons are, and how their activations are read from the plain forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class _LastSiteReached(Exception):
    """Ends a forward pass after the last MLP: what follows is not needed."""


@dataclass(frozen=True)
class Sites:
    """The MLPs of a model.

    Attributes:
        pre: per layer the module whose output is the pre-activation (of the gate, if there is one).
        post: per layer the output projection, whose input is the post-activation.
        d_model: width of the residual stream.
        d_mlp: neurons per layer.
        is_gated: whether the MLP has a gate.
        norm: `layer` or `rms`.
        activation: name of the activation function.
    """

    pre: tuple[str, ...]
    post: tuple[str, ...]
    d_model: int
    d_mlp: int
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
    """Activations of one batch: pre and post, each (tokens, layers * d_mlp), layers side by side."""

    pre: Tensor
    post: Tensor


class Reader:
    """Runs the plain model and reads all of its MLPs; a context manager that leaves no hook behind."""

    def __init__(self, network: nn.Module, sites: Sites) -> None:
        """Read the MLPs that `sites` names of a plain network."""
        self._network = network
        self._sites = sites
        self._pre: dict[int, Tensor] = {}
        self._post: dict[int, Tensor] = {}

    @contextmanager
    def hooked(self) -> Iterator[Reader]:
        """Put the hooks on and take them off again."""
        handles = []
        try:
            for layer, (pre, post) in enumerate(zip(self._sites.pre, self._sites.post, strict=True)):
                handles.append(self._network.get_submodule(pre).register_forward_hook(self._keep_pre(layer)))
                handles.append(self._network.get_submodule(post).register_forward_pre_hook(self._keep_post(layer)))
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def _keep_pre(self, layer: int):  # type: ignore[no-untyped-def]
        def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            # Gate and up may come side by side, the gate first.
            self._pre[layer] = output[..., : self._sites.d_mlp].flatten(0, -2)

        return hook

    def _keep_post(self, layer: int):  # type: ignore[no-untyped-def]
        def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            self._post[layer] = args[0].flatten(0, -2)
            if layer == self._sites.n_layers - 1:
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
        self._pre.clear()
        self._post.clear()
        with suppress(_LastSiteReached):
            self._network(input_ids=ids, use_cache=False)
        layers = range(self._sites.n_layers)
        if set(self._pre) != set(layers) or set(self._post) != set(layers):
            raise RuntimeError("not every MLP was reached in the forward pass")
        return Activations(
            pre=torch.cat([self._pre.pop(layer) for layer in layers], dim=1),
            post=torch.cat([self._post.pop(layer) for layer in layers], dim=1),
        )
