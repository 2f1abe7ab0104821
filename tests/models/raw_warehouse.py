"""A small raw warehouse with known content: what the ingest would write, made of random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.tables import SCHEMA, STRATA, TABLES, TOP_PARTNERS

Array = NDArray[np.float64]
Row = dict[str, Any]

N_LAYERS, D_MLP, N_PARTS, N_DRAWS, D_VOCAB = 2, 8, 2, 3, 11
POSITIONS = {"text": 40, "newline": 6, "bos": 4}  # per part
DEAD = (1, 3)  # layer and neuron, dead in every model
NEURONS = list(product(range(N_LAYERS), range(D_MLP)))
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Facts:
    """What a run measured, before it is summed: the input of an independent calculation."""

    run: str
    models: tuple[str, ...]
    pre: dict[str, dict[str, Array]]  # model -> stratum -> (neuron, position), parts in sequence
    rotations: dict[tuple[str, int, int], Array]  # model, layer, draw -> (rotated, neuron)

    def post(self, model: str, stratum: str = "text") -> Array:
        """Post-activations: a rectifier is enough here."""
        return np.maximum(self.pre[model][stratum], 0.0)


def correlations(a: Array, b: Array) -> Array:
    """Pearson correlations of the rows of two matrices; NaN where a row is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        za = (a - a.mean(1, keepdims=True)) / a.std(1, keepdims=True)
        zb = (b - b.mean(1, keepdims=True)) / b.std(1, keepdims=True)
    return np.asarray(za @ zb.T / a.shape[1])


def activations(run: str, models: tuple[str, ...], seed: int) -> Facts:
    """Neurons 0-3 of every layer share a signal across models; the others are louder noise, which rotations show."""
    rng = np.random.default_rng(seed)
    scale = np.array([[0.1 if neuron < 4 else 1.0 + neuron] for _, neuron in NEURONS])
    pre: dict[str, dict[str, Array]] = {model: {} for model in models}
    for stratum in STRATA:
        n = POSITIONS[stratum] * N_PARTS
        signal = rng.normal(size=(len(NEURONS), n)) ** 3
        for model in models:
            own = rng.normal(size=(len(NEURONS), n))
            shared = np.array([[neuron < 4] for _, neuron in NEURONS])
            values = np.where(shared, signal + 0.3 * own, own) * scale + 0.5
            values[NEURONS.index(DEAD)] = -2.0
            pre[model][stratum] = values
    rotations = {}
    for model, layer, draw in product(models, range(N_LAYERS), range(N_DRAWS)):
        matrix = rng.normal(size=(D_MLP, D_MLP))
        rotations[model, layer, draw] = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return Facts(run, models, pre, rotations)


def _run_rows(run: str, day: int, status: str, n_parts: int, models: tuple[str, ...]) -> dict[str, list[Row]]:
    started = EPOCH + timedelta(days=day)
    per_part = sum(POSITIONS.values())
    reads = n_parts > 0
    rows: dict[str, list[Row]] = {"runs": [], "models": [], "corpora": []}
    rows["runs"].append(
        {
            "run": run, "study": "small", "kind": "ingest", "status": status, "plan": "{}", "device": "cpu",
            "dtype": "float32", "method": "exact" if reads else None, "n_parts": n_parts,
            "n_tokens": per_part * n_parts if reads else None,
            "n_positions": POSITIONS["text"] * n_parts if reads else None,
            "n_documents": 5 if reads else None, "baseline_draws": N_DRAWS if reads else None,
            "started_at": started, "finished_at": started + timedelta(hours=1) if status == "finished" else None,
            "version": "0", "threads": 1,
        }
    )  # fmt: skip
    rows["models"] = [
        {
            "run": run, "model": model, "model_family": "small", "seed": i, "step": 100, "source": f"models/{model}",
            "architecture": "GPT2LMHeadModel", "n_layers": N_LAYERS, "d_model": 4, "d_mlp": D_MLP,
            "d_vocab": D_VOCAB, "activation": "relu", "is_gated": False, "norm": "layer", "processing": "folded",
            "weights_hash": f"hash-{model}", "tokenizer_hash": "hash",
        }
        for i, model in enumerate(models)
    ]  # fmt: skip
    return rows


