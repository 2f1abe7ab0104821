"""A small warehouse, as dbt would leave it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

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
