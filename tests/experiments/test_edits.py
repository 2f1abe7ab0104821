"""Edits against networks whose weights were changed by hand, or that were built without the layer; their undoing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from ingest.experiments import edits
from ingest.subject.sites import Sites
from tests.experiments.conftest import IDS, Small

NEURONS = {0: [1, 5, 30], 2: [7]}


def w_out(network: nn.Module, small: Small, layer: int) -> Tensor:
    """Output weights (neurons, d_model), a view of the network's own."""
    module = network.get_submodule(small.sites.post[layer])
    weight = dict(module.named_parameters())["weight"].data
    return weight.T if isinstance(module, nn.Linear) else weight


def with_rows(small: Small, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Logits of a copy whose output weights of the neurons were changed."""
    copied = deepcopy(small.network)
    for layer, neurons in NEURONS.items():
        rows = w_out(copied, small, layer)
        rows[neurons] = change(rows[neurons])
    return small.logits(copied)


def entering(small: Small, edit: AbstractContextManager[None]) -> dict[int, Tensor]:
    """What enters the output projections under an edit."""
    seen: dict[int, Tensor] = {}
    with edit:
        handles = [
            small.network.get_submodule(path).register_forward_hook(
                lambda _m, args, _out, layer=layer: seen.__setitem__(layer, args[0])
            )
            for layer, path in enumerate(small.sites.post)
        ]
        small.logits()
    for handle in handles:
        handle.remove()
    return seen


def relayered(small: Small, order: list[int]) -> Tensor:
    """Logits of a network that was built with these layers of the small one, in this order."""
    config: Any = deepcopy(small.network.config)
    config.num_hidden_layers = len(order)
    built: Any = AutoModelForCausalLM.from_config(config).double().eval()
    stem = small.sites.blocks[0].removesuffix("0")
    weights = {}
    for key, value in small.network.state_dict().items():
        layer = re.match(re.escape(stem) + r"(\d+)(\..*)", key)
        if layer is None:
            weights[key] = value
            continue
        for place, of in enumerate(order):
            if of == int(layer[1]):
                weights[f"{stem}{place}{layer[2]}"] = value
    built.load_state_dict(weights)
    return small.logits(built)


def test_zeroed_and_scaled_neurons_write_what_changed_weights_write(small: Small) -> None:
    with edits.zero(small.network, small.sites, NEURONS):
        found = small.logits()
    torch.testing.assert_close(found, with_rows(small, torch.zeros_like), atol=1e-9, rtol=0)
    with edits.scale(small.network, small.sites, NEURONS, -1.5):
        found = small.logits()
    torch.testing.assert_close(found, with_rows(small, lambda rows: -1.5 * rows), atol=1e-9, rtol=0)
    assert (found - small.logits()).abs().max() > 1e-3


def test_fixed_neurons_write_the_same_at_every_position(small: Small) -> None:
    copied = deepcopy(small.network)
    for layer, neurons in NEURONS.items():
        rows = w_out(copied, small, layer)
        constant = 0.7 * rows[neurons].sum(0)
        rows[neurons] = 0.0
        copied.get_submodule(small.sites.post[layer]).register_forward_hook(
            lambda _m, _args, out, constant=constant: out + constant
        )
    with edits.fix(small.network, small.sites, NEURONS, 0.7):
        found = small.logits()
    torch.testing.assert_close(found, small.logits(copied), atol=1e-9, rtol=0)


def test_means_and_bounds_are_put_where_they_belong(small: Small) -> None:
    usual = entering(small, edits.zero(small.network, small.sites, {}))
    means = {0: torch.tensor([0.5, -0.25, 2.0]), 2: torch.tensor([3.0])}
    found = entering(small, edits.mean(small.network, small.sites, NEURONS, means))
    assert torch.equal(found[0][..., NEURONS[0]], means[0].double().expand(*IDS.shape, 3))
    assert torch.equal(found[2][..., 7], torch.full(IDS.shape, 3.0, dtype=torch.float64))
    others = [n for n in range(found[0].shape[-1]) if n not in NEURONS[0]]
    assert torch.equal(found[0][..., others], usual[0][..., others])
    middle = usual[0].median().item()
    found = entering(small, edits.clamp(small.network, small.sites, {0: NEURONS[0]}, high=middle))
    assert torch.equal(found[0][..., NEURONS[0]], usual[0][..., NEURONS[0]].clamp(max=middle))
    assert (found[0] < usual[0]).any()


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_deleted_layer_is_a_network_without_it(small: Small, layer: int) -> None:
    with edits.delete(small.network, small.sites, [layer]):
        found = small.logits()
    torch.testing.assert_close(found, relayered(small, [k for k in range(3) if k != layer]), atol=1e-9, rtol=0)


def test_swapped_and_repeated_layers_are_networks_built_so(small: Small) -> None:
    with edits.swap(small.network, small.sites, 1, 2):
        found = small.logits()
    torch.testing.assert_close(found, relayered(small, [0, 2, 1]), atol=1e-9, rtol=0)
    with edits.repeat(small.network, small.sites, [1, 2]):
        found = small.logits()
    torch.testing.assert_close(found, relayered(small, [0, 1, 1, 2, 2]), atol=1e-9, rtol=0)


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_a_pass_from_a_layer_on_has_the_bits_of_the_whole_one(small: Small, layer: int) -> None:
    forward = small.forward
    clean = forward.clean(IDS)
    assert torch.equal(clean.logits, small.logits())
    assert torch.equal(forward.edited(clean, layer), clean.logits)
    if layer < 3:
        with edits.zero(small.network, small.sites, {layer: [3]}):
            assert torch.equal(forward.edited(clean, layer), small.logits())


def test_a_frozen_norm_divides_by_the_other_pass_scale(small: Small) -> None:
    norm = small.network.get_submodule(small.sites.final_norm or "")
    stream = small.forward.clean(IDS).stream[-1]
    is_centred = small.sites.norm == "layer"
    scale = edits.norm_scale(norm, stream, centred=is_centred)
    centred = stream - stream.mean(-1, keepdim=True) if is_centred else stream
    weight = dict(norm.named_parameters())
    torch.testing.assert_close(centred / scale * weight["weight"] + weight.get("bias", 0.0), norm(stream))
    usual = small.logits()
    with edits.freeze_final_norm(small.network, small.sites, scale):
        torch.testing.assert_close(small.logits(), usual, atol=1e-9, rtol=0)
        with edits.zero(small.network, small.sites, NEURONS):
            found = small.logits()
    with edits.zero(small.network, small.sites, NEURONS):
        moved = small.forward.clean(IDS).stream[-1]
    moved = moved - moved.mean(-1, keepdim=True) if is_centred else moved
    head: Any = small.network
    expected = head.get_output_embeddings()(moved / scale * weight["weight"] + weight.get("bias", 0.0))
    # The RMS norm rounds to single precision by itself.
    torch.testing.assert_close(found, expected, atol=1e-9 if is_centred else 1e-5, rtol=0)
    assert (found - usual).abs().max() > 1e-3


@contextmanager
def nested(network: nn.Module, sites: Sites) -> Iterator[None]:
    with (
        edits.swap(network, sites, 0, 1),
        edits.repeat(network, sites, [1]),
        edits.delete(network, sites, [1]),
        edits.zero(network, sites, NEURONS),
    ):
        yield


EDITS: dict[str, Callable[[Small], AbstractContextManager[None]]] = {
    "zero": lambda s: edits.zero(s.network, s.sites, NEURONS),
    "fix": lambda s: edits.fix(s.network, s.sites, NEURONS, 1.0),
    "mean": lambda s: edits.mean(s.network, s.sites, {1: [2]}, {1: torch.ones(1)}),
    "clamp": lambda s: edits.clamp(s.network, s.sites, NEURONS, low=0.0),
    "scale": lambda s: edits.scale(s.network, s.sites, NEURONS, 2.0),
    "delete": lambda s: edits.delete(s.network, s.sites, [0, 2]),
    "repeat": lambda s: edits.repeat(s.network, s.sites, [1]),
    "swap": lambda s: edits.swap(s.network, s.sites, 0, 2),
    "start": lambda s: edits.start_at(s.network, s.sites, 2, torch.zeros(*IDS.shape, 16, dtype=torch.float64)),
    "freeze": lambda s: edits.freeze_final_norm(s.network, s.sites, torch.ones(*IDS.shape, 1, dtype=torch.float64)),
    "nested": lambda s: nested(s.network, s.sites),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_leaves_the_network_as_it_was(small: Small, name: str) -> None:
    before = small.logits()
    modules = dict(small.network.named_modules())
    weights = {key: value.clone() for key, value in small.network.state_dict().items()}
    with EDITS[name](small):
        assert not torch.equal(small.logits(), before)
    with pytest.raises(ZeroDivisionError), EDITS[name](small):
        raise ZeroDivisionError
    assert torch.equal(small.logits(), before)
    assert {key: id(module) for key, module in small.network.named_modules()} == {k: id(m) for k, m in modules.items()}
    assert all(torch.equal(value, weights[key]) for key, value in small.network.state_dict().items())
    for module in modules.values():
        assert "forward" not in vars(module)
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
