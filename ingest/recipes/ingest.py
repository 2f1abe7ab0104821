"""Run a study: from its file to finished rows in the warehouse. Run it as `neurons ingest STUDY.toml`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import polars as pl
import torch
from tqdm import tqdm

from ingest.corpus.sources import open_source
from ingest.corpus.store import TokenRows, store_corpus
from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.names import relation
from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.pairs import chosen_pairs
from ingest.recipes.passes import FusedPass
from ingest.recipes.selections import Selections
from ingest.recipes.subjects import Located, Subject, load_subject, locate_models
from ingest.runs.memory import needed_memory, refuse_too_large
from ingest.runs.plan import Plan, PlannedModel, part_rows
from ingest.runs.state import StateFolder
from ingest.settings import corpora_folder, state_folder
from ingest.study import Study
from ingest.tables import CORPORA, MODELS, MOMENTS, PAIRS, PARTS, RUNS, VOCABULARY_SUMS, WEIGHTS

_TOKENS_PER_BATCH = 4_096
_PILOT_ROWS = 64
_LONGEST_DEFAULT_CONTEXT = 512

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What an ingest left behind.

    Attributes:
        run: id of the run.
        was_finished: whether the same run was finished before, so that nothing was done.
    """

    run: str
    was_finished: bool


def ingest(study: Study, warehouse: Path, say: Say) -> Outcome:
    """Measure everything a study names; finished parts of an earlier, stopped ingest are kept.

    Args:
        study: checked study.
        warehouse: DuckDB file, made if it does not exist.
        say: called with lines for the user.

    Raises:
        InputError: if the study cannot be run; nothing was written then.
        RunFailed: if an activation is not finite or a state file is damaged.
    """
    raw = RawWarehouse(warehouse)
    raw.check()
    located = locate_models(study)
    rows = _token_rows(study, located, warehouse)
    threads = study.device.threads or os.cpu_count() or 1
    torch.set_num_threads(threads)
    subjects = []
    for model, folder in zip(located.models, located.folders, strict=True):
        say(f"loading {model.name}")
        subjects.append(load_subject(model, folder, located.vocabulary))
    plan = _plan(study, located, subjects, rows, threads)
    refuse_too_large(
        needed_memory(plan, [s.sites.n_neurons for s in subjects], [s.sites.d_mlp for s in subjects]), study
    )
    _refuse_other_weights(raw, subjects)
    stored = raw.read("select status from raw.runs where run = ?", [plan.run])
    if len(stored) and stored["status"][0] == "finished":
        return Outcome(plan.run, was_finished=True)
    if not len(stored):
        raw.write(_opening_rows(study, plan, subjects, rows), before=None)
    if rows is not None:
        _measure(plan, subjects, rows, located.vocabulary, raw, StateFolder(state_folder(warehouse) / plan.run), say)
    return Outcome(plan.run, was_finished=False)


def _token_rows(study: Study, located: Located, warehouse: Path) -> TokenRows | None:
    if study.corpus is None:
        return None
    context = study.corpus.context or min(
        located.shortest_context or _LONGEST_DEFAULT_CONTEXT, _LONGEST_DEFAULT_CONTEXT
    )
    source = open_source(study.corpus, study.folder)
    return store_corpus(study.corpus, source, located.vocabulary, context=context, folder=corpora_folder(warehouse))


