"""Sums of some groups of documents on their way from the worker that took them to those that select from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor

from ingest.names import GROUPS
from ingest.runs.plan import Plan
from ingest.runs.shares import Divisible, Share

# The sums of a token shard by the keys of its share, as bytes, wherever they lie.
Packed = Mapping[str, bytes | NDArray[np.uint8]]

# Where groups of documents, or their buckets, lie in a tensor; what has no such dimension is the same in every shard.
_DIMENSIONS = {
    "units": {"n": 0, "total": 0, "squares": 0},
    "sketch": {"table": 2, "ones": 1},
    "shifted": {"table": 2, "ones": 1},
    "candidates": {"sums": 0},
    "counterparts": {"products": 0},
}
_OF_POPULATION = ("units", "sketch", "shifted")
_OF_PAIR = ("candidates", "counterparts", "probe")


def keys_of(run: Divisible, share: Share) -> list[str]:
    """What the sums of a share are kept under: each model's moments, each population's sums, each pair's."""
    populations = share.populations(run)
    return [
        *(f"model-{model}" for model in share.models),
        *(f"population-{population}" for population in sorted(populations)),
        *(f"pair-{a}-{b}" for a, b in share.pairs),
    ]


def packed_sums(
    plan: Plan, share: Share, groups: range, tensors: Mapping[str, Tensor], moments: Sequence[pl.DataFrame]
) -> dict[str, bytes]:
    """What a token shard gives, by the keys of its share.

    Args:
        plan: of the run.
        share: whose sums.
        groups: of documents that they are of.
        tensors: of its computation, by name.
        moments: rows of its models.
    """
    named: dict[str, dict[str, Tensor]] = {key: {} for key in keys_of(plan, share)}
    for name, tensor in tensors.items():
        key = _key(name)
        if key in named:
            named[key][name] = _of_groups(plan, name, tensor, groups).contiguous().cpu()
    found = {key: save(each) for key, each in named.items() if each}
    rows = pl.concat(moments) if moments else pl.DataFrame(schema={"model": pl.String})
    for model in share.models:
        stream = BytesIO()
        rows.filter(pl.col("model") == plan.models[model].name).write_ipc(stream)
        found[f"model-{model}"] = stream.getvalue()
    return found


def moments_of(model: int, shards: Sequence[Packed]) -> pl.DataFrame:
    """Rows of `raw.moments` of a model, without run, from all shards."""
    frames = [pl.read_ipc(bytes(shard[f"model-{model}"])) for shard in shards]
    return pl.concat([frame for frame in frames if len(frame)])  # groups of a short text may have no rows


class JoinedSums:
    """The sums of a share over all groups of documents, from token shards, put together when asked for: a State.

    What lies under one key is in memory at a time: sketches may fill half of it.
    """

    def __init__(self, plan: Plan, share: Share, shards: Sequence[Packed]) -> None:
        """Look at what there is.

        Args:
            plan: of the run.
            share: whose sums.
            shards: by the keys of a share that holds this one, in the order of their groups.
        """
        self._shards = shards
        self._open: tuple[str, list[dict[str, Tensor]]] | None = None
        keys = keys_of(plan, Share((), share.pairs))
        self._names = [name for key in keys for name in load(bytes(shards[0][key]))]  # all shards have the same

    def _under(self, key: str) -> list[dict[str, Tensor]]:
        """Tensors of each shard."""
        if self._open is None or self._open[0] != key:
            self._open = None
            self._open = key, [load(bytes(shard[key])) for shard in self._shards]
        return self._open[1]

    def names(self) -> list[str]:
        """Names of the tensors."""
        return self._names

    def tensor(self, name: str) -> Tensor:
        """One of them."""
        key, dimension = _key(name), _dimension(name)
        assert key is not None
        parts = [each[name] for each in self._under(key)]
        return parts[0] if dimension is None else torch.cat(parts, dimension)


def _key(name: str) -> str | None:
    kind, *of = name.split(".")
    if kind in _OF_POPULATION:
        return f"population-{of[0]}"
    return f"pair-{of[0]}-{of[1]}" if kind in _OF_PAIR else None


def _dimension(name: str) -> int | None:
    kind, *_, last = name.split(".")
    return 0 if kind == "probe" else _DIMENSIONS[kind].get(last)


def _of_groups(plan: Plan, name: str, tensor: Tensor, groups: range) -> Tensor:
    dimension = _dimension(name)
    if dimension is None:
        return tensor
    starts = plan.bucket_starts if name.startswith(("sketch", "shifted")) else range(GROUPS + 1)
    first, end = starts[groups.start], starts[groups.stop]
    return tensor.narrow(dimension, first, end - first)
