"""Measure a study: load its models, read its text, run its parts, write its rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import torch
import transformers
from tqdm import tqdm

from ingest.corpus.sources import open_source
from ingest.corpus.store import TokenRows, store_corpus
from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.opening import now, of_run, opening_rows
from ingest.recipes.pairs import chosen_pairs
from ingest.recipes.passes import FusedPass
from ingest.recipes.selections import Selections
from ingest.recipes.subjects import Subject, load_subject, shared_vocabulary
from ingest.runs.memory import needed_memory, refuse_too_large
from ingest.runs.plan import ARITHMETIC, Plan, PlannedModel, part_rows
from ingest.runs.state import StateFolder
from ingest.settings import corpora_folder, state_folder
from ingest.study import Study
from ingest.tables import MOMENTS, PARTS

_TOKENS_PER_BATCH = 4_096
_PILOT_ROWS = 64
_LONGEST_DEFAULT_CONTEXT = 512

Say = Callable[[str], None]


def measure(study: Study, folders: list[Path], raw: RawWarehouse, say: Say) -> tuple[str, bool]:
    """Measure everything a study names.

    Args:
        study: checked study.
        folders: of its models.
        raw: the warehouse.
        say: called with lines for the user.

    Returns:
        The run, and whether it was finished before, so that nothing was done.

    Raises:
        InputError: if the study cannot be run; nothing was written then.
        RunFailed: if an activation is not finite.
    """
    device = _device(study.device.name)
    threads = study.device.threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    vocabulary = shared_vocabulary(study, folders)
    subjects = []
    for model, folder in zip(study.checkpoints(), folders, strict=True):
        say(f"loading {model.name}")
        subjects.append(load_subject(model, folder, vocabulary))
    _refuse_other_weights(raw, subjects)
    pairs = _pairs(study, subjects, say)
    refuse_too_large(
        needed_memory(pairs, [(s.sites.n_neurons, s.sites.d_mlp) for s in subjects]),
        limit_gb=study.device.memory,
        device=device,
    )
    rows = _token_rows(study, vocabulary, subjects, raw.path, say)
    plan = _plan(study, vocabulary, subjects, pairs, rows, device, threads)
    state = StateFolder(state_folder(raw.path) / plan.run)
    with state.lock():
        stored = raw.read("select status from raw.runs where run = ?", [plan.run])
        if len(stored) and stored["status"][0] == "finished":
            state.delete()  # left behind if the process was killed between the last write and here
            return plan.run, True
        if not len(stored):
            raw.write(opening_rows(study, plan, subjects, rows))
        if rows is not None:
            _measure(plan, subjects, rows, vocabulary, raw, state, say)
        state.delete()
    return plan.run, False


def _pairs(study: Study, subjects: list[Subject], say: Say) -> tuple[tuple[int, int], ...]:
    if study.corpus is None or study.measure.correlation == "off":
        return ()
    pairs = chosen_pairs(study.pairs.rule, [s.identity for s in subjects])
    if not pairs and len(subjects) > 1:
        say(f"no correlations: no two models are partners under [pairs] rule = {study.pairs.rule!r}")
    return pairs


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


def _plan(
    study: Study,
    vocabulary: Vocabulary,
    subjects: list[Subject],
    pairs: tuple[tuple[int, int], ...],
    rows: TokenRows | None,
    device: str,
    threads: int,
) -> Plan:
    n_rows, context = rows.ids.shape if rows is not None else (0, 0)
    batch = study.device.batch_rows or max(1, _TOKENS_PER_BATCH // max(1, context))
    return Plan(
        models=tuple(
            PlannedModel(s.identity.name, s.identity.model_family, s.identity.seed, s.identity.step, s.weights_hash)
            for s in subjects
        ),
        pairs=pairs,
        moments=study.measure.moments,
        tokens_fingerprint=rows.manifest.fingerprint if rows is not None else None,
        tokenizer_hash=vocabulary.hash,
        n_rows=n_rows,
        context=context,
        pilot_rows=min(_PILOT_ROWS, n_rows),
        batch_rows=batch,
        part_rows=part_rows(n_rows, batch),
        dtype=study.device.dtype,
        device=device,
        threads=threads,
        draws=study.measure.baseline.draws if pairs else 0,
        baseline_seed=study.measure.baseline.seed,
        arithmetic=ARITHMETIC,
        torch_version=torch.__version__,
        transformers_version=transformers.__version__,
    )


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(name.partition(":")[0], False):
        raise InputError(f"[device] name = {name!r} is not on this machine: write auto or cpu")
    if name == "mps":
        raise InputError("[device] name = 'mps' has no float64, which the sums need: write cpu")
    return name


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


def _measure(
    plan: Plan,
    subjects: list[Subject],
    rows: TokenRows,
    vocabulary: Vocabulary,
    raw: RawWarehouse,
    state: StateFolder,
    say: Say,
) -> None:
    """Run the parts that the ledger does not name yet, then write the selections."""
    ledger = raw.read("select part, state_file, state_hash from raw.parts where run = ? order by part", [plan.run])
    kept = state.open(ledger["state_file"][-1], ledger["state_hash"][-1]) if len(ledger) else None
    if len(ledger) and kept is None:
        say("the state of the finished parts is missing or damaged: the run begins anew")
        raw.forget_parts(plan.run)
    work = FusedPass(plan, subjects, rows, vocabulary)
    try:
        if kept is not None:
            work.resume(kept)
            done = len(ledger)
            say(f"going on after part {done} of {len(plan.parts)}")
        else:
            done = 0
            work.start()
        _run_parts(plan, work, raw, state, say, done)
    finally:
        work.close()
    closing: list[tuple[str, pl.DataFrame]] = []
    if work.cross is not None:
        say("selecting partners and rotating baselines")
        spreads = [totals.finish() for totals in work.totals]
        selections = Selections([s.identity.name for s in subjects], work.cross, spreads)
        frames = selections.frames(plan.draws, plan.baseline_seed)
        bar = tqdm(frames, total=selections.n_frames(plan.draws), desc="selections", unit="table")
        closing = [(name, of_run(plan.run, frame)) for name, frame in bar]
    finish = "update raw.runs set status = 'finished', finished_at = ? where run = ?"
    raw.write(closing, before=(finish, [now(), plan.run]), wait=say)


def _run_parts(plan: Plan, work: FusedPass, raw: RawWarehouse, state: StateFolder, say: Say, done: int) -> None:
    parts = plan.parts
    first = parts[done][0] if done < len(parts) else plan.n_rows

    def say_above_the_bar(line: str) -> None:
        with tqdm.external_write_mode():
            say(line)

    with tqdm(
        total=plan.n_rows * plan.context,
        initial=first * plan.context,
        unit="tok",
        unit_scale=True,
        desc="tokens",
    ) as bar:
        for part in range(done, len(parts)):
            start, end = parts[part]
            moments = work.run_part(start, end, bar.update)
            file, digest = state.write(part, work.state())
            entry = {
                "part": part,
                "first_row": start,
                "last_row": end,
                "state_file": file,
                "state_hash": digest,
                "done_at": now(),
            }
            inserts = [(PARTS.name, pl.DataFrame([entry]))]
            if plan.moments:
                inserts.append((MOMENTS.name, moments.with_columns(pl.lit(part).alias("part"))))
            raw.write([(name, of_run(plan.run, frame)) for name, frame in inserts], wait=say_above_the_bar)
            state.keep_only(file)
