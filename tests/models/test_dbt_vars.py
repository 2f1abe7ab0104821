"""A changed var is an opinion: `dbt` on a built warehouse gives the same as a full refresh."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.models.harness import Built, records, run_dbt

pytestmark = pytest.mark.slow

VARS = {
    "universal_threshold": 0.3,
    "support_cutoff": 1000,
    "curve_thresholds": [0.3, 0.4],
    "runs": ["first", "steps"],
    "moment_strata": ["text"],
}


@pytest.fixture(scope="module")
def changed(built: Built) -> tuple[Path, Path]:
    """The warehouse with other vars: run on top, and refreshed in full."""
    on_top, in_full = built.scratch / "on_top.duckdb", built.scratch / "in_full.duckdb"
    for path, options in ((on_top, []), (in_full, ["--full-refresh"])):
        shutil.copy(built.path, path)
        result = run_dbt("run", path, built.scratch, "--vars", json.dumps(VARS), *options)
        assert result.returncode == 0, result.stdout
    return on_top, in_full


def test_changed_vars_equal_a_full_refresh(changed: tuple[Path, Path]) -> None:
    on_top, in_full = (duckdb.connect(str(path), read_only=True) for path in changed)
    with on_top, in_full:
        tables = "select table_name from duckdb_tables() where schema_name = 'marts' and table_name <> 'builds'"
        for table in (row["table_name"] for row in records(on_top, tables)):
            query = f"from marts.{table}"  # written in the order of its key
            for row, expected in zip(records(on_top, query), records(in_full, query), strict=True):
                assert row.keys() == expected.keys()
                for name, value in expected.items():
                    # Sums over parts may differ in the last bit.
                    wanted = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
                    assert row[name] == wanted, (table, name)


def test_vars_decide(built: Built, changed: tuple[Path, Path]) -> None:
    with duckdb.connect(str(changed[0]), read_only=True) as con:
        for row in records(con, "from marts.neuron_universality where not is_dead"):
            assert row["is_universal"] == (row["excess_corr"] > 0.3)
            assert row["universal_call"] == "undecided"
        thresholds = records(con, "select distinct threshold from marts.universality_curve order by threshold")
        assert [row["threshold"] for row in thresholds] == VARS["curve_thresholds"]
        comparisons = records(con, "select distinct comparison from marts.neuron_universality")
        expected = {"seeds", "seeds@second", "seeds@training", "steps", "steps@training"}
        assert {row["comparison"] for row in comparisons} == expected
        assert {row["run"] for row in records(con, "select distinct run from marts.universality")} == {"first", "steps"}
        assert not records(con, "from marts.neurons where model in ('d', 'w')")
        text = built.facts["first"].pre["b"]["text"]
        rows = records(con, "from marts.neurons where model = 'b' order by layer, neuron")
        assert [row["mean"] for row in rows] == pytest.approx(text.mean(1))
