"""Run a study: from its file to finished rows in the warehouse. Run it as `neurons ingest STUDY.toml`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from app.lists import read_list
from ingest.corpus.syntax import open_parser
from ingest.raw.warehouse import RawWarehouse
from ingest.settings import state_folder
from ingest.study import Study
from ingest.subject.downloads import Downloads
from ingest.subject.locate import locate_all

# Beside the states of runs: what was fetched for runs that are not finished.
_NOTES = "downloads.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What an ingest left behind.

    Attributes:
        run: id of the run of the measures.
        was_finished: whether everything was finished before, so that nothing was done.
        n_experiments: runs of [[experiments]].
    """

    run: str
    was_finished: bool
    n_experiments: int


def ingest(
    study: Study,
    warehouse: Path,
    say: Callable[[str], None],
    on: str | None = None,
    workers: int | None = None,
) -> Outcome:
    """Measure everything a study names, then run its experiments; finished parts of a stopped ingest are kept.

    Args:
        study: checked study.
        warehouse: DuckDB file, made if it does not exist.
        say: called with lines for the user.
        on: where several workers share the measures: devices, ray or ray://HOST:PORT; None for this process.
        workers: how many of this machine.

    Raises:
        InputError: if the study cannot be run; nothing was written then.
        UnknownList: if an experiment names a list that is not beside the warehouse.
        RunFailed: if an activation is not finite.
    """
    raw = RawWarehouse(warehouse)
    raw.check()
    if study.corpus is not None:
        open_parser(study.corpus.syntax, study.folder)  # refused before any model is fetched
    for name in filter(None, (getattr(experiment, "named_list", None) for experiment in study.experiments)):
        read_list(warehouse, name)
    downloads = None if study.keep_downloads else Downloads(study, state_folder(warehouse) / _NOTES)
    folders = locate_all(study, downloads.note if downloads is not None else None)
    # Only now torch: what can be refused without it was refused at once.
    from ingest.recipes.experiment_jobs import check_experiments
    from ingest.recipes.experimenting import run_experiments
    from ingest.recipes.measuring import measure, open_study, simulate

    if on is not None:
        from ingest.recipes.executors import for_workers, open_executor

        study = for_workers(study)
    opened = open_study(study, folders, raw, say, keeps_weights=on is None or bool(study.experiments))
    check_experiments(opened)
    with open_executor(on, workers, study) if on is not None else nullcontext() as executor:
        run, was_finished = measure(opened, raw, say, executor)
        were_simulated = simulate(opened, raw, say, executor)
    experiments = run_experiments(opened, run, raw, say)
    if downloads is not None:
        downloads.delete(folders, say)
    nothing_new = was_finished and all(were_simulated) and experiments.n == experiments.n_finished_before
    return Outcome(run, nothing_new, experiments.n)
