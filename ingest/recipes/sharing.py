"""A run whose shares several workers compute: one writer puts each into the warehouse as it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import polars as pl
from tqdm import tqdm

from ingest.corpus.store import TokenRows
from ingest.errors import InputError, RunFailed
from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.dealing import deal
from ingest.recipes.extending import inherited_closing, known_sequences
from ingest.recipes.opening import now, of_run
from ingest.recipes.profile_rows import sequence_rows
from ingest.recipes.running import Say, above_the_bar, finish
from ingest.recipes.working import Delivered, Order, Refused
from ingest.runs.plan import parts
from ingest.runs.shares import Block, pieces_of
from ingest.tables import PARTS, SHARES

# After so many deaths it is the share that kills its workers.
MOST_DEATHS = 10


class Executor(Protocol):
    """Workers, wherever they are.

    Attributes:
        n_workers: that compute at a time.
        n_per_memory: that have the memory of one machine or device among them.
    """

    n_workers: int
    n_per_memory: int

    def deliver(self, order: Order, blocks: Sequence[Block]) -> Iterator[tuple[tuple[int, ...], Delivered | Refused]]:
        """Compute shares and hand them over as they come; what a worker had that died is computed again.

        Args:
            order: what they have in common.
            blocks: of shares, whose pieces are handed over once each, in these shares or in smaller ones.

        Raises:
            RunFailed: if the workers of a share die again and again.
        """


def share_out(order: Order, rows: TokenRows, executor: Executor, raw: RawWarehouse, say: Say) -> None:
    """Compute what is left of a run whose first rows are written, and finish it.

    Args:
        order: what is to be done.
        rows: the corpus.
        executor: who does it.
        raw: the warehouse.
        say: called with lines for the user.

    Raises:
        InputError: if the run was begun without shares, or a worker lacks what it needs.
        RunFailed: if a worker's activation is not finite, or workers die again and again.
    """
    plan = order.planned.plan
    if len(raw.read("select part from raw.parts where run = ?", [plan.run])):
        raise InputError(f"run {plan.run} was begun in one process: go on with it without --on")
    every = range(len(pieces_of(plan)))
    done = set(raw.read("select unnest(pieces) as piece from raw.shares where run = ?", [plan.run])["piece"])
    left = [number for number in every if number not in done]
    held = order.planned.held
    held = replace(held, room=held.room // executor.n_per_memory)
    blocks = deal(plan, order.planned.passes, held, order.planned.times, left, executor.n_workers)
    of_all = f"{len(left)} of {len(every)} models and pairs"
    n_shares, n_shards = sum(len(block.shares) for block in blocks), sum(len(block.shards) for block in blocks)
    cut = f", the sums of some in {n_shards} token shards" if n_shards else ""
    say(f"{of_all} to be computed by {executor.n_workers} workers in {n_shares} shares{cut}")

    with tqdm(total=len(every), initial=len(done), unit="piece", desc="models and pairs") as bar:
        for share, found in executor.deliver(order, blocks) if blocks else ():
            if isinstance(found, Refused):
                raise (InputError if found.is_input else RunFailed)(found.line)
            if found.cuts:
                above_the_bar(say)(f"a pair did not fit in memory on {found.host}: computed in smaller tiles")
            raw.write(of_share(plan.run, share, found), wait=above_the_bar(say))
            bar.update(len(share))
    _finish(order, rows, raw, say)


def of_share(run: str, pieces: tuple[int, ...], found: Delivered) -> list[tuple[str, pl.DataFrame]]:
    """What is written of a share: its rows, and its line in the ledger.

    All rows of a table are in one frame: one insert of many rows is faster than many of fewer.
    """
    tables = dict.fromkeys(name for name, _ in found.frames)
    frames = [(table, pl.concat([frame for name, frame in found.frames if name == table])) for table in tables]
    return [(name, of_run(run, frame)) for name, frame in [*frames, (SHARES.name, _ledger(pieces, found))]]


def _ledger(pieces: tuple[int, ...], found: Delivered) -> pl.DataFrame:
    n, directed = found.n_candidates
    row = {
        "share": min(pieces),
        "pieces": list(pieces),
        "host": found.host,
        "seconds": found.seconds,
        "peak_memory": found.memory,
        "n_candidates": n,
        "n_directed": directed,
        "sequences": found.sequences,
        "done_at": now(),
    }
    return pl.DataFrame([row], schema_overrides=dict.fromkeys(("pieces", "sequences"), pl.List(pl.UInt32)))


def _finish(order: Order, rows: TokenRows, raw: RawWarehouse, say: Say) -> None:
    """Write what follows from all shares, the ledger of parts, and that the run is finished, in one transaction."""
    plan = order.planned.plan
    ledger = raw.read("select * from raw.shares where run = ? order by share", [plan.run])
    used = np.unique(ledger["sequences"].explode().drop_nulls().to_numpy()).astype(np.int64)
    entries = [
        {"pass": number, "part": index, "doc_group": part.group, "n_rows": len(part.rows), "done_at": now()}
        for number in range(plan.n_passes)
        for index, part in enumerate(parts(plan.rounds, rows.groups))
    ]
    frames = [*sequence_rows(rows, used, known_sequences(plan, raw)), (PARTS.name, pl.DataFrame(entries))]
    candidates = int(ledger["n_candidates"].sum()), int(ledger["n_directed"].sum())
    memory = int(ledger["peak_memory"].max() or 0)  # type: ignore[arg-type]
    raw.write(
        [(name, of_run(plan.run, frame)) for name, frame in frames],
        before=inherited_closing(plan),
        after=lambda: [finish(plan.run, memory, candidates)],
        wait=say,
    )
