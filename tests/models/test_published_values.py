"""Published numbers: they agree with each other, and an imported file that gives other ones is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.models.harness import records, run_dbt

NEURONS = {"stanford-gpt2-small-a": 12 * 3072, "stanford-gpt2-medium-a": 24 * 4096, "pythia-160m": 12 * 3072}


def number(con: duckdb.DuckDBPyConnection, model: str, quantity: str) -> float:
    """A published number of a whole model."""
    query = (
        "from marts.published_values where model = $model and quantity = $quantity and property is null "
        "and layer is null and neuron is null"
    )
    (row,) = records(con, query, model=model, quantity=quantity)
    return float(row["published"])


def over_layers(con: duckdb.DuckDBPyConnection, model: str, quantity: str) -> list[float]:
    query = "from marts.published_values where model = $model and quantity = $quantity and layer is not null"
    return [row["published"] for row in records(con, query, model=model, quantity=quantity)]


@pytest.mark.parametrize("model", NEURONS)
def test_published_numbers_agree_with_each_other(con: duckdb.DuckDBPyConnection, model: str) -> None:
    n_universal = number(con, model, "n_universal")
    assert sum(over_layers(con, model, "n_universal")) == n_universal
    assert number(con, model, "pct_universal") == pytest.approx(100 * n_universal / NEURONS[model], abs=1e-4)
    n_high = number(con, model, "n_universal_high_vocab_kurt")
    signs = [number(con, model, f"n_universal_{role}") for role in ("prediction", "suppression")]
    assert sum(signs) == n_high
    assert sum(over_layers(con, model, "n_universal_high_vocab_kurt")) <= n_high


def test_layers_add_up_to_all_neurons_of_high_kurtosis(con: duckdb.DuckDBPyConnection) -> None:
    model = "stanford-gpt2-medium-a"
    assert sum(over_layers(con, model, "n_high_vocab_kurt")) == number(con, model, "n_high_vocab_kurt")


def test_without_the_published_models_nothing_stands_beside_the_numbers(con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, "from marts.published_values")
    assert len(rows) > 200
    assert {(row["ours"], row["is_within"], row["run"]) for row in rows} == {(None, None, None)}


def test_the_curated_list_is_whole(con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, "from marts.published_prediction_neurons")
    assert len(rows) == 136
    assert len({(row["layer"], row["neuron"]) for row in rows}) == 130
    assert [row["role"] for row in rows].count("prediction") == 81


def made_up(path: Path, *rows: dict[str, Any]) -> Path:
    """A warehouse with nothing but comparisons."""
    values = {"is_imported": True, "is_exact": True, "evidence": "released data", "is_within": True}
    with duckdb.connect(str(path)) as con:
        con.register("made", pl.DataFrame([values | row for row in rows]))
        con.execute("create schema marts")
        con.execute("create table marts.published_values as from made")
    return path


def results(warehouse: Path, scratch: Path, *options: str) -> tuple[int, str]:
    done = run_dbt("test", warehouse, scratch, "--select", "published_files_give_*", *options)
    return done.returncode, done.stdout


@pytest.mark.slow
def test_an_import_that_agrees_and_a_measurement_that_differs_pass(tmp_path: Path) -> None:
    differing = {"is_within": False}
    warehouse = made_up(
        tmp_path / "made.duckdb",
        {},
        differing | {"is_imported": False},
        differing | {"is_exact": False, "evidence": "picture"},
    )
    code, out = results(warehouse, tmp_path)
    assert code == 0, out
    assert "WARN=0 ERROR=0" in out


@pytest.mark.slow
def test_an_import_that_differs_is_found_unless_the_cut_off_is_another(tmp_path: Path) -> None:
    differing = {"is_within": False}
    warehouse = made_up(tmp_path / "made.duckdb", {}, differing, differing | {"evidence": "replication"})
    code, out = results(warehouse, tmp_path)
    assert code == 1, out
    assert "WARN=1 ERROR=1" in out
    code, out = results(warehouse, tmp_path, "--vars", "{universal_threshold: 0.4}")
    assert code == 0, out
    assert "WARN=0 ERROR=0" in out
