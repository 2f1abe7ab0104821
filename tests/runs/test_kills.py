"""Runs of every method, killed at random moments, end in the rows of a run that nothing happened to."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.runs.interrupted import MEASURES, SAVING_OFTEN, assert_same_run, ingest, make_models, make_study, memory_for
from tests.support.bombs import Bomb
from tests.support.tables import rows

# Where a process may die, and how often it comes past there at most.
EVERYWHERE = {
    "ingest.raw.warehouse:RawWarehouse.write": 18, "ingest.runs.state:StateFolder.write": 17, "commit": 18,
    "ingest.runs.state:StateFolder.keep_only": 16, "ingest.recipes.passes:FusedPass.run_part": 16,
    "ingest.recipes.accumulators:Accumulators.update": 33, "ingest.recipes.accumulators:Accumulators.end_part": 16,
    "ingest.measure.selection:Directed.offer": 12, "ingest.recipes.running:Run._finish": 1,
}  # fmt: skip
PLACES = {
    "exact in passes": EVERYWHERE | {
        "ingest.measure.correlation:CrossMoments.update": 99, "ingest.measure.followed:Followed.choose": 24,
        "ingest.recipes.running:Run._run_parts": 3,
    },
    "refined": EVERYWHERE | {
        "ingest.measure.candidates:Candidates.update": 99, "ingest.recipes.pilot:candidates_of": 1,
        "ingest.measure.sketch:CountSketch.update": 198,
    },
    "sketch": EVERYWHERE | {"ingest.measure.sketch:CountSketch.update": 198},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    make_models(folder)
    return folder


@pytest.fixture(scope="module", params=PLACES)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def study(folder: Path, method: str) -> Path:
    file = folder / f"{method}.toml"
    study = make_study(file, MEASURES[method])
    return make_study(file, MEASURES[method], memory=memory_for(study, 3)) if method == "exact in passes" else study


@pytest.fixture(scope="module")
def undisturbed(study: Path) -> Path:
    warehouse = study.parent / f"undisturbed {study.stem}" / "neurons.duckdb"
    ended = ingest(study, warehouse, study.parent / "printed")()
    assert ended.code == 0, ended.err
    n_passes, n_parts = rows(warehouse, "select n_passes, n_parts from raw.runs").row(0)
    assert (n_passes, n_parts) == (3 if study.stem == "exact in passes" else 1, 16)
    return warehouse


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_killed_at_random_moments_ends_in_the_same_rows(
    study: Path, method: str, undisturbed: Path, tmp_path: Path, kills: int
) -> None:
    moments = random.Random(f"{method} {kills}")
    warehouse = tmp_path / "neurons.duckdb"
    run = ingest(study, warehouse, tmp_path / "printed")
    killed, finished = 0, 0
    while killed < kills:
        place, most = moments.choice(list(PLACES[method].items()))
        bomb = Bomb(place, call=moments.randint(1, most), after=moments.random() < 0.3)
        ended = run(bomb=bomb, settings=SAVING_OFTEN if moments.random() < 0.7 else {})
        assert ended.code in (0, -9), ended.err
        killed += ended.code == -9
        if ended.code == 0:
            # Past the moment: this one is done, and the next one begins anew.
            assert_same_run(warehouse, undisturbed)
            warehouse.unlink()
            finished += 1
    last = run()
    assert last.code == 0, last.err
    assert_same_run(warehouse, undisturbed)
