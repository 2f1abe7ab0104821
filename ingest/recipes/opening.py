"""What a run writes before its first pass."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import polars as pl

from ingest.corpus.store import Manifest, TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.corpus.texts import token_texts
from ingest.names import relation
from ingest.recipes.pairs import both_directions
from ingest.recipes.planning import Planned
from ingest.recipes.simulated_rows import simulation_rows
from ingest.recipes.subjects import Subject
from ingest.runs.plan import Plan, parts
from ingest.study import Corpus, Study
from ingest.tables import CORPORA, FROM_WEIGHTS, MODELS, PAIRS, RUNS, SIMULATIONS, SITES, TOKENS


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def opening_rows(
    study: Study, planned: Planned, subjects: list[Subject], vocabulary: Vocabulary, rows: TokenRows | None
) -> list[tuple[str, pl.DataFrame]]:
    """Rows by table name: the run, its models, pairs and corpus, and everything that follows from weights.

    Args:
        study: as it was read.
        planned: what will be computed, and why so.
        subjects: the loaded models, in the plan's order.
        vocabulary: their tokenizer.
        rows: the corpus, None for a study of weights alone, whose run is finished with these rows.
    """
    plan, method = planned.plan, planned.plan.method
    manifest = rows.manifest if rows is not None else None
    started = now()
    run = {
        "run": plan.run,
        "parent": plan.parent,
        "study": study.name,
        "kind": "ingest" if plan.simulation is None else "simulated",
        "status": "running" if manifest else "finished",
        "plan": plan.as_json(),
        "device": plan.device,
        "dtype": plan.dtype,
        "method": method and method.name,
        "method_reason": planned.reason,
        "buckets": method and method.buckets,
        "sketch_seed": method and method.sketch_seed,
        "pilot_tokens": method and method.pilot_tokens,
        "n_passes": plan.n_passes if method is not None else None,
        "n_parts": len(parts(plan.rounds, rows.groups)) if rows is not None else 0,
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
    opening = [(RUNS.name, pl.DataFrame([run]))]
    if study.corpus is not None and manifest is not None:
        opening.append((CORPORA.name, pl.DataFrame([corpus_row(study.corpus, manifest)])))
    if plan.simulation is not None:
        opening.append((SIMULATIONS.name, simulation_rows(plan)))
    else:
        opening += _opening_of_models(plan, subjects, vocabulary, rows)
    return [(name, of_run(plan.run, frame)) for name, frame in opening]


def _opening_of_models(
    plan: Plan, subjects: list[Subject], vocabulary: Vocabulary, rows: TokenRows | None
) -> list[tuple[str, pl.DataFrame]]:
    opening = [(MODELS.name, pl.DataFrame([_model_row(s, plan) for s in subjects]))]
    if plan.pairs:
        opening.append((PAIRS.name, _pair_rows(plan, subjects)))
        opening.append((SITES.name, _site_rows(plan)))
    for table in FROM_WEIGHTS:
        if frames := [s.frames[table.name] for s in subjects[plan.inherited :] if table.name in s.frames]:
            opening.append((table.name, pl.concat(frames)))
    opening.append((TOKENS.name, _token_rows(vocabulary, rows)))
    return opening


def corpus_row(corpus: Corpus, manifest: Manifest) -> dict[str, object]:
    """A row of `raw.corpora` without the run."""
    return {
        "source": corpus.source,
        "split": corpus.split,
        "part": corpus.part if corpus.source == "python-stdlib" else None,
        "revision": corpus.revision,
        "context": manifest.context,
        "bos": manifest.bos,
        "sample": corpus.sample.kind,
        "sample_seed": corpus.sample.seed if corpus.sample.kind == "shuffle" else None,
        "n_rows": manifest.n_rows,
        "n_tokens": manifest.n_tokens,
        **{f"n_{stratum}": n for stratum, n in manifest.n_stratum.items()},
        "n_documents": manifest.n_documents,
        "n_skipped": manifest.n_skipped,
        "tokenizer_hash": manifest.tokenizer_hash,
        "tokens_fingerprint": manifest.fingerprint,
        "python_version": manifest.python_version,
    }


def _token_rows(vocabulary: Vocabulary, rows: TokenRows | None) -> pl.DataFrame:
    texts = token_texts(vocabulary)
    n = None if rows is None else np.bincount(np.asarray(rows.ids).ravel(), minlength=len(texts)).astype(np.uint64)
    return pl.DataFrame(
        {
            "token_id": np.arange(len(texts), dtype=np.uint32),
            "piece": [t.piece for t in texts],
            "token": [t.text for t in texts],
            "bytes": [t.data for t in texts],
            "n": pl.Series([None] * len(texts), dtype=pl.UInt64) if n is None else n,
        }
    )


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
    ordered = both_directions(plan.pairs)
    return pl.DataFrame(
        [
            {
                "model": identities[a].name,
                "other_model": identities[b].name,
                "relation": relation(identities[a], identities[b]),
            }
            for a, b in sorted({(plan.populations[x].model, plan.populations[y].model) for x, y in ordered})
        ]
    )


def _site_rows(plan: Plan) -> pl.DataFrame:
    ours = [p for p in plan.populations if not p.is_twin]
    return pl.DataFrame(
        [{"site": p.site, "model": plan.models[p.model].name, "n_layers": p.n_layers, "width": p.width} for p in ours]
    )


def of_run(run: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with their run in front: one word for all of them, which DuckDB takes in faster than as many strings."""
    return frame.select(pl.lit(run, pl.Enum([run])).alias("run"), pl.exclude("run"))
