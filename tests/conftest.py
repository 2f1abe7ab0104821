"""Fixtures of the whole suite: where the demo models are, and one warehouse that many tests read."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

DEMO_MODELS = Path(__file__).resolve().parents[1] / "warehouse" / "demo"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a warehouse run on one worker, which makes it once; others file by file."""
    for item in items:
        shared = (name for name in ("trained", "built") if name in getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group(next(shared, item.location[0])))


@dataclass(frozen=True)
class Ingested:
    """A warehouse that the command line made.

    Attributes:
        warehouse: the DuckDB file.
        study: the study it was made from.
        models: folder of each model, by its name in the study.
        corpus: folder of the stored token rows.
    """

    warehouse: Path
    study: Path
    models: dict[str, Path]

    @property
    def corpus(self) -> Path:
        """Folder of the stored token rows."""
        (folder,) = (self.warehouse.parent / "corpora").iterdir()
        return folder

    def copied(self, folder: Path) -> Path:
        """A copy of the warehouse with what was published of it, to be changed by a test."""
        shutil.copytree(self.warehouse.parent, folder)
        return folder / self.warehouse.name


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """Three trained models on 8,192 tokens they have not seen, ingested and built through the command line."""
    from tests.support.commands import forked, neurons
    from tests.support.small_models import demo_folder
    from tests.support.studies import STDLIB, entry, write_study

    folder = tmp_path_factory.mktemp("trained")
    seeds = sorted(int(path.name.removeprefix("demo-")) for path in DEMO_MODELS.glob("demo-?"))[:3]
    models = {f"demo-{seed}": demo_folder(seed) for seed in seeds}
    study = write_study(
        folder / "study.toml",
        [
            entry(name, path, model_family="demo", seed=seed)
            for seed, (name, path) in zip(seeds, models.items(), strict=True)
        ],
        corpus=STDLIB | {"tokens": 8192, "syntax": "python"},
        measure={"baseline": {"draws": 2, "seed": 7}},
        device={"threads": 1, "batch_rows": 10},
    )
    warehouse = folder / "warehouse" / "neurons.duckdb"
    ended = neurons("ingest", study, "--warehouse", warehouse)
    assert ended.code == 0, ended.err
    built = forked("build", "--warehouse", warehouse, scratch=folder)
    assert built.code == 0, built.out + built.err
    return Ingested(warehouse, study, models)
