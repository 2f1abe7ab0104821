"""Studies that measure less: weights alone, or moments without pairs; and a checkpoint is no partner."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import forked
from tests.support.small_models import CONTEXT, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import rows
from tests.support.texts import write_texts

TEXT = {"source": "text:texts/*.txt", "tokens": 8 * CONTEXT, "context": CONTEXT}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("less")
    write_texts(folder)
    for seed in (1, 2, 3):
        save(small_gpt2(seed), folder / f"m{seed}")
    return folder


def ingested(folder: Path, warehouse: Path, study: Path) -> None:
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=folder / "printed")
    assert ended.code == 0, ended.err


def count(warehouse: Path, table: str) -> int:
    return int(rows(warehouse, f"select count(*) as n from raw.{table}")["n"][0])


def test_without_a_corpus_only_weights_are_measured(folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    ingested(folder, warehouse, write_study(folder / "weights.toml", [entry("m", "m1")]))
    run = rows(warehouse, "select status, n_parts, n_tokens, method, finished_at is not null as ended from raw.runs")
    assert run.row(0) == ("finished", 0, None, None, True)
    assert (count(warehouse, "weights"), count(warehouse, "vocabulary_sums")) == (128, 256)
    assert [count(warehouse, t) for t in ("moments", "parts", "pairs", "corpora", "partners")] == [0] * 5
    assert not (tmp_path / "corpora").exists()


def test_correlation_off_leaves_moments(folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    models = [entry(f"m{seed}", f"m{seed}", seed=seed) for seed in (1, 2)]
    ingested(folder, warehouse, write_study(folder / "off.toml", models, corpus=TEXT, measure={"correlation": "off"}))
    assert count(warehouse, "moments") > 0
    assert [count(warehouse, t) for t in ("pairs", "sites", "partners", "bests", "baselines")] == [0] * 5


def test_moments_off_leaves_correlations(folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    models = [entry(f"m{seed}", f"m{seed}", seed=seed) for seed in (1, 2)]
    ingested(folder, warehouse, write_study(folder / "still.toml", models, corpus=TEXT, measure={"moments": False}))
    assert count(warehouse, "moments") == 0
    assert count(warehouse, "partners") == 2 * 128 * 100


def test_checkpoints_of_one_seed_are_no_partners(folder: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    models = [
        entry("one@1", "m1", seed=1, step=1),
        entry("one@2", "m2", seed=1, step=2),
        entry("two@2", "m3", seed=2, step=2),
    ]
    ingested(folder, warehouse, write_study(folder / "steps.toml", models, corpus=TEXT))
    pairs = rows(warehouse, "select model, other_model, relation from raw.pairs order by all").rows()
    assert pairs == [("one@2", "two@2", "seed"), ("two@2", "one@2", "seed")]