def weight_rows(run: str, models: tuple[str, ...], seed: int) -> dict[str, list[Row]]:
    """Norms, cosines and vocabulary sums of every neuron."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Row]] = {"weights": [], "vocabulary_sums": []}
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


def pair_rows(facts: Facts, relation: str) -> dict[str, list[Row]]:
    """Selections from the full matrix of correlations; dead neurons on either side are left out."""
    rows: dict[str, list[Row]] = {"pairs": [], "partners": [], "layer_bests": [], "baselines": []}
    for model, other in product(facts.models, facts.models):
        if model == other:
            continue
        rows["pairs"].append({"run": facts.run, "model": model, "other_model": other, "relation": relation})
        a, b = facts.post(model), facts.post(other)
        rho = correlations(a, b)
        for i, (layer, neuron) in enumerate(NEURONS):
            if (layer, neuron) == DEAD:
                continue
            key = {"run": facts.run, "model": model, "layer": layer, "neuron": neuron, "other_model": other}
            order = [j for j in np.argsort(-rho[i]) if NEURONS[j] != DEAD]
            for side, ranked in (("top", order), ("bottom", order[::-1])):
                for rank, j in enumerate(ranked[:TOP_PARTNERS], start=1):
                    place = {"other_layer": NEURONS[j][0], "other_neuron": NEURONS[j][1]}
                    rows["partners"].append(key | place | {"side": side, "rank": rank, "corr": rho[i, j]})
            for other_layer in range(N_LAYERS):
                block = [j for j in order if NEURONS[j][0] == other_layer]
                first, last = block[0], block[-1]
                rows["layer_bests"].append(
                    key
                    | {"other_layer": other_layer}
                    | {"max_neuron": NEURONS[first][1], "max_corr": rho[i, first]}
                    | {"min_neuron": NEURONS[last][1], "min_corr": rho[i, last]}
                )
                for draw in range(N_DRAWS):
                    rotated = facts.rotations[other, other_layer, draw] @ b[other_layer * D_MLP :][:D_MLP]
                    best = float(correlations(a[i : i + 1], rotated).max())
                    rows["baselines"].append(key | {"other_layer": other_layer, "draw": draw, "max_corr": best})
    return rows


def _insert(con: duckdb.DuckDBPyConnection, tables: dict[str, list[Row]]) -> None:
    for name, rows in tables.items():
        if rows:
            con.register("new_rows", pl.DataFrame(rows, infer_schema_length=None))
            con.execute(f"insert into {SCHEMA}.{name} by name select * from new_rows")
            con.unregister("new_rows")


def write(path: Path) -> dict[str, Facts]:
    """Five runs: `first` (a, b, c), `second` (a, b, c, d; later), `unfinished`, `weights` (a model w), `steps`."""
    facts = {
        "first": activations("first", ("a", "b", "c"), seed=1),
        "second": activations("second", ("a", "b", "c", "d"), seed=2),
        "steps": activations("steps", ("a", "a@50"), seed=3),
        "unfinished": activations("unfinished", ("a", "b", "c"), seed=4),
    }
    with duckdb.connect(str(path)) as con:
        con.execute(f"create schema if not exists {SCHEMA}")
        for table in TABLES:
            for statement in table.ddl():
                con.execute(statement)
        for day, (run, known) in enumerate(facts.items()):
            finished = run != "unfinished"
            parts = range(N_PARTS if finished else 1)
            _insert(con, _run_rows(run, day, "finished" if finished else "running", N_PARTS, known.models))
            _insert(con, weight_rows(run, known.models, seed=10))
            _insert(con, {"moments": moment_rows(known, parts), "parts": [
                {"run": run, "part": part, "first_row": part, "last_row": part + 1, "done_at": EPOCH} for part in parts
            ]})  # fmt: skip
            if finished:
                _insert(con, pair_rows(known, "step" if run == "steps" else "seed"))
        _insert(con, _run_rows("weights", 9, "finished", 0, ("w",)))
        _insert(con, weight_rows("weights", ("w",), seed=11))
    return facts
