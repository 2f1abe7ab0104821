"""Sketched and refined runs beside an exact one: five trained models, the same text, the marts that people read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.support.commands import neurons
from tests.support.small_models import demo_folder
from tests.support.studies import entry, write_study
from tests.support.tables import rows

TOKENS, THRESHOLD, DEADLINE_S = 300_032, 0.5, 1500.0
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A built warehouse per method."""
    folder = tmp_path_factory.mktemp("agreement")
    built = {}
    for method in ("exact", "refined", "sketch"):
        study = write_study(
            folder / f"{method}.toml",
            [entry(f"demo-{k}", demo_folder(k), model_family="demo", seed=k) for k in range(1, 6)],
            corpus={"source": "python-stdlib", "part": "train", "tokens": TOKENS, "context": 128},
            measure={"correlation": method, "moments": False, "keep_state": 0},
            device={"threads": 2},
        )
        built[method] = folder / "warehouse" / f"{method}.duckdb"
        for command in (("ingest", study), ("build",)):
            ended = neurons(*command, "--warehouse", built[method], deadline_s=DEADLINE_S)
            assert ended.code == 0, ended.out + ended.err
    return built


def _universality(built: dict[str, Path], method: str) -> pl.DataFrame:
    query = (
        "select model, layer, neuron, excess_corr, excess_low, excess_high from marts.neuron_universality order by all"
    )
    return rows(built[method], query)


@pytest.mark.parametrize(("method", "largest_sd"), [("refined", 0.004), ("sketch", 0.008)])
def test_excess_is_that_of_the_exact_run(built: dict[str, Path], method: str, largest_sd: float) -> None:
    found, exact = _universality(built, method)["excess_corr"], _universality(built, "exact")["excess_corr"]
    error = (found - exact).to_numpy()
    assert abs(error.mean()) < 0.002
    assert error.std() < largest_sd


def test_best_correlations_of_a_refined_run_are_exact(built: dict[str, Path]) -> None:
    query = "select max_corr from raw.bests order by model, layer, neuron, other_model"
    found, exact = (rows(built[method], query)["max_corr"] for method in ("refined", "exact"))
    assert ((found - exact).abs() < 1e-3).mean() >= 0.9999  # type: ignore[operator]


@pytest.mark.parametrize(("method", "least"), [("refined", 0.95), ("sketch", 0.9)])
def test_neurons_that_change_sides_are_undecided_in_the_exact_run(
    built: dict[str, Path], method: str, least: float
) -> None:
    found, exact = _universality(built, method)["excess_corr"], _universality(built, "exact")
    is_in, was_in = (found > THRESHOLD).to_numpy(), (exact["excess_corr"] > THRESHOLD).to_numpy()
    assert was_in.sum() > 50
    assert (is_in & was_in).sum() / (is_in | was_in).sum() >= least
    changed = exact.filter(pl.Series(is_in != was_in))
    assert changed.filter(~pl.lit(THRESHOLD).is_between("excess_low", "excess_high")).is_empty()
