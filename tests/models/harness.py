"""dbt as a process on a small warehouse, and what its tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tests.models.activations import Facts

ROOT = Path(__file__).parents[2]


def run_dbt(command: str, warehouse: Path, scratch: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run dbt on a warehouse as a process of its own, with its files in a scratch folder."""
    dbt = Path(sys.executable).parent / "dbt"
    paths = ["--target-path", str(scratch / "target"), "--log-path", str(scratch / "logs")]
    return subprocess.run(
        [str(dbt), "--no-use-colors", command, *paths, *options],
        cwd=ROOT,
        env={**os.environ, "NEURONS_WAREHOUSE": str(warehouse)},
        capture_output=True,
        text=True,
        check=False,
    )


def records(con: duckdb.DuckDBPyConnection, query: str, **parameters: object) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    result = con.execute(query, parameters) if parameters else con.execute(query)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@dataclass(frozen=True)
class Built:
    """A built warehouse, what is known about its runs, and where dbt may leave files."""

    path: Path
    facts: dict[str, Facts]
    scratch: Path
    log: str
    new_in_root: set[str]
