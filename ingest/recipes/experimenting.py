"""The experiments of a study, after its measures: each is a run of its own, with parts and a ledger like the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tqdm import tqdm

from ingest.corpus.store import TokenRows
from ingest.errors import RunFailed
from ingest.experiments.passes import ClosingWork, Frames
from ingest.names import GROUPS
from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.experiment_batches import batches, counted
from ingest.recipes.experiment_jobs import jobs_of
from ingest.recipes.experiment_plans import Job
from ingest.recipes.measuring import Opened
from ingest.recipes.opening import corpus_row, now, of_run
from ingest.recipes.running import above_the_bar, finish, peak_memory
from ingest.runs.state import StateFolder
from ingest.settings import state_folder
from ingest.study import Study
from ingest.tables import CORPORA, EDIT_CLASSES, EXPERIMENT_SEQUENCES, EXPERIMENTS, PARTS, RUNS, SCHEMA

Say = Callable[[str], None]


@dataclass(frozen=True)
class Counts:
    """How many experiments a study has, and how many of them were finished before."""

    n: int
    n_finished_before: int


def run_experiments(opened: Opened, measured: str, raw: RawWarehouse, say: Say) -> Counts:
    """Run what a study's [[experiments]] ask for; finished ones, and finished parts, are not done again.

    Args:
        opened: the study.
        measured: run of its measures.
        raw: the warehouse.
        say: called with lines for the user.

    Raises:
        InputError: if neurons cannot be found: the marts are not built, or have none such.
        RunFailed: if an edited pass gives something that is not finite.
    """
    n = n_before = 0
    for job in jobs_of(opened, measured, raw.path):
        n += 1
        n_before += _run(job, opened, raw, say)
    return Counts(n, n_before)


def _run(job: Job, opened: Opened, raw: RawWarehouse, say: Say) -> bool:
    """Whether it was finished before."""
    rows, run = opened.rows, job.plan.run
    assert rows is not None
    with StateFolder(state_folder(raw.path) / run).lock():
        stored = raw.read("select status from raw.runs where run = ?", [run])
        if len(stored) and stored["status"][0] == "finished":
            return True
        work = job.work()
        if not len(stored):
            raw.write([(name, of_run(run, frame)) for name, frame in _opening(job, opened, rows, work.opening())])
        done = raw.read("select part from raw.parts where run = ?", [run])["part"].to_list()
        names = " and ".join(s.identity.name for s in job.subjects)

        parts = _parts(job, rows)
        first = sum(len(numbers) for k, (_, numbers) in enumerate(parts) if k in done)
        context, total = job.plan.context, len(job.numbers)
        with tqdm(
            total=total * context, initial=first * context, unit="tok", unit_scale=True, desc=f"{job.plan.kind} {names}"
        ) as bar:
            for part, (group, numbers) in enumerate(parts):
                if part in done:
                    continue
                for batch in batches(job.plan, rows, opened.vocabulary, numbers):
                    work.update(batch)
                    bar.update(batch.ids.numel())
                frames = work.flush(group)
                _refuse_not_finite(names, frames)
                entry = {"pass": 0, "part": part, "doc_group": group, "n_rows": len(numbers), "done_at": now()}
                frames.append((PARTS.name, pl.DataFrame([entry])))
                raw.write([(name, of_run(run, frame)) for name, frame in frames], wait=above_the_bar(say))
        closing: Frames = []
        if isinstance(work, ClosingWork):
            closing = work.closing(raw.read(f"select * from {SCHEMA}.{work.reads} where run = ?", [run]))
        frames = [(name, of_run(run, frame)) for name, frame in closing]
        raw.write(frames, after=lambda: [finish(run, peak_memory(job.plan.device), (0, 0))], wait=say)
    return False


def _parts(job: Job, rows: TokenRows) -> list[tuple[int, NDArray[np.int64]]]:
    """Groups of documents with their rows, empty ones left out."""
    groups = rows.groups[job.numbers]
    found = [(group, job.numbers[groups == group]) for group in range(GROUPS)]
    return [(group, numbers) for group, numbers in found if len(numbers)]


def _opening(job: Job, opened: Opened, rows: TokenRows, of_work: Frames) -> Frames:
    """The run, its text and what it will do."""
    plan, study = job.plan, opened.study
    run = {
        "run": plan.run,
        "study": study.name,
        "kind": plan.kind,
        "status": "running",
        "plan": plan.as_json(),
        "device": plan.device,
        "dtype": plan.dtype,
        "n_passes": 1,
        "n_parts": len(_parts(job, rows)),
        "n_tokens": len(job.numbers) * plan.context,
        "n_positions": sum(
            int(counted(np.asarray(rows.ids[job.numbers[k : k + 4096]]), opened.vocabulary).sum())
            for k in range(0, len(job.numbers), 4096)
        ),
        "tokens_fingerprint": plan.tokens_fingerprint,
        "parity_error": max(s.parity_error for s in job.subjects),
        "started_at": now(),
        "version": version("neuron-warehouse"),
        "threads": plan.threads,
    }
    sequences = _sequences(job, rows)
    run["n_documents"] = sequences.filter(pl.col("document") >= 0)["document"].n_unique()
    asked = [
        {
            "model": subject.identity.name,
            "kind": plan.kind,
            "neurons": plan.neurons,
            "selection": plan.selection,
            "weights_hash": subject.weights_hash,
        }
        for subject in job.subjects
    ]
    frames = [
        (RUNS.name, pl.DataFrame([run])),
        (CORPORA.name, _corpus(study, rows)),
        (EXPERIMENTS.name, pl.DataFrame(asked, schema_overrides={"neurons": pl.String, "selection": pl.String})),
        (EXPERIMENT_SEQUENCES.name, sequences),
        *job.opening,
        *of_work,
    ]
    if plan.classes:
        places = np.arange(1, len(plan.classes) + 1, dtype=np.uint16)
        frames.append((EDIT_CLASSES.name, pl.DataFrame({"place": places, "class": list(plan.classes)})))
    return frames


def _corpus(study: Study, rows: TokenRows) -> pl.DataFrame:
    assert study.corpus is not None
    return pl.DataFrame([corpus_row(study.corpus, rows.manifest)])


def _sequences(job: Job, rows: TokenRows) -> pl.DataFrame:
    documents = np.asarray(rows.documents[job.numbers, rows.documents.shape[1] // 2])
    return pl.DataFrame(
        {
            "sequence": job.numbers.astype(np.uint32),
            "document": documents,
            "doc_group": rows.groups[job.numbers].astype(np.uint16),
            # A row in whose middle no document is has none (a separator alone).
            "path": rows.document_table()["path"].gather(np.maximum(documents, 0)),
        }
    )


def _refuse_not_finite(names: str, frames: Frames) -> None:
    for _, frame in frames:
        numbers = frame.select(pl.col(pl.Float64))
        if numbers.width and not numbers.select(pl.all_horizontal(pl.all().is_finite().all())).item():
            raise RunFailed(f"model {names}: an edited forward pass gives something that is not finite")
