"""A refined run of trained models: exact where it says so, close where it is sketched, and above its null floors."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config

from ingest.measure.baseline import rotation
from tests.conftest import Ingested
from tests.ingest.by_hand import Array, ByHand, PlainGPT2, correlations, jackknife_variance, standardised
from tests.support.commands import forked
from tests.support.studies import STDLIB, entry, write_study
from tests.support.tables import rows

BUCKETS, CANDIDATES, SEED = 4096, 16, 7
# Of the mean of two sketches.
SKETCH_SD = (1 / BUCKETS) ** 0.5
_OF_PAIR = "where model = $a and other_model = $b"
_NEAR = slice(None, None, 8)


@pytest.fixture(scope="module")
def refined(trained: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refined")
    two = list(trained.models.items())[:2]
    study = write_study(
        folder / "study.toml",
        [entry(name, path, model_family="demo", seed=seed) for seed, (name, path) in enumerate(two)],
        corpus=STDLIB | {"tokens": 8192},
        measure={
            "correlation": "refined", "sketch": {"buckets": BUCKETS}, "floors": ["shift", "noise", "twin"],
            "pilot": {"tokens": 4096, "candidates": CANDIDATES}, "baseline": {"draws": 1, "seed": SEED},
            "validation": ["split-half"],
        },
        device={"threads": 1, "batch_rows": 10},
    )  # fmt: skip
    warehouse = folder / "neurons.duckdb"
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=folder)
    assert ended.code == 0, ended.err
    assert "Warning" not in ended.err
    return warehouse


def pairs(by_hand: ByHand) -> list[tuple[str, str]]:
    first, second = list(by_hand.models)[:2]
    return [(first, second), (second, first)]


def of(warehouse: Path, table: str, pair: tuple[str, str], also: str = "true") -> pl.DataFrame:
    query = f"select * from raw.{table} {_OF_PAIR} and {also} order by layer, neuron"
    return rows(warehouse, query, a=pair[0], b=pair[1])


def test_the_best_correlations_are_exact_for_nearly_all_neurons(refined: Path, by_hand: ByHand) -> None:
    for pair in pairs(by_hand):
        found, corr = of(refined, "bests", pair), by_hand.corr[pair]
        error = found["max_corr"].to_numpy() - corr.max(1)
        assert (np.abs(error) <= 1e-5).mean() > 0.98
        assert error.max() <= 1e-5
        partner = (
            found["other_layer"].cast(pl.Int64) * by_hand.models[pair[1]].width + found["other_neuron"]
        ).to_numpy()
        assert corr[np.arange(len(corr)), partner] == pytest.approx(found["max_corr"].to_numpy(), abs=1e-5)


def test_every_best_correlation_has_the_error_of_all_groups(refined: Path, by_hand: ByHand) -> None:
    for pair in pairs(by_hand):
        found = of(refined, "bests", pair)
        assert set(found["n_groups"]) == {16}
        some = found[::16]
        partner = (some["other_layer"].cast(pl.Int64) * by_hand.models[pair[1]].width + some["other_neuron"]).to_numpy()
        x, y = by_hand.text(pair[0])[:, ::16], by_hand.text(pair[1])[:, partner]
        variance = (some["influence"].to_numpy().astype(np.float64) ** 2).sum(1)
        expected = jackknife_variance(x, y, by_hand.text_groups)
        assert np.sqrt(variance) == pytest.approx(np.sqrt(expected), rel=0.01)


def test_exact_candidates_stand_among_the_partners_with_their_own_correlation(refined: Path, by_hand: ByHand) -> None:
    for pair in pairs(by_hand):
        corr, found = by_hand.corr[pair], of(refined, "partners", pair, "side = 'top'")
        own = found["layer"].cast(pl.Int64) * by_hand.models[pair[0]].width + found["neuron"]
        partner = found["other_layer"].cast(pl.Int64) * by_hand.models[pair[1]].width + found["other_neuron"]
        error = found["corr"].to_numpy() - corr[own.to_numpy(), partner.to_numpy()]
        assert (np.bincount(own) == 50).all()
        assert len(set(zip(own, partner, strict=True))) == 50 * len(corr)
        per_neuron = (np.abs(error) < 1e-5).sum() / len(corr)
        assert 1 <= per_neuron <= 2 * CANDIDATES
        assert np.abs(error).max() < 7 * SKETCH_SD
    (mean,) = rows(refined, "select n_candidates from raw.runs").row(0)
    assert 1 <= mean <= 2 * CANDIDATES


def test_probes_tell_the_error_of_sketched_correlations(refined: Path, by_hand: ByHand) -> None:
    (probe,) = rows(refined, "select * from raw.probes").iter_rows(named=True)
    pair = (probe["model"], probe["other_model"])
    x, y = (standardised(by_hand.text(name)) for name in pair)
    formula = (1 + by_hand.corr[pair] ** 2 - 2 * (x * x).T @ (y * y)) / (2 * BUCKETS)
    assert probe["n"] == 64 * 64
    assert probe["sd"] == pytest.approx(np.sqrt(formula.mean()), rel=0.3)
    # Errors of 64 neurons with 64 are far from independent.
    assert abs(probe["bias"]) < 4 * probe["sd"] / 64**0.5
    assert 2 * probe["sd"] < probe["max_error"] < 7 * probe["sd"]


def test_sketched_baselines_come_close_to_rotating(refined: Path, by_hand: ByHand) -> None:
    for pair in pairs(by_hand):
        model = by_hand.models[pair[1]]
        some, best = standardised(by_hand.text(pair[0])[:, _NEAR]), np.full(256, -1.0)
        for layer in range(len(model.layers)):
            here = by_hand.text(pair[1])[:, layer * model.width : (layer + 1) * model.width]
            turned = here @ rotation(model.width, seed=SEED, draw=0, layer=layer).numpy().T
            best = np.maximum(best, (some.T @ standardised(turned)).max(1))
        found = of(refined, "baselines", pair, "kind = 'rotation'")["max_corr"].to_numpy()[_NEAR]
        assert_near(found, best)


@pytest.mark.parametrize("half", [(0, 8), (8, 16)])
def test_best_correlations_of_each_half_of_the_documents(refined: Path, by_hand: ByHand, half: tuple[int, int]) -> None:
    here = (by_hand.text_groups >= half[0]) & (by_hand.text_groups < half[1])
    for pair in pairs(by_hand):
        found = of(refined, "partial_bests", pair, f"first_group = {half[0]} and last_group = {half[1]}")
        x, y = (by_hand.text(name)[here] for name in pair)
        alive = x.std(0) > 0
        assert set(found["n_positions"]) == {int(here.sum())}
        assert len(found) == alive.sum()
        # Half of the buckets each.
        assert_near(
            found["max_corr"].to_numpy(), correlations(x[:, alive], y[:, y.std(0) > 0]).max(1), sd=2 * SKETCH_SD
        )


def test_the_noise_floor_is_the_largest_of_many_normal_correlations(refined: Path, by_hand: ByHand) -> None:
    n = int((by_hand.kinds == "text").sum())
    for pair in pairs(by_hand):
        found = of(refined, "baselines", pair, "kind = 'noise'")["max_corr"].to_numpy().astype(np.float64)
        # By its own distribution function Phi^2048 it is uniform; 0.0475 is the Kolmogorov-Smirnov bound of 2e-4.
        uniform = np.sort([NormalDist().cdf(value * n**0.5) ** 2048 for value in found])
        assert np.abs(uniform - (np.arange(len(found)) + 0.5) / len(found)).max() < 0.0475


def test_the_shift_floor_is_that_of_activations_moved_along_the_text(refined: Path, by_hand: ByHand) -> None:
    draw = np.random.default_rng(0)
    for pair in pairs(by_hand):
        own, moved = by_hand.text(pair[0]), by_hand.text(pair[1])
        for group in range(16):
            here = np.flatnonzero(by_hand.text_groups == group)
            moved[here] = moved[np.roll(here, draw.integers(len(here) // 4, 3 * len(here) // 4))]
        _check_floor(refined, pair, "shift", correlations(own, moved).max(1), by_hand.corr[pair].max(1))


def test_the_twin_floor_is_that_of_a_model_of_random_weights(
    refined: Path, trained: Ingested, by_hand: ByHand, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    AutoModelForCausalLM.from_config(GPT2Config.from_pretrained(next(iter(trained.models.values())))).save_pretrained(
        tmp_path
    )
    ids = np.load(trained.corpus / "ids.npy")
    twin = PlainGPT2(tmp_path).activations(ids, ["mlp"])["mlp"][by_hand.kinds == "text"]
    for pair in pairs(by_hand):
        expected = correlations(by_hand.text(pair[0]), twin).max(1)
        _check_floor(refined, pair, "twin", expected, by_hand.corr[pair].max(1))


def _check_floor(warehouse: Path, pair: tuple[str, str], kind: str, expected: Array, best: Array) -> None:
    """Like another draw of the same null on the whole, and below what the partner gives."""
    found = of(warehouse, "baselines", pair, f"kind = '{kind}'")["max_corr"].to_numpy()
    assert len(found) == len(expected)
    # Neurons that follow the position make the upper tail, by how well the offsets happen to fit.
    for quantile, far in ((0.1, 0.01), (0.5, 0.01), (0.9, 0.06)):
        assert np.quantile(found, quantile) == pytest.approx(np.quantile(expected, quantile), abs=far)
    assert (found < best).mean() > 0.99


def assert_near(found: Array, expected: Array, sd: float = SKETCH_SD) -> None:
    """Equal up to the error of a sketch, and hardly biased."""
    error = found - expected
    assert abs(error.mean()) < 0.3 * sd
    assert 0.1 * sd < error.std() < 1.2 * sd
    assert np.abs(error).max() < 6 * sd
