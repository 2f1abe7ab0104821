"""What a worker does: one share of a run, on whatever machine it is, and nothing is written."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl
import torch

from ingest.allocator import keep_freed_memory
from ingest.corpus.store import Manifest, TokenRows
from ingest.errors import InputError, NeuronsError, is_out_of_memory
from ingest.recipes.at_hand import check_versions, open_model, token_rows, unload
from ingest.recipes.computation import Begun, Computation
from ingest.recipes.planning import Planned
from ingest.recipes.profiling import Profiling
from ingest.recipes.running import peak_memory
from ingest.recipes.spreading import in_smaller_tiles
from ingest.recipes.token_shards import JoinedSums, Sums, moments_of, sums_by_key
from ingest.runs.plan import Plan
from ingest.runs.shares import Share, together
from ingest.study import Study
from ingest.tables import MOMENTS

_T = TypeVar("_T")
# Takes the sums of a token shard under a key.
Put = Callable[[str, dict[str, torch.Tensor]], None]
# Models stay loaded between shares, so many bytes of them: studies of many checkpoints would fill the memory.
_MOST_LOADED = 8_000_000_000


@dataclass(frozen=True)
class Order:
    """What all shares of a run have in common.

    Attributes:
        study: as it was read.
        planned: the run.
        corpus: folder of the token rows on the driver's machine.
        manifest: of the token rows.
        sums: folder there for sums of token shards.
    """

    study: Study
    planned: Planned
    corpus: Path
    manifest: Manifest
    sums: Path


@dataclass(frozen=True)
class Delivered:
    """What a share gave.

    Attributes:
        frames: rows by table name, without the run.
        sequences: rows of the corpus that examples are from, ascending.
        n_candidates: as Accumulators.n_candidates.
        host: where it was computed.
        seconds: that it took.
        memory: largest that its process held, bytes.
        cuts: how often its tiles were cut because memory ran out.
    """

    frames: list[tuple[str, pl.DataFrame]]
    sequences: list[int]
    n_candidates: tuple[int, int]
    host: str
    seconds: float
    memory: int
    cuts: int


@dataclass(frozen=True)
class Refused:
    """Why a worker could not do its share, in one line; whether that is the user's input."""

    line: str
    is_input: bool


@dataclass(frozen=True)
class _Given:
    """What pieces that were computed together gave, as in Delivered."""

    frames: list[tuple[str, pl.DataFrame]]
    sequences: list[int]
    n_candidates: tuple[int, int]
    cuts: int


def compute(
    order: Order,
    numbers: Sequence[int],
    files: Mapping[str, bytes] | None = None,
    shards: Sequence[Sums] = (),
) -> Delivered | Refused:
    """Compute a share.

    Args:
        order: what is to be done.
        numbers: of its pieces.
        files: of the corpus, for a machine that does not see its folder; None where all do.
        shards: what `sum_up` put of it, in the order of their groups; none where the share reads the text itself.
    """
    host, started = socket.gethostname(), time.monotonic()
    plan = order.planned.plan
    given = _refusing(order, files, lambda rows: _given(order, numbers, rows, shards))
    if isinstance(given, Refused):
        return given
    return Delivered(
        frames=[frame for each in given for frame in each.frames],
        sequences=sorted({sequence for each in given for sequence in each.sequences}),
        n_candidates=(sum(each.n_candidates[0] for each in given), sum(each.n_candidates[1] for each in given)),
        host=host,
        seconds=time.monotonic() - started,
        memory=peak_memory(plan.device),
        cuts=sum(each.cuts for each in given),
    )


def sum_up(
    order: Order, numbers: Sequence[int], groups: range, put: Put, files: Mapping[str, bytes] | None = None
) -> bool | Refused:
    """Take the sums of some groups of documents.

    Args:
        order: what is to be done.
        numbers: of the pieces whose sums.
        groups: of documents.
        put: called with each key of `keys_of` and its sums; again with all of them if memory runs out in between.
        files: as for `compute`.

    Returns:
        Whether all were put; not, where memory runs out.
    """
    share = together(order.planned.plan, numbers)
    part = _part(order.planned, share)

    def summed(rows: TokenRows) -> bool:
        with _computation(order, part, share, rows) as computation:
            moments = computation.sum_up(groups)
            for key, sums in sums_by_key(part.plan, share, groups, computation.tensors(), moments):
                put(key, sums)
            return True

    def in_memory(rows: TokenRows) -> bool:
        while not (is_done := _unless_out_of_memory(partial(summed, rows))):
            if not unload(_needed(part.plan, share), 0):
                break
        return bool(is_done)

    return _refusing(order, files, in_memory)


def _refusing(order: Order, files: Mapping[str, bytes] | None, done: Callable[[TokenRows], _T]) -> _T | Refused:
    """What is done with the token rows, or why it cannot be done here."""
    plan = order.planned.plan
    try:
        check_versions(plan)
        torch.set_num_threads(plan.threads)
        keep_freed_memory()
        return done(token_rows(order.corpus, order.manifest, files))
    except NeuronsError as error:
        return Refused(f"worker on {socket.gethostname()}: {error}", isinstance(error, InputError))


