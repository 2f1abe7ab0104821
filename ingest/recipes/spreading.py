"""How the exact sums of a run are spread over passes over the text, so that each fits in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from ingest.errors import InputError
from ingest.measure.correlation import Shape, Tile
from ingest.recipes.costs import Work
from ingest.recipes.memory import (
    WORKING,
    common_bytes,
    mixing_bytes,
    pair_bytes,
    population_bytes,
    sketch_bytes,
    standing_bytes,
    tile_bytes,
)
from ingest.recipes.shapes import ModelShape
from ingest.runs.plan import Method
from ingest.runs.shares import Divisible, Share, pieces_of
from ingest.study import Study


def with_small_tiles(work: Work, room: int) -> Work:
    """The same work with tiles cut at the partner's layers until one, and what selecting from it takes, fit in room."""
    tiles = []
    for tile in work.tiles:
        whole = (WORKING + 2) * tile_bytes(tile, work.shapes, halves=False)
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
class Spread:
    """How a run's sums are spread over passes.

    Attributes:
        passes: the exact tiles of each pass; one empty pass without exact sums.
        pilot_passes: the tiles of each pass over a refined run's pilot; empty otherwise.
        memory: bytes that the run holds at most, networks and the process itself not counted.
    """

    passes: list[list[Tile]]
    pilot_passes: list[list[Tile]]
    memory: int


def spread_sums(study: Study, work: Work, method: Method | None, *, batch_tokens: int, room: int) -> Spread:
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
        return Spread([[]], [], standing)
    spread = passes(work.tiles, work.shapes, left, halves=halves and method.name == "exact")
    most = max(sum(tile_bytes(t, work.shapes, halves=halves and method.name == "exact") for t in p) for p in spread)
    if method.name == "refined":
        return Spread([[]], spread, standing + most)
    if halves and len(spread) > 1:
        raise InputError(
            "split-half needs all exact sums in memory at once: raise [device] memory, leave split-half out, "
            'or set correlation = "sketch"'
        )
    return Spread(spread, [], standing + most)


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


def spread_apart(
    study: Study,
    run: Divisible,
    work: Callable[[Share], Work],
    method: Method | None,
    *,
    batch_tokens: int,
    room: int,
) -> Spread:
    """Spread the sums of a run whose pieces are computed apart, each in a room of its own.

    Args:
        study: which may ask for halves.
        run: its pieces.
        work: of a share.
        method: how correlations are computed; None without correlations.
        batch_tokens: positions of one batch.
        room: bytes that a piece may hold.

    Raises:
        InputError: if a piece does not fit.
    """
    known: dict[object, Spread] = {}
    exact, pilot = defaultdict[int, list[Tile]](list), defaultdict[int, list[Tile]](list)
    for piece in pieces_of(run):
        key: object
        if piece.pairs:
            of_pair = [*piece.pairs[0], *sorted(piece.populations(run) - {*piece.pairs[0]})]
            key = tuple((run.populations[p].n_layers, run.populations[p].width) for p in of_pair)
        else:
            key = work(piece).profile_bytes
        if key not in known:
            how = method if piece.pairs else None
            known[key] = spread_sums(study, work(piece), how, batch_tokens=batch_tokens, room=room)
        for a, b in piece.pairs:
            for found, of_piece in ((exact, known[key].passes), (pilot, known[key].pilot_passes)):
                for number, tiles in enumerate(of_piece):
                    found[number] += [replace(tile, a=a, b=b) for tile in tiles]
    memory = max((spread.memory for spread in known.values()), default=0)
    return Spread(list(exact.values()) or [[]], list(pilot.values()), memory)


def largest_piece(run: Divisible) -> Share:
    """The pair of the most units; a model where there is no pair."""

    def units(piece: Share) -> tuple[bool, int]:
        populations = (run.populations[p] for p in piece.populations(run))
        return bool(piece.pairs), sum(population.n_layers * population.width for population in populations)

    return max(pieces_of(run), key=units)


@dataclass(frozen=True)
class Held:
    """Bytes that pieces hold, which add up in a share.

    Attributes:
        room: that a share may hold.
        common: that every share holds.
        networks: of each model.
        profiles: of each model.
        populations: of each population, once however many pairs it is in.
        pairs: of each pair, with its exact sums in the pass that has most of them.
    """

    room: int
    common: int
    networks: tuple[int, ...]
    profiles: tuple[int, ...]
    populations: tuple[int, ...]
    pairs: dict[tuple[int, int], int]

    def of(self, run: Divisible, share: Share) -> int:
        """Bytes that a share holds, networks not counted."""
        populations = sum(self.populations[p] for p in share.populations(run))
        own = sum(self.pairs[pair] for pair in share.pairs) + sum(self.profiles[model] for model in share.models)
        return self.common + populations + own


def held_by(
    study: Study, models: list[ModelShape], work: Work, method: Method | None, spread: Spread, *, tokens: int, room: int
) -> Held:
    """What each piece of a run holds.

    Args:
        study: checked study.
        models: in its order.
        work: of all of the run.
        method: how correlations are computed; None without.
        spread: of its sums.
        tokens: positions of one batch.
        room: bytes that a share may hold.
    """
    item = getattr(torch, study.device.dtype).itemsize
    neurons = [model.n_layers * model.d_mlp for model in models]
    per_neuron = work.profile_bytes // work.profiled if work.profiled else 0
    populations: list[int] = []
    pairs: dict[tuple[int, int], int] = {}
    # Cut as far as memory asked for; without exact sums they are not cut.
    tiles = tuple(tile for of_pass in (*spread.passes, *spread.pilot_passes) for tile in of_pass) or work.tiles
    if method is not None:
        halves = "split-half" in study.measure.validation and method.name == "exact"
        shifted = 1 if work.sketched_twice else 0
        populations = [
            population_bytes(shape, method, batch_tokens=tokens) + shifted * sketch_bytes(shape.n_units, method)
            for shape in work.shapes
        ]
        sums = defaultdict[tuple[int, int], list[int]](list)
        for of_pass in (*spread.passes, *spread.pilot_passes):
            in_pass = Counter[tuple[int, int]]()
            for tile in of_pass:
                in_pass[tile.a, tile.b] += tile_bytes(tile, work.shapes, halves=halves)
            for pair, size in in_pass.items():
                sums[pair].append(size)
        for a, b in work.pairs:
            own = pair_bytes(work.shapes[a], work.shapes[b], method, draws=work.draws)
            mixing = mixing_bytes(work.shapes[a]) if work.mixing else 0
            pairs[a, b] = own + mixing + max(sums[a, b], default=0)
    return Held(
        room=room,
        common=common_bytes(replace(work, tiles=tiles, mixing=0), batch_tokens=tokens),
        networks=tuple(model.weights * item for model in models),
        profiles=tuple(per_neuron * n for n in neurons),
        populations=tuple(populations),
        pairs=pairs,
    )
