"""TransformerLens: where the MLPs are, the parity probe, and the processed weights.

The mass passes do not run here: the bridge forces eager attention and its hooks cost a fifth of the speed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from ingest.errors import InputError, first_line
from ingest.subject.heads import Heads, UnreadableHeads, read_heads
from ingest.subject.orientation import TOLERANCE, oriented, tensor_of
from ingest.subject.sites import Reader, Sites


@dataclass(frozen=True)
class LayerWeights:
    """Processed weights of one MLP, float32; the gate's input weights are `w_in` in a gated MLP.

    Attributes:
        w_in: (d_model, d_mlp).
        w_up: (d_model, d_mlp) of the up projection, None without a gate.
        w_out: (d_mlp, d_model).
        b_in: (d_mlp,), None where neither the projection nor the norm in front of it has a bias.
    """

    w_in: Tensor
    w_up: Tensor | None
    w_out: Tensor
    b_in: Tensor | None


@dataclass(frozen=True)
class ProcessedWeights:
    """Weights with norms folded into the next matrix and, under layer norm, writing weights centred.

    Attributes:
        layers: one per MLP.
        heads: the attention heads; None where this architecture's cannot be read.
        w_u: unembedding (d_model, d_vocab).
        w_e: embedding (d_vocab, d_model).
        is_centred: whether writing weights and unembedding are centred over the residual stream.
        processing: what was done, and what could not be read, in words.
    """

    layers: tuple[LayerWeights, ...]
    heads: Heads | None
    w_u: Tensor
    w_e: Tensor
    is_centred: bool
    processing: str


def open_bridge(name: str, folder: Path) -> TransformerBridge:
    """The model in TransformerLens.

    Raises:
        InputError: if TransformerLens does not know the architecture.
    """
    logging.getLogger("transformer_lens").setLevel(logging.ERROR)
    try:
        return TransformerBridge.boot_transformers(str(folder), device="cpu")
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"model {name}: TransformerLens cannot load this architecture: {first_line(error)}") from None


def find_sites(name: str, bridge: TransformerBridge, network: nn.Module) -> Sites:
    """The MLPs of a model, as modules of the plain network.

    Raises:
        InputError: if a layer has no MLP, or one whose hidden vector has no single output projection.
    """
    blocks = list(getattr(bridge, "blocks", []))
    gated = bool(bridge.cfg.gated_mlp)
    pre, post = [], []
    for layer, block in enumerate(blocks):
        parts = getattr(block, "mlp", None)
        if parts is None or not hasattr(parts, "out"):
            raise InputError(f"model {name}: layer {layer} has no MLP with an output projection: nothing to measure")
        path = bridge.adapter.translate_transformer_lens_path
        try:
            into, out = path(f"blocks.{layer}.mlp.{'gate' if gated else 'in'}"), path(f"blocks.{layer}.mlp.out")
            network.get_submodule(out)
        except (AttributeError, KeyError, ValueError):
            raise InputError(
                f"model {name}: layer {layer}'s MLP has no one output projection: nothing to measure"
            ) from None
        pre.append(_pre_path(name, network, into, bridge.cfg.d_mlp))
        post.append(out)
    heads, d_heads = _heads(bridge, network, len(blocks))
    if not blocks:
        raise InputError(f"model {name} has no MLP layers: there are no neurons to measure")
    return Sites(
        pre=tuple(pre),
        post=tuple(post),
        blocks=tuple(bridge.adapter.translate_transformer_lens_path(f"blocks.{k}") for k in range(len(blocks))),
        heads=heads,
        final_norm=_final_norm(bridge, network),
        d_model=int(bridge.cfg.d_model),
        d_mlp=int(bridge.cfg.d_mlp),
        d_heads=d_heads,
        is_gated=gated,
        norm="rms" if "RMS" in str(bridge.cfg.normalization_type) else "layer",
        activation=bridge.cfg.act_fn,
    )


def _final_norm(bridge: TransformerBridge, network: nn.Module) -> str | None:
    """The norm in front of the unembedding; None where there is no such module."""
    try:
        path = str(bridge.adapter.translate_transformer_lens_path("ln_final"))
        network.get_submodule(path)
    except (AttributeError, KeyError, ValueError):
        return None
    return path


def _heads(bridge: TransformerBridge, network: nn.Module, n_layers: int) -> tuple[tuple[str, ...] | None, int | None]:
    """The attention's output projections and their input width; None where some layer has no such module."""
    try:
        paths = tuple(bridge.adapter.translate_transformer_lens_path(f"blocks.{k}.attn.o") for k in range(n_layers))
        modules = [network.get_submodule(path) for path in paths]
    except (AttributeError, KeyError, ValueError):
        return None, None
    # Linear layers keep their weight as (out, in), GPT-2's Conv1D as (in, out).
    weights = [dict(m.named_parameters())["weight"] for m in modules]
    widths = {w.shape[1] if isinstance(m, nn.Linear) else w.shape[0] for m, w in zip(modules, weights, strict=True)}
    return (paths, int(widths.pop())) if len(widths) == 1 else (None, None)


def _pre_path(name: str, network: nn.Module, path: str, d_mlp: int) -> str:
    """The module that gives the pre-activation: the one named, or one that gives gate and up side by side.

    Raises:
        InputError: if there is neither.
    """
    parent, _, own = path.rpartition(".")
    children = dict(network.get_submodule(parent).named_children())
    if own in children:
        return path
    # Which half is the gate is settled by the parity probe.
    fused = [key for key, child in children.items() if getattr(child, "out_features", None) == 2 * d_mlp]
    if len(fused) != 1:
        raise InputError(f"model {name}: {parent} has no module for its pre-activation: nothing to measure")
    return f"{parent}.{fused[0]}"


