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
    for seed in (1, 2, 3):
        save(small_gpt2(seed), folder / f"m{seed}")
    return folder


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


def selected(warehouse: Path, table: str, *, child: bool) -> pl.DataFrame:
    """The selections of the run that extends another one, or of the only run."""
    which = "parent is not null" if child else "true"
    found = rows(
        warehouse, f"select t.* exclude (run) from raw.{table} as t inner join raw.runs using (run) where {which}"
    )
    return found.sort([name for name in (*KEY, "kind", "draw") if name in found.columns])


def profiled(warehouse: Path, which: str) -> pl.DataFrame:
    """Of every neuron: the largest activation, the sum of squares between positions, how often it was counted."""
    return rows(
        warehouse,
        "select e.model, e.layer, e.neuron, activations[1] as peak, ss_between as between, list_sum(counts) as n "
        "from raw.examples as e inner join raw.runs using (run) "
        "inner join raw.explained using (run, model, layer, neuron) "
        "inner join raw.histograms using (run, model, layer, neuron) "
        f"where {which} and choice = 'top' and variable = 'position' order by all",
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
    profiles = [profiled(warehouse, which) for warehouse, which in ((extended, "parent is not null"), (anew, "true"))]
    assert_close(profiles[0]["peak"], profiles[1]["peak"].to_numpy(), 1e-5)
    assert_close(profiles[0]["between"], profiles[1]["between"].to_numpy(), 1e-3)
    assert profiles[0]["n"].equals(profiles[1]["n"])
    for warehouse, which in ((extended, "parent is not null"), (anew, "true")):
        query = f"select sum(n) as n from raw.moments inner join raw.runs using (run) where {which}"
        assert rows(warehouse, query)["n"][0] == n_models * n_rows * CONTEXT * 128


def test_old_pairs_are_not_computed_again(folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "n.duckdb"
    ingested(folder, warehouse, "exact", n_models=2, n_rows=ROWS)
    before = selected(warehouse, "bests", child=False)
    ingested(folder, warehouse, "exact", n_models=3, n_rows=ROWS)
    after = selected(warehouse, "bests", child=True)
    assert after.join(before, on=before.columns, how="semi", nulls_equal=True).height == before.height


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
