"""How much memory a run holds, counted before it starts, and how its exact sums are spread over passes."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
import torch

from ingest.errors import InputError
from ingest.measure.correlation import Shape, Tile
from ingest.measure.followed import FOLLOWED
from ingest.names import GROUPS
from ingest.runs.plan import Method
from ingest.tables import TOP_PARTNERS

_SHARE = 0.75
_FLOAT = 4


def limit(gb: float | None, device: str) -> int:
    """Bytes that a run may hold: the study's limit, else three quarters of what the machine or the device has."""
    if gb is not None:
        return int(gb * 1e9)
    has = torch.cuda.mem_get_info(device)[1] if device.startswith("cuda") else psutil.virtual_memory().total
    return int(_SHARE * has)


def tile_bytes(tile: Tile, shapes: Sequence[Shape], *, halves: bool) -> int:
    """Bytes of a tile's exact sums."""
    size = _FLOAT * shapes[tile.a].width * (tile.last - tile.first) * shapes[tile.b].width
    return 2 * size if halves else size


def standing_bytes(
    pairs: Sequence[tuple[int, int]],
    shapes: Sequence[Shape],
    method: Method,
    *,
    batch_tokens: int,
    n_shifted: int,
    draws: int,
) -> int:
    """Bytes that a run holds besides the exact sums of tiles.

    Args:
        pairs: of populations.
        shapes: of all populations.
        method: how correlations are computed.
        batch_tokens: positions of one batch.
        n_shifted: populations whose shifted sketches are kept.
        draws: rotations per layer.
    """
    units = [shape.n_units for shape in shapes]
    # Activations of one model, and z of all of them, twice while they are put side by side.
    batch = _FLOAT * batch_tokens * (2 * max(units, default=0) + 2 * sum(units))
    sums = 2 * 8 * GROUPS * sum(units)
    within = _FLOAT * sum(s.n_units * s.width for s in shapes) if method.name == "exact" else 0
    sketches = 2 * _FLOAT * (method.buckets or 0) * (sum(units) + sum(units[:n_shifted]))
    selected = sum((12 * 2 * TOP_PARTNERS + 8 * (draws + 2)) * (units[a] + units[b]) for a, b in pairs)
    each = (method.max_candidates or 0) if method.name == "refined" else FOLLOWED if method.name == "exact" else 0
    followed = sum((_FLOAT * 2 * GROUPS + 16) * each * (units[a] + units[b]) for a, b in pairs)
    return batch + sums + within + sketches + selected + followed + working_bytes(pairs, shapes)


def working_bytes(pairs: Sequence[tuple[int, int]], shapes: Sequence[Shape]) -> int:
    """Bytes that selecting from one tile takes: a handful of matrices of its size."""
    return max((6 * _FLOAT * shapes[a].width * shapes[b].n_units for a, b in pairs), default=0)


def passes(tiles: Sequence[Tile], shapes: Sequence[Shape], room: int, *, halves: bool) -> list[list[Tile]]:
    """Tiles in as few groups as fit into `room` bytes one after another.

    Raises:
        InputError: if one tile alone does not fit.
    """
    found: list[list[Tile]] = [[]]
    held = 0
    for tile in tiles:
        size = tile_bytes(tile, shapes, halves=halves)
        if size > room:
            raise InputError(
                f"the sums of one layer against a partner model need {size / 1e9:.1f} GB and {max(room, 0) / 1e9:.1f} "
                'are left of the memory allowed: raise [device] memory, or set correlation = "sketch"'
            )
        if held + size > room and found[-1]:
            found.append([])
            held = 0
        found[-1].append(tile)
        held += size
    return found
