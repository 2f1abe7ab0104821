"""A small warehouse, as dbt would leave it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from streamlit.testing.v1 import AppTest

from app.questions import FOLDER
from tests.app.looking import Look, opened
from tests.app.small_warehouse import SCHEMA, end_build


@pytest.fixture
def build() -> Callable[[Path, str], None]:
    """The end of a further dbt build, under this id."""
    return end_build


@pytest.fixture
def unbuilt(tmp_path: Path) -> Path:
    """A warehouse in which dbt has made tables, but has never come to an end."""
    path = tmp_path / "w" / "neurons.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as con:
        con.execute(SCHEMA)
    return path


@pytest.fixture
def warehouse(unbuilt: Path) -> Path:
    """A warehouse that was built once and not published yet."""
    end_build(unbuilt, "b1")
    return unbuilt


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Look:
    """Opens pages; there is no warehouse to fall back to."""
    import streamlit as st

    def look_at(
        warehouse: Path, page: str = "home", clicked: Mapping[str, Any] | None = None, **address: str
    ) -> AppTest:
        monkeypatch.setenv("NEURONS_WAREHOUSE", str(warehouse))
        monkeypatch.setattr("app.warehouse.own_warehouse", lambda: tmp_path / "nothing" / "neurons.duckdb")
        st.cache_data.clear()
        return opened(page, clicked or {}, address)

    return look_at


@pytest.fixture(scope="session")
def empty_marts() -> list[str]:
    """Statements that make every mart of the dbt project, without a row in it."""
    contracts = [
        yaml.safe_load(path.read_text()) for path in sorted((FOLDER.parent / "models" / "marts").glob("*.yml"))
    ]
    statements = []
    for model in (model for contract in contracts for model in contract["models"]):
        columns = ", ".join(f'"{column["name"]}" {column["data_type"]}' for column in model["columns"])
        statements.append(f"create or replace table marts.{model['name']} ({columns})")
    return statements


@pytest.fixture
def emptied(build: Callable[[Path, str], None], empty_marts: list[str]) -> Callable[[Path], None]:
    """Builds a warehouse anew, with all marts and nothing in them."""

    def empty(warehouse: Path) -> None:
        with duckdb.connect(str(warehouse)) as con:
            for statement in empty_marts:
                con.execute(statement)
        build(warehouse, "b-empty")

    return empty