@torch.no_grad()
def parity_error(name: str, bridge: TransformerBridge, network: nn.Module, sites: Sites, ids: Tensor) -> float:
    """Largest difference of a pre- or post-activation between the plain model and the bridge.

    Args:
        name: of the model, for the message.
        bridge: the model in TransformerLens, unprocessed.
        network: the plain model, float32 on the CPU.
        sites: its MLPs.
        ids: token rows (rows, context).

    Raises:
        InputError: if a hook of the bridge does not fire, or the difference is above tolerance.
    """
    kinds = ("hook_pre", "hook_post")
    names = [f"blocks.{layer}.mlp.{kind}" for kind in kinds for layer in range(sites.n_layers)]
    _, cache = bridge.run_with_cache(ids, names_filter=lambda hook: hook in names)
    if missing := [hook for hook in names if hook not in cache]:
        raise InputError(f"model {name}: TransformerLens hook {missing[0]} does not fire for this architecture")
    theirs = torch.cat([cache[hook].flatten(0, -2) for hook in names], dim=1)
    with Reader(network, sites).hooked() as reader:
        activations = reader.read(ids)
    ours = torch.cat([*activations.pre, *activations.at["mlp"]], dim=1)
    error = float((ours - theirs).abs().max())
    if not error <= TOLERANCE * max(1.0, float(ours.abs().max())):
        raise InputError(f"model {name}: activations differ by {error:.2g} between transformers and TransformerLens")
    return error


@torch.no_grad()
def processed_weights(
    name: str,
    bridge: TransformerBridge,
    network: nn.Module,
    sites: Sites,
    ids: Tensor,
    *,
    bos: int | None,
    context: int | None,
) -> ProcessedWeights:
    """Fold and centre the weights, and check by algebra on a forward pass that they are what they are called.

    The bridge is changed: it runs on the processed weights from now on.

    Args:
        name: of the model, for the message.
        bridge: the model in TransformerLens.
        network: the plain model, which tells what biases there are.
        sites: its MLPs.
        ids: token rows (rows, context) for the check.
        bos: id of BOS; None where the tokenizer has none.
        context: longest row that the model can read; None where nothing bounds it.

    Raises:
        InputError: if input or output weights do not reproduce the MLP's own activations.
    """
    # TransformerLens leaves the weights as they are where it cannot fold this architecture's norms.
    folds = bool(getattr(bridge.adapter, "supports_fold_ln", True))
    centred = sites.norm == "layer" and folds
    bridge.enable_compatibility_mode(
        disable_warnings=True,
        fold_ln=folds,
        center_writing_weights=centred,
        center_unembed=centred,
        fold_value_biases=centred,
    )
    wanted = ("mlp.hook_in", "mlp.hook_pre", "mlp.hook_post", "mlp.out.hook_out", "mlp.hook_pre_linear")
    _, cache = bridge.run_with_cache(ids, names_filter=lambda hook: hook.endswith(wanted))
    layers = []
    for layer, block in enumerate(bridge.blocks):
        inputs, pre, post, out = (cache[f"blocks.{layer}.{hook}"].flatten(0, -2) for hook in wanted[:4])
        mlp, what = block.mlp, f"model {name}, layer {layer}"
        b_in = tensor_of(mlp, "b_gate" if sites.is_gated else "b_in")
        w_in = _oriented(f"{what}: W_in", mlp.W_gate if sites.is_gated else mlp.W_in, b_in, inputs, pre)
        w_out = _oriented(f"{what}: W_out", mlp.W_out, tensor_of(mlp, "b_out"), post, out)
        w_up = None
        if sites.is_gated:
            up = cache[f"blocks.{layer}.mlp.hook_pre_linear"].flatten(0, -2)
            w_up = _oriented(f"{what}: W_up", mlp.W_in, tensor_of(mlp, "b_in"), inputs, up)
        # Without a bias of its own and under a norm without one, the layer has none; folding may have put zeros there.
        has_bias = sites.norm == "layer" or network.get_submodule(sites.pre[layer]).bias is not None
        layers.append(LayerWeights(w_in=w_in, w_up=w_up, w_out=w_out, b_in=b_in if has_bias else None))
    done = ["norms folded" if folds else "as trained: this architecture's norms cannot be folded"]
    if centred:
        done.append("writing weights and unembedding centred")
    heads = None
    try:
        heads = read_heads(bridge, network, sites, ids, bos=bos, context=context)
        if heads.no_bos is not None:
            done.append(f"no attention to BOS: {heads.no_bos}")
    except UnreadableHeads as why:
        done.append(f"no attention heads: {why}")
    return ProcessedWeights(
        tuple(layers), heads, bridge.W_U, bridge.W_E, is_centred=centred, processing=", ".join(done)
    )


def _oriented(what: str, weight: Tensor, bias: Tensor | None, inputs: Tensor, outputs: Tensor) -> Tensor:
    """The weight (inputs, outputs) if it maps the inputs to the outputs, as it stands or transposed.

    Raises:
        InputError: if it does neither.
    """
    found = oriented(weight, bias, inputs, outputs)
    if found is None:
        raise InputError(f"{what} does not reproduce the MLP's activations: TransformerLens misreads this architecture")
    return found
