"""Simulated seeds: what the pipeline measures, against numpy on the plain model's activations in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.ingest.by_hand import Array, PlainGPT2, assert_close, kinds_of_positions, standardised
from tests.runs.interrupted import SAVING_OFTEN
from tests.support.bombs import Bomb
from tests.support.commands import Ended, forked, one_line_of_refusal
from tests.support.small_models import CONTEXT, related_gpt2, save
from tests.support.studies import STDLIB, entry, write_study
from tests.support.tables import rows

MODELS, N_LAYERS = ("one", "two"), 2
STRENGTH, NOISES, SEED = 0.4, (0.0, 0.5), 3
MEASURES = {"features": False, "correlation": "exact", "baseline": {"draws": 2}, "validation": ["simulated"]}


def study(folder: Path, name: str, **measures: object) -> Path:
    return write_study(
        folder / f"{name}.toml",
        [
            entry("one", folder / "one", model_family="small", seed=1),
            entry("two", folder / "two", model_family="small", seed=2),
        ],
        name=name,
        corpus={**STDLIB, "tokens": 16_384, "context": CONTEXT},
        measure={**MEASURES, **measures},
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of 128 neurons, a study of them with a quiet and a noisy simulated seed, and its warehouse."""
    folder = tmp_path_factory.mktemp("simulated")
    for seed, name in enumerate(MODELS, start=1):
        save(related_gpt2(seed), folder / name)
    for noise in NOISES:
        simulated = {"strengths": [STRENGTH], "noise": noise, "seed": SEED}
        ended = ingest(folder, study(folder, f"noise-{noise}", simulated=simulated))
        assert ended.code == 0, ended.err
    return folder


def ingest(folder: Path, file: Path, **how: Any) -> Ended:
    return forked("ingest", file, "--warehouse", folder / "neurons.duckdb", scratch=folder / "printed", **how)


def measured(home: Path, model: str, noise: float, study: str = "") -> pl.DataFrame:
    return rows(
        home / "neurons.duckdb",
        "select simulated_neurons.* from raw.simulated_neurons inner join raw.simulations using (run, model) "
        "inner join raw.runs using (run) where model = $model and noise = $noise and study = $study "
        "order by layer, neuron",
        model=model,
        noise=noise,
        study=study or f"noise-{noise}",
    )


@pytest.fixture(scope="module")
def text(home: Path) -> dict[str, Array]:
    """Post-activations of each model over text, (positions, neurons)."""
    (corpus,) = (home / "corpora").iterdir()
    ids = np.load(corpus / "ids.npy")
    is_text = kinds_of_positions(ids, home / "one" / "tokenizer.json") == "text"
    return {name: PlainGPT2(home / name).activations(ids, ["mlp"])["mlp"][is_text] for name in MODELS}


def mixing(model: str, layer: int, width: int) -> Array:
    """(1 - s) I + s R, R drawn anew from what is written of it."""
    key = [SEED, 1_000_000 + MODELS.index(model), layer, width]
    matrix = np.random.default_rng(key).standard_normal((width, width))
    turned = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray((1 - STRENGTH) * np.eye(width) + STRENGTH * turned)


@pytest.mark.parametrize("model", MODELS)
def test_a_seed_without_noise_is_a_mixture_of_the_layer(home: Path, text: dict[str, Array], model: str) -> None:
    found = measured(home, model, 0.0)
    width = text[model].shape[1] // N_LAYERS
    layers = np.split(text[model], N_LAYERS, axis=1)
    made = np.hstack([layer @ mixing(model, k, width).T for k, layer in enumerate(layers)])
    corr = standardised(text[model]).T @ standardised(made)
    alive = text[model].std(0) > 0
    assert len(found) == alive.sum() > 100
    own = (found["layer"].cast(pl.Int64) * width + found["neuron"]).to_numpy()
    assert (own == np.flatnonzero(alive)).all()
    for column in ("corr", "expected_corr"):
        assert_close(found[column], corr.diagonal()[own], 1e-4)
    assert_close(found["max_corr"], corr[own].max(1), 1e-4)
    winner = (found["other_layer"].cast(pl.Int64) * width + found["other_neuron"]).to_numpy()
    assert_close(corr[own, winner], corr[own].max(1), 1e-4)
    assert found["expected_se"].abs().max() == 0
    # Something else than the identity was measured.
    assert corr.diagonal().min() < 0.9


