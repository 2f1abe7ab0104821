"""A small raw warehouse with known content: what the ingest would write, made of random numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

from ingest.tables import SCHEMA, STRATA, TABLES
from tests.models.activations import (
    D_MLP,
    DOC_GROUPS,
    N_DRAWS,
    N_LAYERS,
    N_PARTS,
    NEURONS,
    POSITIONS,
    WIDTH,
    Facts,
    activations,
    growing,
)
from tests.models.raw_experiments import all_experiments
from tests.models.raw_pairs import Row, pair_rows
from tests.models.raw_profiles import profile_rows, vocabulary_rows
from tests.models.raw_simulations import simulations
from tests.models.raw_single_neurons import single_neuron_experiments
from tests.models.raw_weights import role_rows

D_VOCAB = 11
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
# How the run of checkpoints was correlated: in two passes, through sketches.
REFINED: Row = {
    "method": "refined", "method_reason": "the study asks for it", "buckets": 4096, "sketch_seed": 7,
    "pilot_tokens": 50, "n_candidates": 2.5, "n_passes": 2,
}  # fmt: skip


def identity(run: str, model: str, number: int) -> Row:
    """Family, seed and step."""
    if run == "training":
        seed, step = model.split("@")
        return {"model_family": "growing", "seed": ord(seed), "step": int(step)}
    return {"model_family": "small", "seed": number, "step": 100}


def run_rows(
    run: str, day: int, status: str, n_parts: int, models: tuple[str, ...], **how: Any
) -> dict[str, list[Row]]:
    """A run, some days after the first one, and its models."""
    started = EPOCH + timedelta(days=day)
    per_part = sum(POSITIONS.values())
    reads = n_parts > 0
    rows: dict[str, list[Row]] = {"runs": [], "models": [], "corpora": []}
    rows["runs"].append(
        {
            "run": run, "study": "small", "kind": "ingest", "status": status, "plan": "{}", "device": "cpu",
            "dtype": "float32", "n_parts": n_parts,
            "n_tokens": per_part * n_parts if reads else None,
            "n_positions": POSITIONS["text"] * n_parts if reads else None,
            "n_documents": 5 if reads else None, "baseline_draws": N_DRAWS if reads else None,
            "started_at": started, "finished_at": started + timedelta(hours=1) if status == "finished" else None,
            "version": "0", "threads": 1, **how,
        }
    )  # fmt: skip
    rows["models"] = [
        {
            "run": run, "model": model, **identity(run, model, i), "source": f"models/{model}",
            "architecture": "GPT2LMHeadModel", "n_layers": N_LAYERS, "d_model": 4, "d_mlp": D_MLP,
            "d_vocab": D_VOCAB, "activation": "relu", "is_gated": False, "norm": "layer", "processing": "folded",
            "weights_hash": f"hash-{model}", "tokenizer_hash": "hash",
        }
        for i, model in enumerate(models)
    ]  # fmt: skip
    return rows


def weight_rows(run: str, models: tuple[str, ...], seed: int, *, with_features: bool = False) -> dict[str, list[Row]]:
    """Norms, cosines and vocabulary sums of every neuron; the features of tokens hold of the tokens 1, 2 and 3."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Row]] = {"weights": [], "vocabulary_sums": [], "output_sums": []}
    for model, (layer, neuron) in product(models, NEURONS):
        key = {"run": run, "model": model, "layer": layer, "neuron": neuron}
        w_in, w_out, bias = rng.uniform(0.5, 2.0, 3)
        sim = rng.uniform(-1, 1)
        rows["weights"].append(
            key | {"w_in_norm": w_in, "w_out_norm": w_out, "input_bias": bias - 1, "in_out_sim": sim}
        )
        for effect in ("out", "in"):
            cosines = rng.uniform(-0.3, 0.4, D_VOCAB)
            sums = {f"sum_{k}": float((cosines**k).sum()) for k in (1, 2, 3, 4)}
            rows["vocabulary_sums"].append(key | {"effect": effect, "n": D_VOCAB} | sums)
            if effect == "out" and with_features:
                rows["output_sums"].append(key | {"frequency_corr": cosines[0], "sums": cosines[1:4].tolist()})
    return rows


