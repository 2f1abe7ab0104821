"""How a run fits into the memory there is: its method, its batches, its passes over the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ingest.errors import InputError
from ingest.recipes.costs import Times, Work, choose_method, nominal, times_of
from ingest.recipes.memory import batch_tokens
from ingest.recipes.shapes import ModelShape, work_of
from ingest.recipes.spreading import Held, Spread, held_by, largest_piece, spread_apart, spread_sums
from ingest.runs.plan import Method
from ingest.runs.shares import Divisible, Share, pieces_of, whole
from ingest.study import Study

_CPU_BATCH, _CUDA_BATCH = 4_096, 16_384


@dataclass(frozen=True)
class Fitted:
    """What follows from the shapes of a run and the memory.

    Attributes:
        work_of: what a share of the run has to do.
        work: what all of it has to do.
        batch_rows: rows of one forward pass.
        method: how correlations are computed; None without.
        reason: why so; None without.
        spread: of its sums over passes.
        held: what its pieces hold of the memory.
        times: what they take; nothing unless workers compute the run in shares.
    """

    work_of: Callable[[Share], Work]
    work: Work
    batch_rows: int
    method: Method | None
    reason: str | None
    spread: Spread
    held: Held
    times: Times


def fit(
    study: Study,
    models: list[ModelShape],
    run: Divisible,
    *,
    n_tokens: int,
    context: int,
    device: str,
    threads: int,
    room: int,
    room_of_piece: int,
    is_shared: bool,
    is_simulation: bool = False,
) -> Fitted:
    """Fit a run into memory: as a whole, or piece by piece where workers compute it in shares.

    What takes one pass as a whole has the same plan either way, and so the same rows. Where one process would read the
    text several times, or could not do it, the shares need the memory of their own pieces only.

    Args:
        study: checked study.
        models: in its order.
        run: what is correlated.
        n_tokens: positions of the corpus.
        context: tokens per row.
        device: torch device.
        threads: CPU threads.
        room: bytes that the run may hold, beside its networks.
        room_of_piece: bytes that a piece of it may, beside its own.
        is_shared: whether workers compute it in shares.
        is_simulation: whether partners are simulated.

    Raises:
        InputError: if it does not fit.
    """
    of = partial(work_of, study, models, run, n_tokens=n_tokens, context=context, is_simulation=is_simulation)
    work = of(whole(run))

    def fitted(rows: int, room: int, spread: Callable[..., Spread]) -> Fitted:
        tokens = rows * context
        sums = partial(spread, batch_tokens=tokens, room=room)

        def passes_of(method: Method) -> int | None:
            try:
                return len(sums(method=method).passes)
            except InputError:
                return None

        method, reason = None, None
        if run.pairs:
            method, reason = choose_method(work, study.measure, device, threads, passes_of)
        found = sums(method=method)
        held = held_by(study, models, work, method, found, tokens=tokens, room=room)
        times = Times((), ())
        if is_shared:
            kinds = [(m.n_layers, m.d_mlp, m.block_weights, m.weights) for m in models]
            times = times_of(run, kinds, of, method, nominal(device, threads))
        return Fitted(of, work, rows, method, reason, found, held, times)

    def in_pieces() -> Fitted:
        largest = of(largest_piece(run))
        rows = _batch_rows(study, largest, device, context, room_of_piece)
        return fitted(rows, room_of_piece, partial(spread_apart, study, run, of))

    try:
        as_whole = fitted(_batch_rows(study, work, device, context, room), room, partial(spread_sums, study, work))
    except InputError as error:
        if not pieces_of(run):
            raise
        try:
            apart = in_pieces()
        except InputError as of_piece:
            raise (of_piece if is_shared else error) from None
        if not is_shared:
            raise InputError(f"{error}, or compute it in shares: neurons ingest --on devices") from None
        return apart
    if is_shared and len(as_whole.spread.passes) > 1:
        apart = in_pieces()
        return apart if len(apart.spread.passes) < len(as_whole.spread.passes) else as_whole
    return as_whole


def _batch_rows(study: Study, work: Work, device: str, context: int, room: int) -> int:
    most = _CUDA_BATCH if device.startswith("cuda") else _CPU_BATCH
    return study.device.batch_rows or max(1, batch_tokens(work, room, most=most) // max(1, context))
