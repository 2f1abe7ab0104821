"""Measure a study: load its models, read its text, run its parts, write its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ingest.allocator import give_freed_memory_back, keep_freed_memory
from ingest.corpus.sources import open_source
from ingest.corpus.store import TokenRows, store_corpus
from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.extending import find_extension, find_parent_of_shares, finished_run, inherited_rows, taken_over
from ingest.recipes.opening import opening_rows
from ingest.recipes.planning import Planned, plan_run, threads_of
from ingest.recipes.profiling import Profiling
from ingest.recipes.running import Run
from ingest.recipes.sharing import Executor, share_out
from ingest.recipes.subjects import Subject, load_subject, shared_vocabulary
from ingest.recipes.working import Order
from ingest.runs.plan import PlannedSimulation
from ingest.runs.state import StateFolder
from ingest.settings import corpora_folder, state_folder
from ingest.study import Study

_LONGEST_DEFAULT_CONTEXT = 512
Say = Callable[[str], None]


@dataclass(frozen=True)
class Opened:
    """A study with its models loaded and its text read; `rows` is None without a corpus."""

    study: Study
    vocabulary: Vocabulary
    subjects: list[Subject]
    rows: TokenRows | None


def open_study(study: Study, folders: list[Path], raw: RawWarehouse, say: Say, *, keeps_weights: bool = True) -> Opened:
    """Load a study's models and read its text.

    Args:
        study: checked study.
        folders: of its models.
        raw: the warehouse.
        say: called with lines for the user.
        keeps_weights: whether models stay loaded; workers load their own, and of many models not all fit in memory.

    Raises:
        InputError: if that cannot be done; nothing was written then.
    """
    torch.set_num_threads(threads_of(study))
    keep_freed_memory()
    vocabulary = shared_vocabulary(study, folders)
    subjects = []
    for model, folder in zip(study.checkpoints(), folders, strict=True):
        say(f"loading {model.name}")
        subject = load_subject(model, folder, vocabulary)
        subjects.append(subject if keeps_weights else subject.without_weights())
        give_freed_memory_back()
    _refuse_other_weights(raw, subjects)
    return Opened(study, vocabulary, subjects, _token_rows(study, vocabulary, subjects, raw.path, say))


def measure(opened: Opened, raw: RawWarehouse, say: Say, executor: Executor | None = None) -> tuple[str, bool]:
    """Measure everything a study names.

    Args:
        opened: the study.
        raw: the warehouse.
        say: called with lines for the user.
        executor: workers that share it; None for this process.

    Returns:
        The run, and whether it was finished before, so that nothing was done.

    Raises:
        InputError: if the study cannot be run; nothing was written then.
        RunFailed: if an activation is not finite.
    """
    is_shared = executor is not None
    planned = plan_run(opened.study, opened.vocabulary, opened.subjects, opened.rows, say, is_shared=is_shared)
    return _run(opened, planned, raw, say, executor)


def simulate(opened: Opened, raw: RawWarehouse, say: Say, executor: Executor | None = None) -> list[bool]:
    """Correlate every model with its simulated seeds, where the study asks for them: one run for each strength.

    Returns:
        Of each run whether it was finished before.

    Raises:
        InputError: if a run cannot be done with the memory there is.
        RunFailed: if an activation is not finite.
    """
    study, asked = opened.study, opened.study.measure.simulated
    before = []
    for strength in asked.strengths if "simulated" in study.measure.validation else ():
        simulation = PlannedSimulation(strength, asked.noise, asked.seed)
        is_shared = executor is not None
        planned = plan_run(study, opened.vocabulary, opened.subjects, opened.rows, say, simulation, is_shared=is_shared)
        say(f"simulated seeds, strength {strength:g}")
        before.append(_run(opened, planned, raw, say, executor)[1])
    return before


def _run(opened: Opened, planned: Planned, raw: RawWarehouse, say: Say, executor: Executor | None) -> tuple[str, bool]:
    """The run of a plan, and whether it was finished before."""
    study, vocabulary, subjects, rows = opened.study, opened.vocabulary, opened.subjects, opened.rows
    kept = study.measure.keep_state if planned.plan.method is not None and not planned.plan.simulation else 0.0
    finished = finished_run(planned.plan, raw)
    if finished is not None:
        left = StateFolder(state_folder(raw.path) / finished)
        with left.lock():  # a killed process may have left its own
            left.trim(kept)
        return finished, True
    extension = None
    # What was begun anew is finished so.
    if rows is not None and not len(raw.read("select run from raw.runs where run = ?", [planned.plan.run])):
        shared = executor is not None
        extension = find_parent_of_shares(planned.plan, raw) if shared else find_extension(planned.plan, rows, raw)
    if extension is not None:
        planned = replace(planned, plan=extension.plan)
        say(f"going on from run {extension.plan.parent}: only what is new is computed")
    plan = planned.plan
    profiling = None
    # Workers make their own; here it is what refuses bad features before anything is written.
    if rows is not None and plan.features is not None:
        profiling = Profiling(study, vocabulary, rows, n_rows=plan.profile_rows)
    state = StateFolder(state_folder(raw.path) / plan.run)
    with state.lock():
        stored = raw.read("select status from raw.runs where run = ?", [plan.run])
        if len(stored) and stored["status"][0] == "finished":  # by another process, just now
            return plan.run, True
        if not len(stored):
            copied = inherited_rows(plan, extension.n_parts) if extension is not None else ()
            opening = opening_rows(study, planned, subjects, vocabulary, rows)
            raw.write(opening, before=copied, after=lambda: taken_over(plan))
        if rows is not None:
            if plan.method is not None:
                say(f"correlations: {plan.method.name} ({planned.reason})")
            if executor is not None:
                order = Order(study, planned, rows.folder, rows.manifest, state.sums)
                share_out(order, rows, executor, raw, say)
            else:
                Run(planned, subjects, rows, vocabulary, raw, state, say, profiling, extension).measure()
        state.trim(kept)
    return plan.run, False


def _token_rows(
    study: Study, vocabulary: Vocabulary, subjects: list[Subject], warehouse: Path, say: Say
) -> TokenRows | None:
    if study.corpus is None:
        return None
    shortest = min((s.context for s in subjects if s.context is not None), default=_LONGEST_DEFAULT_CONTEXT)
    context = study.corpus.context or min(shortest, _LONGEST_DEFAULT_CONTEXT)
    say(f"reading {study.corpus.source}")
    source = open_source(study.corpus, study.folder)
    return store_corpus(study.corpus, source, vocabulary, context=context, folder=corpora_folder(warehouse))


def _refuse_other_weights(raw: RawWarehouse, subjects: list[Subject]) -> None:
    known = raw.read(
        "select distinct model, weights_hash from raw.models inner join raw.runs using (run) where status = 'finished'"
    )
    for name, weights in known.iter_rows():
        for subject in subjects:
            if subject.identity.name == name and subject.weights_hash != weights:
                raise InputError(
                    f"model name {name!r} stands for other weights in this warehouse: give the model another name"
                )
