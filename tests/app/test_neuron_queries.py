"""The queries of a neuron's page read the rows of that neuron alone: all else would be slow on a large warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.asking import question_of
from app.guard import check
from app.warehouse import connect, cursor
from tests.conftest import Ingested

NAMES = (
    *("neuron", "neuron_card", "neuron_histogram", "vocabulary_histogram", "tokens_of_neuron", "example_windows"),
    *("example_rows", "heads_of_neuron", "nearest_of_neuron", "matches_of_neuron", "features_of_neuron"),
    *("families_of_neuron", "roles_of_neuron"),
)
PLACE = {"model": "demo-1", "layer": 2, "neuron": 117}
MORE = {"other_model": "demo-2", "choice": "top", "n": 20, "by_weights": False}
# A neuron's own rows are at most its partners, 50 a side, in each of two other models.
MOST_ROWS = 400


def scans(operator: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Tables that are read, with how many of their rows came through the filters."""
    if operator["type"] == "TABLE_SCAN":
        yield operator["extra_info"].get("Table", ""), operator["intermediate_rows"]
    for child in operator.get("children", []):
        yield from scans(child)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_neurons_own_rows_are_read(trained: Ingested, name: str) -> None:
    sql = question_of(name).sql
    with connect(trained.warehouse) as con:
        used = check(cursor(con), sql).parameters
        values = {key: value for key, value in (PLACE | MORE).items() if key in used}
        explained = cursor(con).execute(f"explain (analyze, format json) {sql}", values).fetchall()
        of_neurons = {
            table
            for (table,) in cursor(con)
            .execute("select distinct table_name from duckdb_columns() where column_name = 'neuron'")
            .fetchall()
        }
    read = [scan for operator in json.loads(explained[0][1])["operator"] for scan in scans(operator)]
    rows = {table: n for table, n in read if table.replace('"', "").rsplit(".", 1)[-1] in of_neurons}
    assert rows
    assert max(rows.values()) <= MOST_ROWS, rows
