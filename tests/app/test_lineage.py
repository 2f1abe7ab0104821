"""Columns are followed through the SQL that dbt ran, rules included, down to the raw tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import NotInWarehouse
from app.lineage import Lineage, read
from app.warehouse import connect
from tests.conftest import Ingested


@pytest.fixture(scope="module")
def known(trained: Ingested) -> Lineage:
    with connect(trained.warehouse) as con:
        return read(con, trained.warehouse)


def ends(known: Lineage, table: str, column: str) -> set[tuple[str, str]]:
    return {(o.table, o.column) for o in known.origins(table, column) if o.table.startswith("raw.")}


def test_a_plain_column(known: Lineage) -> None:
    way = [(o.depth, o.table, o.column) for o in known.origins("marts.neuron_examples", "activation")]
    assert way[0] == (0, "marts.neuron_examples", "activation")
    assert way[-1] == (2, "raw.examples", "activations")


@pytest.mark.parametrize(
    ("column", "end"),
    [
        ("excess_corr", ("raw.baselines", "max_corr")),
        ("excess_corr", ("raw.bests", "max_corr")),
        ("vocab_kurt", ("raw.vocabulary_sums", "sum_4")),
        ("w_out_norm", ("raw.weights", "w_out_norm")),
    ],
)
def test_through_joins_and_rules(known: Lineage, column: str, end: tuple[str, str]) -> None:
    assert end in ends(known, "marts.neurons", column)


def test_a_norm_is_made_of_nothing_else(known: Lineage) -> None:
    tables = {"raw.weights", "raw.imported_neurons"}
    assert {end for end in ends(known, "marts.neurons", "w_out_norm") if end[1] != "run"} == {
        (table, "w_out_norm") for table in tables
    }


def test_every_column_of_neurons_leads_to_raw_tables(known: Lineage) -> None:
    columns = known.columns["marts.neurons"]
    assert {column for column in columns if not ends(known, "marts.neurons", column)} == set()


def test_without_the_sql_it_says_how_to_get_it(trained: Ingested, tmp_path: Path) -> None:
    with connect(trained.warehouse) as con, pytest.raises(NotInWarehouse, match="neurons build"):
        read(con, tmp_path / "neurons.duckdb")


def test_the_sql_of_another_build_is_not_shown(trained: Ingested, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    manifest = (trained.warehouse.parent / "target" / "manifest.json").read_text()
    (tmp_path / "target" / "manifest.json").write_text(manifest.replace('"invocation_id": "', '"invocation_id": "x'))
    with connect(trained.warehouse) as con, pytest.raises(NotInWarehouse, match="another build"):
        read(con, tmp_path / "neurons.duckdb")
