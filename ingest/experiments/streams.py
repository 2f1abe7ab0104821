"""Norms of what layers write, and the attention that heads pay to the five positions before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from ingest.errors import InputError
from ingest.experiments.attention import attention_by
from ingest.experiments.effects import Batch
from ingest.experiments.forward import Forward
from ingest.experiments.passes import Edit, EditedPasses, Frames, Work
from ingest.experiments.words import WordPieces
from ingest.tables import ATTENTION_SUMS, STREAM_SUMS, SUBWORD_SUMS

_OFFSETS = 5


class LensPasses:
    """The logit lens, and beside it what layers write and where heads look."""

    def __init__(self, forward: Forward, edits: Sequence[Edit], words: WordPieces) -> None:
        """The edits are those of the lens; `words` says where words end."""
        self._parts: tuple[Work, Work] = (EditedPasses(forward, edits), Streams(forward, words))

    def opening(self) -> Frames:
        """Rows of `raw.edits`."""
        return [frame for part in self._parts for frame in part.opening()]

    def update(self, batch: Batch) -> None:
        """Read a batch."""
        for part in self._parts:
            part.update(batch)

    def flush(self, group: int) -> Frames:
        """Rows of `raw.edit_sums`, `raw.stream_sums`, `raw.attention_sums` and `raw.subword_sums`."""
        return [frame for part in self._parts for frame in part.flush(group)]


class Streams:
    """One model: rows of `raw.stream_sums`, `raw.attention_sums` and `raw.subword_sums`."""

    def __init__(self, forward: Forward, words: WordPieces) -> None:
        """Nothing is measured yet."""
        self._forward, self._words = forward, words
        self._frames: dict[str, list[pl.DataFrame]] = {
            table.name: [] for table in (STREAM_SUMS, ATTENTION_SUMS, SUBWORD_SUMS)
        }

    def opening(self) -> Frames:
        """Nothing."""
        return []

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Read a batch."""
        sites = self._forward.sites
        norms: dict[tuple[str, int], Tensor] = {}
        attention: dict[int, Tensor] = {}
        words: dict[tuple[int, str], Tensor] = {}
        ends = {
            kind: torch.from_numpy(at).to(batch.counted) & batch.counted
            for kind, at in self._words.ends(batch.ids.cpu().numpy()).items()
        }

        def norm_of(name: str, layer: int):  # type: ignore[no-untyped-def]
            def hook(_module: nn.Module, _args: Any, output: Tensor) -> None:
                norms[name, layer] = batch.by_row(output.double().norm(dim=-1)[batch.counted])

            return hook

        def attention_of(layer: int):  # type: ignore[no-untyped-def]
            def hook(_module: nn.Module, _args: Any, output: Any) -> None:
                weights = output[1] if isinstance(output, tuple) and len(output) > 1 else None
                if not isinstance(weights, Tensor):
                    raise InputError(f"model {self._forward.name}: its attention has no weights to show")
                attention[layer] = near_attention(weights, batch.counted, _OFFSETS)
                for kind, at in ends.items():
                    words[layer, kind] = near_attention(weights, at, self._words.pieces - 1)

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
            stack.enter_context(attention_by(self._forward.network, "eager"))
            self._forward.network(input_ids=batch.ids, use_cache=False)
        for layer in range(sites.n_layers):
            base = {"sequence": batch.numbers.astype(np.uint32)}
            columns = {name: values.cpu().numpy() for (name, of), values in norms.items() if of == layer}
            self._keep(STREAM_SUMS.name, layer, base | {"n": batch.n_counted} | columns)
            if layer in attention:
                near = batch.counted[:, _OFFSETS + 1 :].sum(1)
                self._keep(ATTENTION_SUMS.name, layer, _of_heads(batch, near, attention[layer]))
        for (layer, kind), sums in words.items():
            rows = _of_heads(batch, ends[kind].sum(1), sums)
            rows["attention"] = rows["attention"].arr.to_list()
            self._keep(SUBWORD_SUMS.name, layer, rows | {"kind": kind}, some=True)

    def _keep(self, table: str, layer: int, columns: dict[str, Any], *, some: bool = False) -> None:
        """With `some`, rows without positions are left out."""
        frame = pl.DataFrame(columns).with_columns(layer=pl.lit(layer, pl.UInt16))
        self._frames[table].append(frame.filter(pl.col("n") > 0) if some else frame)

    def flush(self, _group: int) -> Frames:
        """Rows of the three tables."""
        model = pl.lit(self._forward.name)
        found = [(name, pl.concat(frames).with_columns(model=model)) for name, frames in self._frames.items() if frames]
        self._frames = {name: [] for name in self._frames}
        return found


def _of_heads(batch: Batch, n: Tensor, sums: Tensor) -> dict[str, Any]:
    """Columns of a row per token row and head, from positions (rows,) and sums (rows, heads, offsets)."""
    heads, offsets = sums.shape[1:]
    return {
        "sequence": batch.numbers.astype(np.uint32).repeat(heads),
        "head": np.tile(np.arange(heads, dtype=np.uint16), len(n)),
        "n": n.cpu().numpy().astype(np.uint16).repeat(heads),
        "attention": pl.Series(sums.cpu().numpy().reshape(-1, offsets), dtype=pl.Array(pl.Float64, offsets)),
    }


def near_attention(weights: Tensor, counted: Tensor, offsets: int) -> Tensor:
    """Attention to the 1st, 2nd, ... position before, summed over the positions that count.

    Only positions with more than so many before them, so that none is the first of the row, which is an attention sink.

    Args:
        weights: attention (rows, heads, context, context), queries before keys.
        counted: bool (rows, context).
        offsets: positions before.

    Returns:
        float64 (rows, heads, offsets).
    """
    first = offsets + 1
    is_counted = counted[:, None, first:].to(torch.float64)
    return torch.stack(
        [
            (weights.diagonal(-offset, 2, 3)[..., first - offset :].double() * is_counted).sum(-1)
            for offset in range(1, offsets + 1)
        ],
        -1,
    )