@pytest.mark.parametrize("model", MODELS)
def test_noise_lowers_correlations_by_what_is_expected(home: Path, text: dict[str, Array], model: str) -> None:
    found, quiet = measured(home, model, NOISES[1]), measured(home, model, 0.0)
    z = ((found["corr"] - found["expected_corr"]) / found["expected_se"]).to_numpy()
    assert 0.8 < np.sqrt((z**2).mean()) < 1.2
    assert (np.abs(z) > 3).mean() < 0.02
    # The variance of the mixture grows by that of the noise, which is in proportion to the sd on the first rows.
    assert (found["expected_corr"].abs() <= quiet["expected_corr"].abs() + 1e-9).all()
    share = 1 - (found["expected_corr"] / quiet["expected_corr"]) ** 2
    width = text[model].shape[1] // N_LAYERS
    layers = np.split(text[model], N_LAYERS, axis=1)
    mixed = np.hstack([(layer @ mixing(model, k, width).T).var(0) for k, layer in enumerate(layers)])
    own = (found["layer"].cast(pl.Int64) * width + found["neuron"]).to_numpy()
    noise = (NOISES[1] * text[model].std(0)[own]) ** 2
    # The sd on the first rows is that on all of them within sampling.
    ratio = np.median((share / (noise / (mixed[own] + noise))).to_numpy())
    assert 0.8 < ratio < 1.25


def test_sketches_find_the_same_counterparts(home: Path) -> None:
    simulated = {"strengths": [STRENGTH], "noise": NOISES[1], "seed": SEED}
    ended = ingest(home, study(home, "sketched", correlation="sketch", sketch={"buckets": 4096}, simulated=simulated))
    assert ended.code == 0, ended.err
    for model in MODELS:
        exact, sketched = measured(home, model, NOISES[1]), measured(home, model, NOISES[1], "sketched")
        assert_close(sketched["corr"], exact["corr"].to_numpy(), 1e-6)
        error = np.abs((sketched["max_corr"] - exact["max_corr"]).to_numpy())
        assert 1e-6 < np.median(error) < 0.05


def test_nothing_of_it_is_among_the_measures(home: Path) -> None:
    runs = rows(home / "neurons.duckdb", "select run from raw.runs where kind = 'simulated'")["run"].to_list()
    assert len(runs) >= len(NOISES)
    tables = rows(
        home / "neurons.duckdb",
        "select distinct table_name from duckdb_columns() where schema_name = 'raw' and column_name = 'run'",
    )["table_name"]
    any_of_them = "select 1 from raw.{} where list_contains($runs, run) limit 1"
    filled = {t for t in tables if len(rows(home / "neurons.duckdb", any_of_them.format(t), runs=runs))}
    assert filled == {"runs", "parts", "corpora", "simulations", "simulated_neurons"}


def test_again_and_after_a_kill(home: Path, tmp_path: Path) -> None:
    simulated = {"strengths": [STRENGTH], "noise": NOISES[1], "seed": SEED}
    whole = home / "noise-0.5.toml"
    again = ingest(home, whole)
    assert "was finished before: nothing to do" in again.out
    for name in MODELS:
        (tmp_path / name).symlink_to(home / name)
    file = study(tmp_path, "noise-0.5", simulated=simulated)
    # The study's measures write their parts first: the kill is among those of the simulated seeds.
    killed = ingest(tmp_path, file, bomb=Bomb("ingest.raw.warehouse:RawWarehouse.write", 25), settings=SAVING_OFTEN)
    assert killed.code == -9, killed.err
    kinds = rows(tmp_path / "neurons.duckdb", "select kind, status from raw.runs order by kind").rows()
    assert kinds == [("ingest", "finished"), ("simulated", "running")]
    assert ingest(tmp_path, file).code == 0
    for model in MODELS:
        assert measured(tmp_path, model, 0.5).drop("run").equals(measured(home, model, 0.5).drop("run"))


@pytest.mark.parametrize(
    ("measures", "line"),
    [
        ({"simulated": {"strengths": [1.5]}}, "measure.simulated.strengths: write numbers from 0 to 1, each once"),
        ({"simulated": {"noise": -1}}, "measure.simulated.noise = -1.0: Input should be greater than or equal to 0"),
        ({"simulated": {"strength": 1}}, "unknown key 'measure.simulated.strength'; did you mean 'strengths'?"),
        (
            {"correlation": "off"},
            "[measure] validation = ['simulated'] needs [corpus], and correlation that is not off",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused(home: Path, tmp_path: Path, measures: dict[str, Any], line: str) -> None:
    for name in MODELS:
        (tmp_path / name).symlink_to(home / name)
    file = study(tmp_path, "bad", **measures)
    assert one_line_of_refusal(ingest(tmp_path, file)).endswith(line)
    assert not (tmp_path / "neurons.duckdb").exists()
