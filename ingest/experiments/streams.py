"""Norms of what layers write, and the attention that heads pay to the five positions before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from ingest.errors import InputError
from ingest.experiments.effects import Batch
from ingest.experiments.forward import Forward
from ingest.experiments.passes import Edit, EditedPasses, Frames, Work
from ingest.tables import ATTENTION_SUMS, STREAM_SUMS

_OFFSETS = 5


@contextmanager
def eager_attention(network: Any) -> Iterator[None]:
    """Attention by plain products, which has its weights to show."""
    before = network.config._attn_implementation
    network.config._attn_implementation = "eager"
    try:
        yield
    finally:
        network.config._attn_implementation = before


class LensPasses:
    """The logit lens, and beside it what layers write and where heads look."""

    def __init__(self, forward: Forward, edits: Sequence[Edit]) -> None:
        """The edits are those of the lens."""
        self._parts: tuple[Work, Work] = (EditedPasses(forward, edits), Streams(forward))

    def opening(self) -> Frames:
        """Rows of `raw.edits`."""
        return [frame for part in self._parts for frame in part.opening()]

    def update(self, batch: Batch) -> None:
        """Read a batch."""
        for part in self._parts:
            part.update(batch)

    def flush(self, group: int) -> Frames:
        """Rows of `raw.edit_sums`, `raw.stream_sums` and `raw.attention_sums`."""
        return [frame for part in self._parts for frame in part.flush(group)]


class Streams:
    """One model: rows of `raw.stream_sums` and `raw.attention_sums`."""

    def __init__(self, forward: Forward) -> None:
        """Nothing is measured yet."""
        self._forward = forward
        self._frames: dict[str, list[pl.DataFrame]] = {STREAM_SUMS.name: [], ATTENTION_SUMS.name: []}

    def opening(self) -> Frames:
        """Nothing."""
        return []

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Read a batch."""
        sites = self._forward.sites
        norms: dict[tuple[str, int], Tensor] = {}
        attention: dict[int, Tensor] = {}

        def norm_of(name: str, layer: int):  # type: ignore[no-untyped-def]
            def hook(_module: nn.Module, _args: Any, output: Tensor) -> None:
                norms[name, layer] = batch.by_row(output.double().norm(dim=-1)[batch.counted])

            return hook

        def attention_of(layer: int):  # type: ignore[no-untyped-def]
            def hook(_module: nn.Module, _args: Any, output: Any) -> None:
                weights = output[1] if isinstance(output, tuple) and len(output) > 1 else None
                if not isinstance(weights, Tensor):
                    raise InputError(f"model {self._forward.name}: its attention has no weights to show")
                attention[layer] = near_attention(weights, batch.counted)

            return hook

        module = self._forward.network.get_submodule
        with ExitStack() as stack:
            for layer in range(sites.n_layers):
                hooks = [(sites.post[layer], norm_of("mlp_norm", layer))]
                hooks.append((sites.blocks[layer], norm_of("stream_norm", layer)))
                if sites.heads is not None:
                    hooks.append((sites.heads[layer], norm_of("attention_norm", layer)))
                    hooks.append((sites.heads[layer].rpartition(".")[0], attention_of(layer)))
                for path, hook in hooks:
                    stack.callback(module(path).register_forward_hook(hook).remove)
            stack.enter_context(eager_attention(self._forward.network))
            self._forward.network(input_ids=batch.ids, use_cache=False)
        n = batch.counted.sum(1).cpu().numpy().astype(np.uint16)
        for layer in range(sites.n_layers):
            base = {"sequence": batch.numbers.astype(np.uint32)}
            columns = {name: values.cpu().numpy() for (name, of), values in norms.items() if of == layer}
            self._keep(STREAM_SUMS.name, layer, base | {"n": n} | columns)
            if layer in attention:
                sums = attention[layer].cpu().numpy()
                heads = sums.shape[1]
                near = batch.counted[:, _OFFSETS + 1 :].sum(1).cpu().numpy().astype(np.uint16)
                of_heads: dict[str, Any] = {
                    "head": np.tile(np.arange(heads, dtype=np.uint16), len(n)),
                    "n": near.repeat(heads),
                }
                values = pl.Series(sums.reshape(-1, _OFFSETS), dtype=pl.Array(pl.Float64, _OFFSETS))
                of_heads |= {"sequence": base["sequence"].repeat(heads), "n": near.repeat(heads)}
                self._keep(ATTENTION_SUMS.name, layer, {**of_heads, "attention": values})

    def _keep(self, table: str, layer: int, columns: dict[str, Any]) -> None:
        self._frames[table].append(pl.DataFrame(columns).with_columns(layer=pl.lit(layer, pl.UInt16)))

    def flush(self, _group: int) -> Frames:
        """Rows of both tables."""
        model = pl.lit(self._forward.name)
        found = [(name, pl.concat(frames).with_columns(model=model)) for name, frames in self._frames.items() if frames]
        self._frames = {name: [] for name in self._frames}
        return found


def near_attention(weights: Tensor, counted: Tensor) -> Tensor:
    """Attention to the 1st, ..., 5th position before, summed over the positions that count.

    Only positions from the 7th of a row on, so that none of the five is the first one, which is an attention sink.

    Args:
        weights: attention (rows, heads, context, context), queries before keys.
        counted: bool (rows, context).

    Returns:
        float64 (rows, heads, 5).
    """
    first = _OFFSETS + 1
    is_counted = counted[:, None, first:].to(torch.float64)
    return torch.stack(
        [
            (weights.diagonal(-offset, 2, 3)[..., first - offset :].double() * is_counted).sum(-1)
            for offset in range(1, _OFFSETS + 1)
        ],
        -1,
    )
