"""How much memory a run holds, counted before it starts, and how its exact sums are spread over passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import psutil
import torch

from ingest.errors import InputError
from ingest.measure.correlation import Shape, Tile
from ingest.measure.followed import FOLLOWED
from ingest.names import GROUPS
from ingest.recipes.costs import Work
from ingest.runs.plan import Method
from ingest.study import Study
from ingest.tables import TOP_PARTNERS

_SHARE = 0.75
_FLOAT = 4
# Selecting from one tile takes a handful of matrices of its size.
_WORKING = 6


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


def standing_bytes(work: Work, method: Method, *, batch_tokens: int) -> int:
    """Bytes that a run holds besides profiles and the exact sums of tiles.

    Args:
        work: shapes of the study.
        method: how correlations are computed.
        batch_tokens: positions of one batch.
    """
    shapes, pairs = work.shapes, work.pairs
    units = [shape.n_units for shape in shapes]
    batch = batch_tokens * token_bytes(work)
    sums = 2 * 8 * GROUPS * sum(units)
    within = _FLOAT * sum(s.n_units * s.width for s in shapes) if method.name == "exact" else 0
    sketches = 2 * _FLOAT * (method.buckets or 0) * (sum(units) + work.sketched_twice)
    selected = sum((12 * 2 * TOP_PARTNERS + 8 * (work.draws + 2)) * (units[a] + units[b]) for a, b in pairs)
    each = (method.max_candidates or 0) if method.name == "refined" else FOLLOWED if method.name == "exact" else 0
    followed = sum((_FLOAT * 2 * GROUPS + 16) * each * (units[a] + units[b]) for a, b in pairs)
    working = _WORKING * max((tile_bytes(tile, shapes, halves=False) for tile in work.tiles), default=0)
    mixing = _FLOAT * work.mixing
    return batch + sums + mixing + within + sketches + selected + followed + working


def with_small_tiles(work: Work, room: int) -> Work:
    """The same work with tiles cut at the partner's layers until one, and what selecting from it takes, fit in room."""
    tiles = []
    for tile in work.tiles:
        whole = (_WORKING + 2) * tile_bytes(tile, work.shapes, halves=False)
        pieces = min(tile.last - tile.first, max(1, -(-whole // max(room, 1))))
        if pieces == 1:
            tiles.append(tile)
            continue
        layers = -(-(tile.last - tile.first) // pieces)
        firsts = range(tile.first, tile.last, layers)
        tiles += [replace(tile, first=first, last=min(first + layers, tile.last)) for first in firsts]
    return replace(work, tiles=tuple(tiles))


def in_smaller_tiles(tiles_of_passes: list[list[Tile]]) -> list[list[Tile]]:
    """The next smaller tiles, for memory that did run out: each is cut in two at the partner's layers.

    A pass keeps what it is about: who is followed through the documents for an error is chosen among its tiles.

    Returns:
        What there is to try; the same where nothing is left to be cut.
    """
    return [[half for tile in tiles for half in _halves(tile)] for tiles in tiles_of_passes]


def _halves(tile: Tile) -> list[Tile]:
    middle = (tile.first + tile.last) // 2
    return [tile] if middle == tile.first else [replace(tile, last=middle), replace(tile, first=middle)]


@dataclass(frozen=True)
class Share:
    """How a run's sums share the memory.

    Attributes:
        passes: the exact tiles of each pass; one empty pass without exact sums.
        pilot_passes: the tiles of each pass over a refined run's pilot; empty otherwise.
        memory: bytes that the run holds at most, networks and the process itself not counted.
    """

    passes: list[list[Tile]]
    pilot_passes: list[list[Tile]]
    memory: int


def share_memory(study: Study, work: Work, method: Method | None, *, batch_tokens: int, room: int) -> Share:
    """Spread a run's sums over passes.

    Args:
        study: which may ask for halves.
        work: shapes of the study.
        method: how correlations are computed; None without correlations.
        batch_tokens: positions of one batch.
        room: bytes that the run may hold.

    Raises:
        InputError: if it does not fit.
    """
    standing = work.profile_bytes
    if method is not None and method.name == "exact":
        others = standing_bytes(replace(work, tiles=()), method, batch_tokens=batch_tokens)
        left = room - standing - others
        # Where the rest does not fit, no cut would help.
        work = with_small_tiles(work, left) if left >= 0 else replace(work, tiles=())
    if method is not None:
        standing += standing_bytes(work, method, batch_tokens=batch_tokens)
    left = room - standing
    halves = "split-half" in study.measure.validation
    if left < 0:
        raise InputError(
            f"profiles ({work.profile_bytes / 1e9:.3g} GB), sketches, selections and one batch need "
            f"{standing / 1e9:.3g} GB and {room / 1e9:.3g} are allowed: set [measure] features = false, "
            "lower [measure.sketch] buckets or [device] batch_rows, take fewer models, or raise [device] memory"
        )
    if method is None or method.name == "sketch":
        return Share([[]], [], standing)
    spread = passes(work.tiles, work.shapes, left, halves=halves and method.name == "exact")
    most = max(sum(tile_bytes(t, work.shapes, halves=halves and method.name == "exact") for t in p) for p in spread)
    if method.name == "refined":
        return Share([[]], spread, standing + most)
    if halves and len(spread) > 1:
        raise InputError(
            "split-half needs all exact sums in memory at once: raise [device] memory, leave split-half out, "
            'or set correlation = "sketch"'
        )
    return Share(spread, [], standing + most)


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
                f"the sums of a layer against its partner need {size / 1e9:.3g} GB and {max(room, 0) / 1e9:.3g} "
                'are left of the memory allowed: raise [device] memory, or set correlation = "sketch"'
            )
        if held + size > room and found[-1]:
            found.append([])
            held = 0
        found[-1].append(tile)
        held += size
    return found


def passes_needed(study: Study, work: Work, method: Method, *, batch_tokens: int, room: int) -> int | None:
    """Passes over the text that a method takes in that room; None where it does not fit."""
    try:
        return len(share_memory(study, work, method, batch_tokens=batch_tokens, room=room).passes)
    except InputError:
        return None
