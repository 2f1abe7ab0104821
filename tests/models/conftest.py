"""One `dbt build` of a small warehouse serves all tests of the dbt project."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from tests.models.harness import ROOT, Built, run_dbt
from tests.models.raw_warehouse import write


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The small warehouse after `dbt build`, whose data and unit tests pass."""
    scratch = tmp_path_factory.mktemp("dbt")
    path = scratch / "small.duckdb"
    facts = write(path)
    before = {entry.name for entry in ROOT.iterdir()}
    result = run_dbt("build", path, scratch)
    assert result.returncode == 0, result.stdout
    return Built(path, facts, scratch, result.stdout, {entry.name for entry in ROOT.iterdir()} - before)


@pytest.fixture(scope="session")
def con(built: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    """The built warehouse as readers see it: read-only, under another name."""
    copy = built.scratch / "published.duckdb"
    with duckdb.connect() as writer:
        writer.execute(f"attach '{built.path}' as origin (read_only)")
        writer.execute(f"attach '{copy}' as published")
        writer.execute("copy from database origin to published")
    with duckdb.connect(str(copy), read_only=True) as reader:
        yield reader
