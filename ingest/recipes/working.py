"""What a worker does: one share of a run, on whatever machine it is, and nothing is written."""

from __future__ import annotations

import gc
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import torch
import transformers

from ingest.allocator import keep_freed_memory
from ingest.corpus.store import Manifest, TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError, NeuronsError, is_out_of_memory
from ingest.recipes.computation import Begun, Computation
from ingest.recipes.planning import Planned
from ingest.recipes.profiling import Profiling
from ingest.recipes.running import peak_memory
from ingest.recipes.spreading import in_smaller_tiles
from ingest.recipes.subjects import Subject, load_subject
from ingest.runs.plan import ARITHMETIC, Plan
from ingest.runs.shares import Share, together
from ingest.study import Study
from ingest.subject.locate import locate
from ingest.subject.tokenizer import load_tokenizer

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
    """

    study: Study
    planned: Planned
    corpus: Path
    manifest: Manifest


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


_loaded: dict[str, tuple[Subject, Vocabulary]] = {}
_unpacked: dict[str, tempfile.TemporaryDirectory[str]] = {}


def packed(corpus: Path) -> dict[str, bytes]:
    """A stored corpus, for machines that do not see its folder."""
    return {file.name: file.read_bytes() for file in sorted(corpus.iterdir()) if file.is_file()}


def compute(order: Order, numbers: Sequence[int], files: Mapping[str, bytes] | None = None) -> Delivered | Refused:
    """Compute a share.

    Args:
        order: what is to be done.
        numbers: of its pieces.
        files: of the corpus, for a machine that does not see its folder; None where all do.
    """
    host, started = socket.gethostname(), time.monotonic()
    plan = order.planned.plan
    try:
        _check_versions(plan)
        torch.set_num_threads(plan.threads)
        keep_freed_memory()
        given = _given(order, numbers, _rows(order, files))
    except NeuronsError as error:
        return Refused(f"worker on {host}: {error}", isinstance(error, InputError))
    return Delivered(
        frames=[frame for each in given for frame in each.frames],
        sequences=sorted({sequence for each in given for sequence in each.sequences}),
        n_candidates=(sum(each.n_candidates[0] for each in given), sum(each.n_candidates[1] for each in given)),
        host=host,
        seconds=time.monotonic() - started,
        memory=peak_memory(plan.device),
        cuts=sum(each.cuts for each in given),
    )


def _given(order: Order, numbers: Sequence[int], rows: TokenRows) -> list[_Given]:
    """What a share gives; where memory runs out, piece by piece, and one piece in smaller and smaller tiles.

    Raises:
        InputError: if a piece does not fit in the smallest tiles.
    """
    plan = order.planned.plan
    share = together(plan, numbers)
    part, cuts = _part(order.planned, share), 0
    while (found := _compute(order, part, share, rows)) is None:
        if _unload(_needed(plan, share), 0):
            continue
        if len(numbers) > 1:
            return [each for number in numbers for each in _given(order, [number], rows)]
        part, larger, cuts = _smaller(part), part, cuts + 1
        if part == larger:
            raise InputError(f"{_name(plan, share)} does not fit in memory: lower [device] memory")
    return [replace(found, cuts=cuts)]


def _name(plan: Plan, piece: Share) -> str:
    of_pair = [plan.populations[p].model for pair in piece.pairs for p in pair]
    names = [plan.models[index].name for index in of_pair or piece.models]
    return f"{'the pair' if piece.pairs else 'model'} {', '.join(names)}"


def _compute(order: Order, part: Planned, share: Share, rows: TokenRows) -> _Given | None:
    """What a share gives; None where memory runs out."""
    try:
        return _computed(order, part, share, rows)
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
    plan = order.planned.plan
    opened = {index: _opened(order, index) for index in sorted(share.subjects(plan))}
    _unload(_needed(plan, share), _MOST_LOADED)
    subjects = {index: subject for index, (subject, _) in opened.items()}
    _, vocabulary = next(iter(opened.values()))  # all of them have the same
    profiling = None
    if share.models and plan.features is not None:
        profiling = Profiling(order.study, vocabulary, rows, n_rows=plan.profile_rows)
    computation = Computation(part, share, subjects, rows, vocabulary, profiling, lambda _line: None, shows_bars=False)
    try:
        frames = [frame for done in computation.run(Begun()) for frame in done.frames]
        frames += computation.pair_rows()
        frames += computation.profile_rows(with_corpus=0 in share.models)
        return _Given(frames, computation.example_rows().tolist(), computation.n_candidates, cuts=0)
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


def _check_versions(plan: Plan) -> None:
    for name, mine, wanted in (
        ("torch", torch.__version__, plan.torch_version),
        ("transformers", transformers.__version__, plan.transformers_version),
        ("neuron-warehouse's arithmetic", ARITHMETIC, plan.arithmetic),
    ):
        if mine != wanted:
            raise InputError(f"{name} is {mine} there and {wanted} where the run was planned: install the same")


def _rows(order: Order, files: Mapping[str, bytes] | None) -> TokenRows:
    """The token rows, from the driver's folder where this machine sees it."""
    if (order.corpus / "manifest.json").exists():
        return TokenRows(order.corpus, order.manifest)
    key = order.manifest.fingerprint
    if key not in _unpacked:
        if files is None:
            raise InputError(f"there is no corpus at {order.corpus}")
        _unpacked[key] = tempfile.TemporaryDirectory(prefix="neurons-corpus-")
        for name, content in files.items():
            (Path(_unpacked[key].name) / name).write_bytes(content)
    return TokenRows(Path(_unpacked[key].name), order.manifest)


def _opened(order: Order, index: int) -> tuple[Subject, Vocabulary]:
    """A model of the study with its tokenizer, loaded once and compared with the one that the run was planned for."""
    planned, model = order.planned.plan.models[index], order.study.checkpoints()[index]
    found = _loaded.pop(planned.weights_hash, None)
    if found is None or found[0].model != model:
        folder = locate(model, order.study.folder)
        vocabulary = load_tokenizer(model.name, folder)
        # The driver has measured its weights.
        found = load_subject(model, folder, vocabulary, with_rows=False), vocabulary
    if found[0].weights_hash != planned.weights_hash:
        raise InputError(f"model {planned.name} has other weights there than where the run was planned: copy them")
    _loaded[planned.weights_hash] = found
    return found


def _needed(plan: Plan, share: Share) -> set[str]:
    """Hashes of the weights of the models that a share reads."""
    return {plan.models[index].weights_hash for index in share.subjects(plan)}


def _unload(needed: set[str], most: int) -> bool:
    """Let go of the models that were used least lately, as long as there are more bytes of them than `most`.

    Returns:
        Whether there was one.
    """
    before = len(_loaded)
    for key in [key for key in _loaded if key not in needed]:
        if sum(_bytes(subject) for subject, _ in _loaded.values()) > most:
            del _loaded[key]
    return len(_loaded) < before


def _bytes(subject: Subject) -> int:
    return sum(p.numel() * p.element_size() for p in subject.network.parameters())
