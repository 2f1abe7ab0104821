"""One `dbt build` of a small warehouse serves all tests of the dbt project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingest.recipes.importing import import_frame
from tests.models.exports import FORMS, Exports, exported
from tests.models.harness import ROOT, Built, run_dbt
from tests.models.raw_warehouse import write
from tests.support.published_frames import frame


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The small warehouse after `dbt build`, whose data and unit tests pass."""
    scratch = tmp_path_factory.mktemp("dbt")
    path = scratch / "small.duckdb"
    facts = write(path)
    take_published(path, scratch / "published.csv")
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


@pytest.fixture(scope="session")
def exports(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """The small warehouse, exported in every form."""
    folder = tmp_path_factory.mktemp("exports")
    for form in FORMS:
        exported(folder / form, built.path, form)
        (folder / form).rename(folder / f"elsewhere-{form}")
    return Exports(built.path, *(folder / f"elsewhere-{form}" for form in FORMS))


def take_published(warehouse: Path, file: Path) -> None:
    """A published frame of model b, which was measured too: made-up numbers that have nothing to do with it."""
    with duckdb.connect(str(warehouse), read_only=True) as con:
        ((n_layers, d_mlp),) = con.sql("select distinct n_layers, d_mlp from raw.models where model = 'b'").fetchall()
    frame(n_layers=n_layers, d_mlp=d_mlp).write_csv(file)
    import_frame(file, "b", warehouse, n_layers=n_layers, d_mlp=d_mlp)