def _given(order: Order, numbers: Sequence[int], rows: TokenRows, shards: Sequence[Sums]) -> list[_Given]:
    """What a share gives; where memory runs out, piece by piece, and one piece in smaller and smaller tiles.

    Raises:
        InputError: if a piece does not fit in the smallest tiles.
    """
    plan = order.planned.plan
    share = together(plan, numbers)
    part, cuts = _part(order.planned, share), 0
    work = partial(_joined, shards=shards) if shards else _computed
    while (found := _unless_out_of_memory(partial(work, order, part, share, rows))) is None:
        if unload(_needed(plan, share), 0):
            continue
        if len(numbers) > 1:
            return [each for number in numbers for each in _given(order, [number], rows, shards)]
        part, larger, cuts = _smaller(part), part, cuts + 1
        if part == larger:
            raise InputError(f"{_name(plan, share)} does not fit in memory: lower [device] memory")
    return [replace(found, cuts=cuts)]


def _name(plan: Plan, piece: Share) -> str:
    of_pair = [plan.populations[p].model for pair in piece.pairs for p in pair]
    names = [plan.models[index].name for index in of_pair or piece.models]
    return f"{'the pair' if piece.pairs else 'model'} {', '.join(names)}"


def _unless_out_of_memory(done: Callable[[], _T]) -> _T | None:
    """What is done; None where memory runs out."""
    try:
        return done()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # Only now: what was computed so far lived as long as the error did.
    gc.collect()
    return None


def _smaller(part: Planned) -> Planned:
    """The same share in smaller tiles; the same one where they are the smallest."""
    return replace(part, passes=in_smaller_tiles(part.passes), pilot_passes=in_smaller_tiles(part.pilot_passes))


def _computed(order: Order, part: Planned, share: Share, rows: TokenRows) -> _Given:
    """What a share gives that reads the text itself."""
    with _computation(order, part, share, rows) as computation:
        frames = [frame for done in computation.run(Begun()) for frame in done.frames]
        frames += computation.pair_rows()
        frames += computation.profile_rows(with_corpus=0 in share.models)
        return _Given(frames, computation.example_rows().tolist(), computation.n_candidates, cuts=0)


def _joined(order: Order, part: Planned, share: Share, rows: TokenRows, *, shards: Sequence[Sums]) -> _Given:
    """What a share gives whose sums were taken in token shards."""
    frames = [(MOMENTS.name, moments_of(model, shards)) for model in share.models]
    if not share.pairs:
        return _Given(frames, [], (0, 0), cuts=0)
    with _computation(order, part, share, rows) as computation:
        computation.join(JoinedSums(part.plan, share, shards))
        return _Given([*frames, *computation.pair_rows()], [], computation.n_candidates, cuts=0)


@contextmanager
def _computation(order: Order, part: Planned, share: Share, rows: TokenRows) -> Iterator[Computation]:
    """The computation of a share, with its models loaded."""
    plan = order.planned.plan
    opened = {index: open_model(order.study, plan, index) for index in sorted(share.subjects(plan))}
    unload(_needed(plan, share), _MOST_LOADED)
    subjects = {index: subject for index, (subject, _) in opened.items()}
    _, vocabulary = next(iter(opened.values()))  # all of them have the same
    profiling = None
    if share.models and plan.features is not None:
        profiling = Profiling(order.study, vocabulary, rows, n_rows=plan.profile_rows)
    computation = Computation(part, share, subjects, rows, vocabulary, profiling, lambda _line: None, shows_bars=False)
    try:
        yield computation
    finally:
        computation.close()


def _part(planned: Planned, share: Share) -> Planned:
    """The plan as far as a share goes; a share of models alone correlates nothing."""
    if not share.pairs:
        nothing = replace(planned.plan, pairs=(), method=None, tiles_per_pass=(0,))
        return replace(planned, plan=nothing, passes=[[]], pilot_passes=[])
    passes, pilot = (
        [[tile for tile in tiles if (tile.a, tile.b) in share.pairs] for tiles in given]
        for given in (planned.passes, planned.pilot_passes)
    )
    if planned.plan.method is not None and planned.plan.method.name == "exact":
        # A pass that has none of its tiles need not be made; budgets are for runs of one pass, whatever is left here.
        passes = [tiles for tiles in passes if tiles]
    return replace(
        planned,
        # Of a run that this one extends nothing is at hand, and nothing is needed.
        plan=replace(planned.plan, pairs=share.pairs, moments=bool(share.models), inherited=0),
        passes=passes,
        pilot_passes=[tiles for tiles in pilot if tiles],
    )


def _needed(plan: Plan, share: Share) -> set[str]:
    """Hashes of the weights of the models that a share reads."""
    return {plan.models[index].weights_hash for index in share.subjects(plan)}
