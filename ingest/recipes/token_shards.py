"""Sums of some groups of documents on their way from the worker that took them to those that select from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

import polars as pl
import torch
from torch import Tensor

from ingest.names import GROUPS
from ingest.runs.plan import Plan
from ingest.runs.shares import Divisible, Share
from ingest.runs.state import State

# The sums of a token shard by the keys of its share, wherever they lie.
Sums = Mapping[str, State]

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
_MOMENTS = "moments"


def keys_of(run: Divisible, share: Share) -> list[str]:
    """What the sums of a share are kept under: each model's moments, each population's sums, each pair's."""
    populations = share.populations(run)
    return [
        *(f"model-{model}" for model in share.models),
        *(f"population-{population}" for population in sorted(populations)),
        *(f"pair-{a}-{b}" for a, b in share.pairs),
    ]


def sums_by_key(
    plan: Plan, share: Share, groups: range, tensors: Mapping[str, Tensor], moments: Sequence[pl.DataFrame]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """What a token shard gives, one key of its share after another: copies, so that not all are in memory at once.

    Args:
        plan: of the run.
        share: whose sums.
        groups: of documents that they are of.
        tensors: of its computation, by name.
        moments: rows of its models.
    """
    of_models = {f"model-{model}" for model in share.models}
    for key in keys_of(plan, share):
        if key not in of_models:
            names = [name for name in tensors if _key(name) == key]
            yield key, {name: _of_groups(plan, name, tensors[name], groups).contiguous().cpu() for name in names}
    rows = pl.concat(moments) if moments else pl.DataFrame(schema={"model": pl.String})
    for model in share.models:
        stream = BytesIO()
        rows.filter(pl.col("model") == plan.models[model].name).write_ipc(stream)
        yield f"model-{model}", {_MOMENTS: torch.frombuffer(bytearray(stream.getvalue()), dtype=torch.uint8)}


def moments_of(model: int, shards: Sequence[Sums]) -> pl.DataFrame:
    """Rows of `raw.moments` of a model, without run, from all shards."""
    tensors = [shard[f"model-{model}"].tensor(_MOMENTS) for shard in shards]
    frames = [pl.read_ipc(tensor.numpy().tobytes()) for tensor in tensors]
    return pl.concat([frame for frame in frames if len(frame)])  # groups of a short text may have no rows


class JoinedSums:
    """The sums of a share over all groups of documents, from token shards, put together when asked for: a State."""

    def __init__(self, plan: Plan, share: Share, shards: Sequence[Sums]) -> None:
        """Look at what there is.

        Args:
            plan: of the run.
            share: whose sums.
            shards: by the keys of a share that holds this one, in the order of their groups.
        """
        self._shards = shards
        # All shards have the same names.
        self._names = [name for key in keys_of(plan, Share((), share.pairs)) for name in shards[0][key].names()]

    def names(self) -> list[str]:
        """Names of the tensors."""
        return self._names

    def tensor(self, name: str) -> Tensor:
        """One of them."""
        key, dimension = _key(name), _dimension(name)
        assert key is not None
        if dimension is None:
            return self._shards[0][key].tensor(name)
        return torch.cat([shard[key].tensor(name) for shard in self._shards], dimension)


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
