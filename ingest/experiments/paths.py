"""Attention neurons: one neuron's write taken out of one later head's query (Gurnee et al. 2024, section 5.3).

Keys and values stay those of the clean pass. What is measured is the attention that the head pays to BOS, which is the
first position, and the norm of what it writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from ingest.errors import InputError
from ingest.experiments import edits
from ingest.experiments.attention import AttentionReader, HeadsSeen
from ingest.experiments.effects import Batch
from ingest.experiments.forward import Clean, Forward, activations_of
from ingest.experiments.passes import Frames
from ingest.tables import HEAD_PATHS, HEAD_VALUE_SUMS, PATH_SUMS

_PRODUCTS = {"sum_aa": (0, 0), "sum_dd": (2, 2), "sum_rr": (5, 5), "sum_ad": (0, 2), "sum_dr": (2, 5), "sum_ar": (0, 5)}
_VALUES = ("activation", "attention", "delta", "norm", "norm_without", "ratio")
# Norms below this are nothing, so that the ratio of two nothings is one.
_NOTHING = 1e-30
# Largest part of a neuron's write that may be missing where its block adds it to the residual stream.
_MISSING = 1e-2


@dataclass(frozen=True)
class HeadPath:
    """A path from a neuron's output to a later head's query.

    Attributes:
        layer: of the neuron.
        neuron: the neuron.
        head_layer: of the head.
        head: the head.
        control: asked or energy, as in `raw.head_paths`.
        asked_neuron: the neuron that it is compared with; itself if it is asked for.
        draw: number of the control.
    """

    layer: int
    neuron: int
    head_layer: int
    head: int
    control: str
    asked_neuron: int
    draw: int


class PathAblations:
    """One model: rows of `raw.head_paths`, `raw.path_sums` and `raw.head_value_sums`."""

    def __init__(self, forward: Forward, paths: Sequence[HeadPath]) -> None:
        """The paths are numbered from 0.

        Raises:
            InputError: if the network's attention cannot be taken apart.
        """
        self._forward, self._paths = forward, paths
        self._attention = AttentionReader(forward)
        self._is_checked = False
        self._frames: dict[str, list[pl.DataFrame]] = {PATH_SUMS.name: [], HEAD_VALUE_SUMS.name: []}

    def opening(self) -> Frames:
        """The paths."""
        rows = pl.DataFrame([{"path": k} | asdict(path) for k, path in enumerate(self._paths)])
        return [(HEAD_PATHS.name, rows.with_columns(model=pl.lit(self._forward.name)))]

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Run a batch clean, and each head without each neuron's write."""
        pass_ = self._forward.clean(batch.ids)
        places = sorted({(path.layer, path.neuron) for path in self._paths})
        values = activations_of(self._forward, batch.ids, places)
        activations = {place: values[..., k] for k, place in enumerate(places)}
        if not self._is_checked:
            for layer, neuron in {place[0]: place for place in places}.values():
                self._check_write(pass_, layer, neuron, activations[layer, neuron])
            self._is_checked = True
        for layer in range(self._forward.sites.n_layers):
            heads = self._attention.at(batch.ids, layer, pass_.stream[layer])
            bias = self._attention.value_bias(batch.ids, layer, self._forward.sites.d_model)
            self._keep_values(batch, layer, heads, bias)
            for number, path in enumerate(self._paths):
                if path.head_layer == layer:
                    a = activations[path.layer, path.neuron]
                    hidden = pass_.stream[layer] - a[..., None] * self._write(path.layer, path.neuron)
                    without = self._attention.at(batch.ids, layer, hidden, heads)
                    self._keep_path(batch, number, a, (heads, without), bias)

    def _write(self, layer: int, neuron: int) -> Tensor:
        """What one unit of activation adds to the residual stream, (d_model,)."""
        module = self._forward.network.get_submodule(self._forward.sites.post[layer])
        weight = dict(module.named_parameters())["weight"]
        return weight[:, neuron] if isinstance(module, nn.Linear) else weight[neuron]

    def _check_write(self, pass_: Clean, layer: int, neuron: int, activation: Tensor) -> None:
        """Refuse a network whose blocks do something else to an MLP's output than to add it to the stream."""
        network, sites = self._forward.network, self._forward.sites
        outputs: list[Tensor] = []
        block = network.get_submodule(sites.blocks[layer])
        handle = block.register_forward_hook(lambda _module, _args, output: outputs.append(output))
        with edits.zero(network, sites, {layer: [neuron]}):
            self._forward.edited(pass_, layer)
        handle.remove()
        write = activation[..., None] * self._write(layer, neuron)
        missing = (pass_.stream[layer + 1] - outputs[-1] - write).abs().max()
        rounding = torch.finfo(write.dtype).eps * 16 * pass_.stream[layer + 1].abs().max()
        if not missing <= _MISSING * write.abs().max() + rounding:
            raise InputError(
                f"model {self._forward.name}: its MLPs do not write straight into the residual stream, so that a "
                "neuron's write cannot be taken out of a query"
            )

    def _keep_values(self, batch: Batch, layer: int, heads: HeadsSeen, bias: Tensor) -> None:
        for head in range(heads.query.shape[1]):
            of = head // heads.shared
            norms = self._attention.written(layer, head, heads.value[:, of] - bias[of]).norm(dim=-1)
            columns = {
                "sequence": batch.numbers.astype(np.uint32),
                "n": batch.n_counted,
                "attention": batch.by_row(heads.weights[:, head, :, 0][batch.counted]).cpu().numpy(),
                "bos_norm": norms[:, 0].cpu().numpy(),
                "other_norm": batch.by_row(norms[batch.counted]).cpu().numpy(),
            }
            keys = {"layer": pl.lit(layer, pl.UInt16), "head": pl.lit(head, pl.UInt16)}
            self._frames[HEAD_VALUE_SUMS.name].append(pl.DataFrame(columns).with_columns(**keys))

    def _keep_path(
        self, batch: Batch, number: int, activation: Tensor, heads: tuple[HeadsSeen, HeadsSeen], bias: Tensor
    ) -> None:
        path = self._paths[number]
        of = path.head // heads[0].shared
        clean, without = (seen.weights[:, path.head, :, 0].double() for seen in heads)
        norm, norm_without = (
            self._attention.written(path.head_layer, path.head, seen.z[:, :, path.head] - bias[of]).norm(dim=-1)
            for seen in heads
        )
        ratio = (norm.clamp_min(_NOTHING) / norm_without.clamp_min(_NOTHING)).log()
        values = torch.stack([activation.double(), clean, clean - without, norm, norm_without, ratio])
        products = torch.stack([values[a] * values[b] for a, b in _PRODUCTS.values()])
        sums = torch.cat([values, products])
        is_late = torch.arange(batch.ids.shape[1], device=batch.ids.device) >= batch.ids.shape[1] // 2
        for late in (False, True):
            here = batch.counted & (is_late == late)
            columns = torch.where(here, sums, 0.0).sum(-1).cpu().numpy()
            frame = {
                "sequence": batch.numbers.astype(np.uint32),
                "n": here.sum(1).cpu().numpy().astype(np.uint16),
                **dict(zip((*_VALUES, *_PRODUCTS), columns, strict=True)),
            }
            keys = {"path": pl.lit(number, pl.UInt32), "is_late": pl.lit(late)}
            self._frames[PATH_SUMS.name].append(pl.DataFrame(frame).with_columns(**keys))

    def flush(self, _group: int) -> Frames:
        """Rows of `raw.path_sums` and `raw.head_value_sums`."""
        model = pl.lit(self._forward.name)
        found = [(name, pl.concat(frames).with_columns(model=model)) for name, frames in self._frames.items()]
        self._frames = {name: [] for name in self._frames}
        return found
