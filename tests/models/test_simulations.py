"""Marts of simulated seeds against numpy on the small warehouse's rows."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from tests.models.harness import records
from tests.models.raw_simulations import Row, simulations

RUN = "simulated-finished"


@pytest.fixture(scope="module")
def raw() -> list[Row]:
    return simulations()["simulated_neurons"]


def test_a_seed_is_summed_over_its_living_neurons(raw: list[Row], con: duckdb.DuckDBPyConnection) -> None:
    found = records(con, "from marts.simulated_seeds order by model")
    assert [(row["run"], row["model"]) for row in found] == [(RUN, "a"), (RUN, "b")]
    for row in found:
        own = [each for each in raw if each["model"] == row["model"]]
        corr, expected, largest, baseline = (
            np.array([each[key] for each in own]) for key in ("corr", "expected_corr", "max_corr", "baseline")
        )
        z = (corr - expected) / 0.01
        same = [(e["layer"], e["neuron"]) == (e["other_layer"], e["other_neuron"]) for e in own]
        assert row["n_neurons"] == len(own)
        assert row["corr_mean"] == pytest.approx(corr.mean())
        assert row["corr_sd"] == pytest.approx(corr.std(ddof=1))
        assert row["max_difference"] == pytest.approx(np.abs(corr - expected).max())
        assert row["agreement"] == pytest.approx(np.corrcoef(corr, expected)[0, 1])
        assert row["z_rms"] == pytest.approx(np.sqrt((z**2).mean()))
        assert row["pct_counterpart"] == pytest.approx(100 * np.mean(same))
        assert row["n_universal"] == int((largest - baseline > 0.5).sum())


def test_every_neuron_is_judged(raw: list[Row], con: duckdb.DuckDBPyConnection) -> None:
    found = records(con, "from marts.simulated_neurons order by model, layer, neuron")
    wanted = sorted(raw, key=lambda row: (row["model"], row["layer"], row["neuron"]))
    assert len(found) == len(wanted)
    assert {row["is_universal"] for row in found} == {row["is_counterpart"] for row in found} == {True, False}
    for row, known in zip(found, wanted, strict=True):
        assert row["z"] == pytest.approx((known["corr"] - known["expected_corr"]) / known["expected_se"])
        assert row["is_universal"] == (known["max_corr"] - known["baseline"] > 0.5)


def test_simulated_runs_speak_for_themselves_alone(con: duckdb.DuckDBPyConnection) -> None:
    runs = {row["run"]: row for row in records(con, "from marts.runs where kind = 'simulated'")}
    assert {run: (row["is_speaking"], row["n_models"]) for run, row in runs.items()} == {
        "simulated-finished": (True, 2),
        "simulated-running": (False, 2),
    }
    tables = records(con, "select table_name from duckdb_columns() where schema_name = 'marts' and column_name = 'run'")
    own = {"simulated_seeds", "simulated_neurons", "runs"}
    assert own < {table["table_name"] for table in tables}
    for table in {table["table_name"] for table in tables} - own:
        assert records(con, f"select run from marts.{table} where run like 'simulated%'") == []