def moment_rows(facts: Facts, parts: range) -> list[Row]:
    """Power sums per part and stratum about a shift near the mean."""
    rows = []
    for model, stratum, part in product(facts.models, STRATA, parts):
        n = POSITIONS[stratum]
        span = slice(part * n, (part + 1) * n)
        kinds = {"pre": facts.pre[model], "post": {s: facts.post(model, s) for s in STRATA}}
        for i, (layer, neuron) in enumerate(NEURONS):
            row: Row = {
                "run": facts.run, "part": part, "model": model, "layer": layer, "neuron": neuron,
                "stratum": stratum, "n": n, "n_positive": int((kinds["pre"][stratum][i, span] > 0).sum()),
            }  # fmt: skip
            for kind, values in kinds.items():
                shift = float(values["text"][i, :10].mean())
                x = values[stratum][i, span]
                row |= {f"{kind}_shift": shift, f"{kind}_min": x.min(), f"{kind}_max": x.max()}
                row |= {f"{kind}_sum_{k}": float(((x - shift) ** k).sum()) for k in (1, 2, 3, 4)}
            rows.append(row)
    return rows


def part_rows(run: str, n_parts: int, n_passes: int) -> list[Row]:
    """The ledger: every part once per pass."""
    return [
        {"run": run, "pass": turn, "part": part, "doc_group": DOC_GROUPS[part], "n_rows": 1, "done_at": EPOCH}
        for turn, part in product(range(n_passes), range(n_parts))
    ]


def site_rows(facts: Facts, sites: tuple[str, ...]) -> list[Row]:
    """What was correlated."""
    width = {"mlp": D_MLP, "resid": WIDTH}
    return [
        {"run": facts.run, "site": site, "model": model, "n_layers": N_LAYERS, "width": width[site]}
        for site, model in product(sites, facts.models)
    ]


def probe_rows(run: str) -> list[Row]:
    """Errors of the sketches."""
    key = {"run": run, "site": "mlp", "n": 16}
    return [
        key | {"model": "a", "other_model": "a@50", "bias": 0.25, "sd": 0.25, "max_error": 0.5},
        key | {"model": "a@50", "other_model": "a", "bias": -0.125, "sd": 1.75, "max_error": 0.25},
    ]


def insert(con: duckdb.DuckDBPyConnection, tables: dict[str, list[Row]]) -> None:
    """Add rows to raw tables."""
    for name, rows in tables.items():
        if rows:
            con.register("new_rows", pl.DataFrame(rows, infer_schema_length=None))
            con.execute(f"insert into {SCHEMA}.{name} by name select * from new_rows")
            con.unregister("new_rows")


def write(path: Path) -> dict[str, Facts]:
    """Runs: `first` (a, b, c), `second` (a, b, c, d; later), `unfinished`, `weights` (a model w), `steps`, `training`.

    `first` has the residual stream as well, `second` floors, ranges of groups and profiles, `steps` two
    passes and sketches, `training` two seeds (e, f) at three steps. Experiments on b, see raw_experiments; simulated
    seeds of a and b, see raw_simulations.
    """
    facts = {
        "first": activations("first", ("a", "b", "c"), seed=1),
        "second": activations("second", ("a", "b", "c", "d"), seed=2, with_floors=True),
        "steps": activations("steps", ("a", "a@50"), seed=3),
        "unfinished": activations("unfinished", ("a", "b", "c"), seed=4),
        "training": growing(),
    }
    with duckdb.connect(str(path)) as con:
        con.execute(f"create schema if not exists {SCHEMA}")
        for table in TABLES:
            for statement in table.ddl():
                con.execute(statement)
        for day, (run, known) in enumerate(facts.items()):
            finished = run != "unfinished"
            n_parts = N_PARTS if finished else 1
            sites = ("mlp", "resid") if run == "first" else ("mlp",)
            how: Row = REFINED if run == "steps" else {"method": "exact", "n_passes": 1}
            insert(con, run_rows(run, day, "finished" if finished else "running", N_PARTS, known.models, **how))
            insert(con, weight_rows(run, known.models, seed=10, with_features=run == "second"))
            insert(con, {"moments": moment_rows(known, range(n_parts)), "sites": site_rows(known, sites)})
            insert(con, {"parts": part_rows(run, n_parts, how["n_passes"])})
            insert(con, vocabulary_rows(run, known.models, 5))
            insert(con, role_rows(run, known.models))
            if run == "second":
                insert(con, profile_rows(known))
            if finished:
                insert(con, pair_rows(known, sites))
        insert(con, {"probes": probe_rows("steps")})
        for experiment in [*all_experiments(), *single_neuron_experiments(), simulations()]:
            insert(con, experiment)
        insert(con, run_rows("weights", 9, "finished", 0, ("w",)))
        insert(con, weight_rows("weights", ("w",), seed=11))
        insert(con, vocabulary_rows("weights", ("w",), None))
        insert(con, role_rows("weights", ("w",)))
    return facts
