"""Edits of a running network: context managers that change what it computes, and leave it as it was.

All of them work on the plain Hugging Face network through its `Sites`, hold one inside another, and touch no weight:
they put hooks on, exchange modules or stand in for a module's `forward`, and undo just that on the way out, whatever
happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ingest.subject.sites import Sites

# Neurons of each layer that has any.
Neurons = Mapping[int, Sequence[int]]
Editing = AbstractContextManager[None]


@contextmanager
def _changed(
    network: nn.Module, sites: Sites, neurons: Neurons, change: Callable[[int, Tensor], Tensor | float]
) -> Iterator[None]:
    """Put `change(layer, activations)` in the place of the post-activations (..., neurons) of some neurons."""

    def hook_of(layer: int) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
        index = torch.as_tensor(list(neurons[layer]))

        def hook(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            edited = args[0].clone()
            edited[..., index] = change(layer, edited[..., index])
            return (edited, *args[1:])

        return hook

    with ExitStack() as hooks:
        for layer in neurons:
            module = network.get_submodule(sites.post[layer])
            hooks.callback(module.register_forward_pre_hook(hook_of(layer)).remove)
        yield


def zero(network: nn.Module, sites: Sites, neurons: Neurons) -> Editing:
    """Set post-activations to 0."""
    return _changed(network, sites, neurons, lambda _layer, values: torch.zeros_like(values))


def fix(network: nn.Module, sites: Sites, neurons: Neurons, value: float) -> Editing:
    """Set post-activations to one value at every position."""
    return _changed(network, sites, neurons, lambda _layer, values: torch.full_like(values, value))


def mean(network: nn.Module, sites: Sites, neurons: Neurons, means: Mapping[int, Tensor]) -> Editing:
    """Set every neuron's post-activation to its mean; `means` has one tensor (neurons,) per layer, in their order."""
    return _changed(network, sites, neurons, lambda layer, values: means[layer].to(values).expand_as(values))


def clamp(
    network: nn.Module, sites: Sites, neurons: Neurons, *, low: float | None = None, high: float | None = None
) -> Editing:
    """Keep post-activations within bounds."""
    return _changed(network, sites, neurons, lambda _layer, values: values.clamp(low, high))


def scale(network: nn.Module, sites: Sites, neurons: Neurons, factor: float) -> Editing:
    """Multiply post-activations."""
    return _changed(network, sites, neurons, lambda _layer, values: values * factor)


@contextmanager
def _standing_in(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Another function in the place of `module.forward`; hooks of the module still run."""
    own = vars(module).get("forward")
    vars(module)["forward"] = forward
    try:
        yield
    finally:
        if own is None:
            del vars(module)["forward"]
        else:
            vars(module)["forward"] = own


def _passing(hidden: Tensor, *_args: Any, **_named: Any) -> Tensor:
    return hidden


@contextmanager
def delete(network: nn.Module, sites: Sites, layers: Sequence[int]) -> Iterator[None]:
    """Leave blocks out: the residual stream goes past them."""
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(_standing_in(network.get_submodule(sites.blocks[layer]), _passing))
        yield


@contextmanager
def repeat(network: nn.Module, sites: Sites, layers: Sequence[int]) -> Iterator[None]:
    """Run each of some blocks twice, one after the other: 4, 5, 5, 6, 6, 7."""

    def twice(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run(hidden: Tensor, *args: Any, **named: Any) -> Tensor:
            return forward(forward(hidden, *args, **named), *args, **named)

        return run

    with ExitStack() as stack:
        for layer in layers:
            block = network.get_submodule(sites.blocks[layer])
            stack.enter_context(_standing_in(block, twice(block.forward)))
        yield


@contextmanager
def swap(network: nn.Module, sites: Sites, first: int, second: int) -> Iterator[None]:
    """Exchange two blocks."""

    def exchange() -> None:
        (owner, a), (other_owner, b) = (_place(network, sites.blocks[layer]) for layer in (first, second))
        owner[a], other_owner[b] = other_owner[b], owner[a]

    exchange()
    try:
        yield
    finally:
        exchange()


def _place(network: nn.Module, path: str) -> tuple[dict[str, nn.Module | None], str]:
    """The table of modules that holds a module, and its name there."""
    parent, _, name = path.rpartition(".")
    return network.get_submodule(parent)._modules, name


@contextmanager
def start_at(network: nn.Module, sites: Sites, layer: int, hidden: Tensor) -> Iterator[None]:
    """Begin a forward pass at a block: what enters it is `hidden` (rows, context, d_model), no earlier block runs.

    Args:
        network: the plain network.
        sites: where its blocks are.
        layer: from 1 to the number of layers; the latter leaves only the final norm and the unembedding.
        hidden: the residual stream in front of that block.
    """
    with ExitStack() as stack:
        stack.enter_context(delete(network, sites, range(layer - 1)))
        before = network.get_submodule(sites.blocks[layer - 1])
        stack.enter_context(_standing_in(before, lambda *_args, **_named: hidden))
        yield


def norm_scale(norm: nn.Module, hidden: Tensor, *, centred: bool) -> Tensor:
    """What a norm divides by: sqrt(variance + eps), or the root mean square for an RMS norm.

    Args:
        norm: the module, which has its eps.
        hidden: what enters it, (..., d_model).
        centred: whether it is a layer norm.

    Returns:
        (..., 1), in float32 at least.
    """
    values = hidden.to(torch.promote_types(hidden.dtype, torch.float32))
    if centred:
        values = values - values.mean(-1, keepdim=True)
    return (values.square().mean(-1, keepdim=True) + _eps(norm)).sqrt()


@contextmanager
def freeze_final_norm(network: nn.Module, sites: Sites, scale: Tensor) -> Iterator[None]:
    """Let the final norm divide by a scale of another pass: (rows, context, 1), as `norm_scale` gives it.

    The norm is linear but for its scale, so the frozen one is the norm itself times its own scale over the other one.
    """
    assert sites.final_norm is not None
    norm = network.get_submodule(sites.final_norm)
    bias = getattr(norm, "bias", None)
    usual = norm.forward

    def frozen(hidden: Tensor, *args: Any, **named: Any) -> Tensor:
        out: Tensor = usual(hidden, *args, **named)
        offset = 0.0 if bias is None else bias
        ratio = norm_scale(norm, hidden, centred=sites.norm == "layer") / scale
        # The same scale leaves every bit as it is.
        return (out + (out - offset) * (ratio - 1.0)).to(out.dtype)

    with _standing_in(norm, frozen):
        yield


def _eps(norm: nn.Module) -> float:
    for name in ("eps", "variance_epsilon"):
        if isinstance(found := getattr(norm, name, None), float):
            return found
    raise RuntimeError(f"{type(norm).__name__} keeps its eps under no known name")
