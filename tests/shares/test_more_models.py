"""A finished study that is shared out takes another model: only its own shares and those of its pairs are computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest.tables import TABLES, Table
from tests.runs.interrupted import MEASURES, make_models, make_study
from tests.shares.sharing import begin, n_shares
from tests.support.commands import Ended, forked, wait_for
from tests.support.tables import rows

REFINED: dict[str, Any] = MEASURES["refined"] | {"floors": [], "validation": []}
# What is said of a run is another's; the budgets of an extended run would be over its new pairs only.
OF_RUNS = {"runs", "parts", "shares", "corpora", "models", "pairs", "sites", "tokens", "partial_bests"}


@pytest.fixture(scope="module", params=["exact", pytest.param("refined", marks=pytest.mark.slow)])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, studies of two and of three of them, and what one process makes of the three."""
    folder = tmp_path_factory.mktemp("more-models")
    make_models(folder)
    measure = {"exact": MEASURES["exact"], "refined": REFINED}[request.param]
    make_study(folder / "two.toml", measure, n_models=2)
    make_study(folder / "study.toml", measure)
    assert ingested(folder, "study", folder / "alone.duckdb").code == 0
    return folder


def ingested(home: Path, study: str, warehouse: Path, *options: object) -> Ended:
    return forked("ingest", home / f"{study}.toml", "--warehouse", warehouse, *options, scratch=home / "printed")


def held(warehouse: Path, table: Table) -> pl.DataFrame:
    """The rows of a table that the newest finished run has, or takes from an earlier one, without the run."""
    columns = {column.name for column in table.columns}
    newest = "run = (select run from raw.runs where status = 'finished' order by finished_at desc limit 1)"
    if "other_model" in columns:
        source, key = "pairs", "model, other_model"
    elif "model" in columns:
        source, key = "models", "model"
    else:
        return rows(warehouse, f"select * exclude (run) from raw.{table.name} where {newest} order by all")
    return rows(
        warehouse,
        f"with held as (select coalesce(taken_from, run) as run, {key} from raw.{source} where {newest}) "
        f"select t.* exclude (run) from raw.{table.name} as t inner join held using (run, {key}) order by all",
    )


@pytest.mark.parametrize(
    "first",
    [pytest.param((), marks=pytest.mark.slow), ("--on", "devices", "--workers", 2)],
    ids=["from one process", "from shares"],
)
def test_a_model_that_is_added_has_the_rows_of_a_study_begun_anew(
    home: Path, tmp_path: Path, first: tuple[object, ...]
) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    assert ingested(home, "two", warehouse, *first).code == 0
    before = rows(warehouse, "select count(*) as n from raw.shares")["n"][0]
    going = begin(home, warehouse, "devices", "--workers", 1)
    wait_for("a finished share", lambda: (n_shares(warehouse) or 0) > before, going.is_running)
    going.kill()
    ended = ingested(home, "study", warehouse, "--on", "devices", "--workers", 2)
    assert ended.code == 0, ended.err
    assert "only what is new" in ended.out
    # Of three models and three pairs, one model and two pairs are new.
    pieces = "select len(pieces) as n from raw.shares inner join raw.runs using (run) where parent is not null"
    assert rows(warehouse, pieces)["n"].sum() == 3
    compared = 0
    for table in (table for table in TABLES if table.name not in OF_RUNS):
        ours, theirs = held(warehouse, table), held(home / "alone.duckdb", table)
        assert ours.equals(theirs), table.name
        compared += len(ours)
    assert compared > 10_000
    of_child = "select count(*) as n from raw.partial_bests inner join raw.runs using (run) where parent is not null"
    assert rows(warehouse, of_child)["n"][0] == 0
    assert "nothing to do" in ingested(home, "study", warehouse, "--on", "devices", "--workers", 2).out
