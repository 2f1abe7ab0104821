"""What is in the warehouse. Run it as `neurons status`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.formats import table
from app.sandbox import Result
from app.status import storage_summary
from ingest.settings import state_folder


def print_status(warehouse: Path, say: Callable[[str], None]) -> None:
    """Print runs with their parts, tables with their rows, and sizes on disk.

    Args:
        warehouse: DuckDB file.
        say: called with text.

    Raises:
        ReaderError: if there is no warehouse, or it cannot be read.
    """
    status = storage_summary(warehouse)
    if status.note:
        say(f"note: {status.note}\n")
    say("Runs")
    say(table(Result(status.runs)))
    say("Tables")
    say(table(Result(status.tables)))
    state = sum(f.stat().st_size for f in state_folder(warehouse).rglob("*") if f.is_file())
    say(f"{status.n_bytes / 1e6:.1f} MB in the warehouse, {state / 1e6:.1f} MB of state that runs go on from")