def _plan(study: Study, located: Located, subjects: list[Subject], rows: TokenRows | None, threads: int) -> Plan:
    device = _device(study.device.name)
    n_rows, context = rows.ids.shape if rows is not None else (0, 0)
    batch = study.device.batch_rows or max(1, _TOKENS_PER_BATCH // max(1, context))
    correlated = rows is not None and study.measure.correlation != "off"
    pairs = chosen_pairs(study.pairs.rule, [s.identity for s in subjects]) if correlated else ()
    return Plan(
        models=tuple(
            PlannedModel(s.identity.name, s.identity.model_family, s.identity.seed, s.identity.step, s.weights_hash)
            for s in subjects
        ),
        pairs=pairs,
        moments=study.measure.moments,
        tokens_fingerprint=rows.manifest.fingerprint if rows is not None else None,
        tokenizer_hash=located.vocabulary.hash,
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
        torch_version=torch.__version__,
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
    known = raw.read("select distinct model, weights_hash from raw.models")
    for name, weights in known.iter_rows():
        for subject in subjects:
            if subject.identity.name == name and subject.weights_hash != weights:
                raise InputError(
                    f"model name {name!r} stands for other weights in this warehouse: give the model another name"
                )


def _now() -> datetime:
    return datetime.now(UTC)


def _opening_rows(
    study: Study, plan: Plan, subjects: list[Subject], rows: TokenRows | None
) -> list[tuple[str, pl.DataFrame]]:
    """What is known before the first pass: the run, its models, pairs and corpus, and everything from weights."""
    manifest = rows.manifest if rows is not None else None
    started = _now()
    run = {
        "run": plan.run,
        "study": study.name,
        "kind": "ingest",
        "status": "running" if manifest else "finished",
        "plan": plan.as_json(),
        "device": plan.device,
        "dtype": plan.dtype,
        "method": "exact" if plan.pairs else None,
        "n_parts": len(plan.parts),
        "n_tokens": manifest and manifest.n_tokens,
        "n_positions": manifest and manifest.n_stratum["text"],
        "n_documents": manifest and manifest.n_documents,
        "parity_error": max(s.parity_error for s in subjects),
        "tokens_fingerprint": plan.tokens_fingerprint,
        "baseline_draws": plan.draws or None,
        "started_at": started,
        "finished_at": None if manifest else started,
        "version": version("neuron-warehouse"),
        "threads": plan.threads,
    }
    opening = [(RUNS.name, pl.DataFrame([run])), (MODELS.name, pl.DataFrame([_model_row(s, plan) for s in subjects]))]
    if plan.pairs:
        opening.append((PAIRS.name, _pair_rows(plan, subjects)))
    if study.corpus is not None and manifest is not None:
        corpus = {
            "source": study.corpus.source,
            "split": study.corpus.split,
            "part": study.corpus.part if study.corpus.source == "python-stdlib" else None,
            "revision": study.corpus.revision,
            "context": manifest.context,
            "bos": manifest.bos,
            "sample": study.corpus.sample.kind,
            "sample_seed": study.corpus.sample.seed if study.corpus.sample.kind == "shuffle" else None,
            "n_rows": manifest.n_rows,
            "n_tokens": manifest.n_tokens,
            **{f"n_{stratum}": n for stratum, n in manifest.n_stratum.items()},
            "n_documents": manifest.n_documents,
            "n_skipped": manifest.n_skipped,
            "tokenizer_hash": manifest.tokenizer_hash,
            "tokens_fingerprint": manifest.fingerprint,
            "python_version": manifest.python_version,
        }
        opening.append((CORPORA.name, pl.DataFrame([corpus])))
    opening.append((WEIGHTS.name, pl.concat([s.weights for s in subjects])))
    opening.append((VOCABULARY_SUMS.name, pl.concat([s.vocabulary_sums for s in subjects])))
    return [(name, _of_run(plan.run, frame)) for name, frame in opening]


def _model_row(subject: Subject, plan: Plan) -> dict[str, object]:
    return {
        "model": subject.identity.name,
        "model_family": subject.identity.model_family,
        "seed": subject.identity.seed,
        "step": subject.identity.step,
        "source": subject.model.path,
        "revision": subject.model.revision,
        "architecture": type(subject.network).__name__,
        "n_layers": subject.sites.n_layers,
        "d_model": subject.sites.d_model,
        "d_mlp": subject.sites.d_mlp,
        "d_vocab": subject.d_vocab,
        "activation": subject.sites.activation,
        "is_gated": subject.sites.is_gated,
        "norm": subject.sites.norm,
        "processing": subject.processing,
        "weights_hash": subject.weights_hash,
        "tokenizer_hash": plan.tokenizer_hash,
        "parity_error": subject.parity_error,
    }


def _pair_rows(plan: Plan, subjects: list[Subject]) -> pl.DataFrame:
    identities = [s.identity for s in subjects]
    both = [*plan.pairs, *((b, a) for a, b in plan.pairs)]
    return pl.DataFrame(
        [
            {
                "model": identities[a].name,
                "other_model": identities[b].name,
                "relation": relation(identities[a], identities[b]),
            }
            for a, b in sorted(both)
        ]
    )


def _of_run(run: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.lit(run).alias("run"), pl.exclude("run"))


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
    work = FusedPass(plan, subjects, rows, vocabulary)
    try:
        if len(ledger):
            work.resume(state.read(ledger["state_file"][-1], ledger["state_hash"][-1]))
            say(f"going on after part {len(ledger)} of {len(plan.parts)}")
        else:
            work.start()
        _run_parts(plan, work, raw, state, len(ledger))
    finally:
        work.close()
    closing: list[tuple[str, pl.DataFrame]] = []
    if work.cross is not None:
        say("selecting partners and rotating baselines")
        spreads = [totals.finish() for totals in work.totals]
        selections = Selections([s.identity.name for s in subjects], work.cross, spreads)
        closing = [
            (name, _of_run(plan.run, frame)) for name, frame in selections.frames(plan.draws, plan.baseline_seed)
        ]
    finish = "update raw.runs set status = 'finished', finished_at = ? where run = ?"
    raw.write(closing, before=(finish, [_now(), plan.run]), wait=say)
    state.delete()


def _run_parts(plan: Plan, work: FusedPass, raw: RawWarehouse, state: StateFolder, done: int) -> None:
    parts = plan.parts
    first = parts[done][0] if done < len(parts) else plan.n_rows
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
                "done_at": _now(),
            }
            inserts = [(PARTS.name, pl.DataFrame([entry]))]
            if plan.moments:
                inserts.append((MOMENTS.name, moments.with_columns(pl.lit(part).alias("part"))))
            raw.write([(name, _of_run(plan.run, frame)) for name, frame in inserts], wait=bar.write)
            state.keep_only(file)
