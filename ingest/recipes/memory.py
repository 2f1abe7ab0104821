"""How much memory a run holds, counted before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
import torch

from ingest.measure.correlation import Shape, Tile
from ingest.measure.followed import FOLLOWED
from ingest.names import GROUPS
from ingest.recipes.costs import Work
from ingest.runs.plan import Method
from ingest.tables import TOP_PARTNERS

_SHARE = 0.75
_FLOAT = 4
# Selecting from one tile takes a handful of matrices of its size.
WORKING = 6


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


def token_bytes(work: Work) -> int:
    """Bytes per position of a batch: one model's activations, and z of all, twice while they are put side by side."""
    units = [shape.n_units for shape in work.shapes]
    return _FLOAT * (2 * max(units, default=0) + 2 * sum(units))


def batch_tokens(work: Work, room: int, *, most: int) -> int:
    """Positions of one batch: `most`, halved until they take an eighth of the room at most."""
    tokens = most
    while tokens > 256 and tokens * token_bytes(work) > room // 8:
        tokens //= 2
    return tokens


def sketch_bytes(n_units: int, method: Method) -> int:
    """Bytes of the two sketches of so many units."""
    return 2 * _FLOAT * (method.buckets or 0) * n_units


def population_bytes(shape: Shape, method: Method, *, batch_tokens: int) -> int:
    """Bytes for each population that is read: z of a batch, sums of its units, its layers' own products, sketches."""
    z = _FLOAT * batch_tokens * 2 * shape.n_units
    sums = 2 * 8 * GROUPS * shape.n_units
    within = _FLOAT * shape.n_units * shape.width if method.name == "exact" else 0
    return z + sums + within + sketch_bytes(shape.n_units, method)


def pair_bytes(a: Shape, b: Shape, method: Method, *, draws: int) -> int:
    """Bytes for each pair besides its exact sums: selections, and who is followed or a candidate."""
    each = (method.max_candidates or 0) if method.name == "refined" else FOLLOWED if method.name == "exact" else 0
    of_unit = 12 * 2 * TOP_PARTNERS + 8 * (draws + 2) + (_FLOAT * 2 * GROUPS + 16) * each
    return of_unit * (a.n_units + b.n_units)


def mixing_bytes(shape: Shape) -> int:
    """Bytes of the matrices that mix the units of each layer, for a simulated seed."""
    return _FLOAT * shape.n_layers * shape.width**2


def common_bytes(work: Work, *, batch_tokens: int) -> int:
    """Bytes that are held once: a model's activations, what simulates seeds, and what selecting from a tile takes."""
    activations = _FLOAT * batch_tokens * 2 * max((shape.n_units for shape in work.shapes), default=0)
    working = WORKING * max((tile_bytes(tile, work.shapes, halves=False) for tile in work.tiles), default=0)
    return activations + _FLOAT * work.mixing + working


def standing_bytes(work: Work, method: Method, *, batch_tokens: int) -> int:
    """Bytes that a run holds besides profiles and the exact sums of tiles.

    Args:
        work: shapes of the study.
        method: how correlations are computed.
        batch_tokens: positions of one batch.
    """
    populations = sum(population_bytes(shape, method, batch_tokens=batch_tokens) for shape in work.shapes)
    pairs = sum(pair_bytes(work.shapes[a], work.shapes[b], method, draws=work.draws) for a, b in work.pairs)
    common = common_bytes(work, batch_tokens=batch_tokens)
    return common + populations + sketch_bytes(work.sketched_twice, method) + pairs
