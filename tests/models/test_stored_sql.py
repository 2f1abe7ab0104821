"""What dbt leaves in the warehouse works for readers: in a copy of the file, under another name, read-only."""

from __future__ import annotations

import duckdb
import pytest

from tests.models.harness import ROOT, Built, records

MARTS = {path.stem for path in (ROOT / "models" / "marts").glob("*.sql")}


def test_schemas_are_exactly_four(con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, "select distinct schema_name from duckdb_columns() where not internal")
    assert {row["schema_name"] for row in rows} == {"raw", "staging", "intermediate", "marts"}


def test_marts_are_those_of_the_project_and_the_record_of_builds(con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, "select distinct table_name from duckdb_columns() where schema_name = 'marts'")
    assert {row["table_name"] for row in rows} == MARTS | {"builds", "build_vars"}


def test_every_mart_says_its_run(con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, "select table_name from duckdb_columns() where schema_name = 'marts' and column_name = 'run'")
    assert {row["table_name"] for row in rows} == MARTS


def test_every_mart_and_column_is_described(con: duckdb.DuckDBPyConnection) -> None:
    for source in ("duckdb_columns", "duckdb_tables", "duckdb_views"):
        undescribed = f"select * from {source}() where schema_name = 'marts' and coalesce(comment, '') = ''"
        assert records(con, undescribed) == []


def test_stored_sql_names_no_database(built: Built, con: duckdb.DuckDBPyConnection) -> None:
    views = records(con, "select view_name as name, sql from duckdb_views() where not internal")
    macros = records(
        con, "select function_name as name, macro_definition as sql from duckdb_functions() where schema_name = 'marts'"
    )
    assert {macro["name"] for macro in macros} == {"rule_universal", "rule_family", "rule_role", "rule_output_cluster"}
    for stored in views + macros:
        assert built.path.stem not in stored["sql"], stored["name"]
    for row in records(con, "select schema_name || '.' || view_name as view from duckdb_views() where not internal"):
        con.execute(f"select count(*) from {row['view']}").fetchall()


def test_rule_of_universality_takes_any_threshold_and_is_strict(con: duckdb.DuckDBPyConnection) -> None:
    scores = records(con, "from marts.rule_universal(0.5, 30) where comparison = 'seeds'")
    for threshold in (-1.0, 0.0, *(score["excess_corr"] for score in scores[:8])):
        rows = records(con, "from marts.rule_universal($threshold, 30) where comparison = 'seeds'", threshold=threshold)
        for row in rows:
            assert row["is_universal"] == (row["excess_corr"] > threshold and not row["is_dead"])


def test_build_is_recorded(con: duckdb.DuckDBPyConnection) -> None:
    (build,) = records(con, "from marts.builds")
    assert len(build["build"]) == 36


def test_dbt_writes_nothing_in_the_root(built: Built) -> None:
    assert built.new_in_root == set()


@pytest.mark.parametrize("kind", ["data tests", "unit tests"])
def test_dbt_build_tests_the_marts(built: Built, kind: str) -> None:
    assert kind in built.log
