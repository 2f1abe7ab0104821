"""A finished study takes more tokens or another model and computes only what is new."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from ingest.recipes.ingest import ingest
from ingest.study import read_study
from tests.ingest.by_hand import assert_close
from tests.support.small_models import CONTEXT, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import rows
from tests.support.texts import write_texts

ROWS = 40
KEY = ["site", "model", "layer", "neuron", "other_model"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extending")
    write_texts(folder)
    for seed in (1, 2, 3, 4):
        save(small_gpt2(seed), folder / f"m{seed}")
    return folder


@pytest.fixture(scope="module")
def extended_twice(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of two models, then three, then four."""
    warehouse = tmp_path_factory.mktemp("twice") / "n.duckdb"
    for n_models in (2, 3, 4):
        ingested(folder, warehouse, "exact", n_models=n_models, n_rows=ROWS)
    return warehouse


def ingested(folder: Path, warehouse: Path, method: str, *, n_models: int, n_rows: int, **measure: object) -> str:
    """Measure the first models on the first rows; what the command printed."""
    study = write_study(
        folder / f"{warehouse.parent.name}.toml",
        [entry(f"m{seed}", f"m{seed}", seed=seed, model_family="small") for seed in range(1, n_models + 1)],
        corpus={"source": "text:texts/*.txt", "tokens": n_rows * CONTEXT, "context": CONTEXT},
        measure={
            "correlation": method,
            "baseline": {"draws": 2},
            "sketch": {"buckets": 256},
            # The pilot is all of the text, so that the candidates do not depend on where it ends.
            "pilot": {"tokens": 10**6, "candidates": 64},
            **measure,
        },
    )
    said: list[str] = []
    if ingest(read_study(study), warehouse, said.append).was_finished:
        said.append("nothing to do")
    return " ".join(said)


def held(table: str, *, child: bool) -> str:
    """A query of the models or pairs of the run that extends another one, or of the only run, and where they lie."""
    which = "parent is not null" if child else "true"
    return (
        f"select {table}.* exclude (run, taken_from), coalesce(taken_from, run) as run "
        f"from raw.{table} inner join raw.runs using (run) where {which}"
    )


def selected(warehouse: Path, table: str, *, child: bool) -> pl.DataFrame:
    """The selections of the pairs of such a run."""
    found = rows(
        warehouse,
        f"with held as ({held('pairs', child=child)}) "
        f"select t.* exclude (run) from raw.{table} as t inner join held using (run, model, other_model)",
    )
    return found.sort([name for name in (*KEY, "kind", "draw") if name in found.columns])


def profiled(warehouse: Path, *, child: bool) -> pl.DataFrame:
    """Of every neuron: the largest activation, the sum of squares between positions, how often it was counted."""
    return rows(
        warehouse,
        f"with held as ({held('models', child=child)}) "
        "select model, layer, neuron, activations[1] as peak, ss_between as between, list_sum(counts) as n "
        "from held inner join raw.examples using (run, model) "
        "inner join raw.explained using (run, model, layer, neuron) "
        "inner join raw.histograms using (run, model, layer, neuron) "
        "where choice = 'top' and variable = 'position' order by all",
    )


@pytest.mark.parametrize(
    ("method", "n_models", "n_rows"),
    [("exact", 3, ROWS), ("exact", 2, 2 * ROWS), ("refined", 3, ROWS), ("sketch", 2, 2 * ROWS)],
)
def test_an_extended_study_agrees_with_one_begun_anew(
    folder: Path, tmp_path: Path, method: str, n_models: int, n_rows: int
) -> None:
    extended, anew = tmp_path / "extended" / "n.duckdb", tmp_path / "anew" / "n.duckdb"
    ingested(folder, extended, method, n_models=2, n_rows=ROWS)
    assert "only what is new" in ingested(folder, extended, method, n_models=n_models, n_rows=n_rows)
    assert "only what is new" not in ingested(folder, anew, method, n_models=n_models, n_rows=n_rows)
    for table in ("bests", "baselines"):
        ours, theirs = selected(extended, table, child=True), selected(anew, table, child=False)
        assert ours.select(KEY).equals(theirs.select(KEY))
        # With more tokens the groups of the buckets are those of the first run: another sketch, of the same size.
        if method == "exact" or n_models == 3:
            assert (ours["max_corr"] - theirs["max_corr"]).abs().max() < 1e-5  # type: ignore[operator]
    profiles = [profiled(warehouse, child=child) for warehouse, child in ((extended, True), (anew, False))]
    assert_close(profiles[0]["peak"], profiles[1]["peak"].to_numpy(), 1e-5)
    assert_close(profiles[0]["between"], profiles[1]["between"].to_numpy(), 1e-3)
    assert profiles[0]["n"].equals(profiles[1]["n"])
    for warehouse, child in ((extended, True), (anew, False)):
        query = f"with held as ({held('models', child=child)}) select sum(n) as n from held inner join raw.moments"
        assert rows(warehouse, f"{query} using (run, model)")["n"][0] == n_models * n_rows * CONTEXT * 128


@pytest.mark.parametrize("table", ["moments", "weights", "bests", "partners", "explained", "examples"])
def test_rows_of_old_models_and_pairs_are_not_written_again(extended_twice: Path, table: str) -> None:
    found = rows(extended_twice, f"select * from raw.{table}")
    parts_of_key = {*KEY, "part", "stratum", "rank", "side", "variable", "choice"}
    key = [column for column in found.columns if column in parts_of_key]
    assert found.height == found.unique(key).height
    assert found["model"].unique().sort().to_list() == ["m1", "m2", "m3", "m4"]


def test_a_study_extended_twice_takes_rows_from_both_runs(extended_twice: Path) -> None:
    size = "(select count(*) from raw.models as m where m.run = {})"
    took = f"{size.format('t.taken_from')} from raw.{{}} as t where {size.format('t.run')} = {{}} order by all"
    of_models = [rows(extended_twice, f"select model, {took.format('models', n)}").rows() for n in (3, 4)]
    assert of_models == [
        [("m1", 2), ("m2", 2), ("m3", 0)],
        [("m1", 2), ("m2", 2), ("m3", 3), ("m4", 0)],
    ]
    pairs = rows(extended_twice, f"select model || other_model, {took.format('pairs', 4)}").rows()
    assert [pair for pair in pairs if pair[0][:2] < pair[0][2:]] == [
        ("m1m2", 2), ("m1m3", 3), ("m1m4", 0), ("m2m3", 3), ("m2m4", 0), ("m3m4", 0)
    ]  # fmt: skip


def test_an_extended_study_is_finished_when_it_is_asked_for_again(folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "n.duckdb"
    ingested(folder, warehouse, "exact", n_models=2, n_rows=ROWS)
    ingested(folder, warehouse, "exact", n_models=3, n_rows=ROWS)
    shutil.rmtree(tmp_path / "n.duckdb.state")
    assert "nothing to do" in ingested(folder, warehouse, "exact", n_models=3, n_rows=ROWS)
    assert rows(warehouse, "select count(*) as n from raw.runs")["n"][0] == 2


def test_without_its_state_a_study_is_computed_anew(folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "n.duckdb"
    ingested(folder, warehouse, "exact", n_models=2, n_rows=ROWS, keep_state=0)
    assert not (tmp_path / "n.duckdb.state").exists() or not list((tmp_path / "n.duckdb.state").rglob("*.safetensors"))
    assert "only what is new" not in ingested(folder, warehouse, "exact", n_models=3, n_rows=ROWS)
    assert rows(warehouse, "select count(*) as n from raw.runs where parent is not null")["n"][0] == 0
