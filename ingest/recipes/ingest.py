"""Run a study: from its file to finished rows in the warehouse. Run it as `neurons ingest STUDY.toml`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.corpus.syntax import open_parser
from ingest.raw.warehouse import RawWarehouse
from ingest.study import Study
from ingest.subject.locate import locate_all


@dataclass(frozen=True)
class Outcome:
    """What an ingest left behind.

    Attributes:
        run: id of the run.
        was_finished: whether the same run was finished before, so that nothing was done.
    """

    run: str
    was_finished: bool


def ingest(study: Study, warehouse: Path, say: Callable[[str], None]) -> Outcome:
    """Measure everything a study names; finished parts of an earlier, stopped ingest are kept.

    Args:
        study: checked study.
        warehouse: DuckDB file, made if it does not exist.
        say: called with lines for the user.

    Raises:
        InputError: if the study cannot be run; nothing was written then.
        RunFailed: if an activation is not finite.
    """
    raw = RawWarehouse(warehouse)
    raw.check()
    if study.corpus is not None:
        open_parser(study.corpus.syntax, study.folder)  # refused before any model is fetched
    folders = locate_all(study)
    # Only now torch: what can be refused without it was refused at once.
    from ingest.recipes.measuring import measure

    run, was_finished = measure(study, folders, raw, say)
    return Outcome(run, was_finished)
