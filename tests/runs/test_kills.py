"""Runs of every method, killed at random moments, end in the rows of a run that nothing happened to."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.runs.interrupted import MEASURES, SAVING_OFTEN, assert_same_run, ingest, make_models, make_study, memory_for
from tests.support.bombs import Bomb
from tests.support.tables import rows

# Where a process may die, and how often it comes past there at most.
EVERYWHERE = {
    "ingest.raw.warehouse:RawWarehouse.write": 9, "ingest.runs.state:StateFolder.write": 8, "commit": 9,
    "ingest.runs.state:StateFolder.keep_only": 8, "ingest.recipes.passes:FusedPass.run_part": 16,
    "ingest.recipes.accumulators:Accumulators.update": 33, "ingest.recipes.accumulators:Accumulators.end_part": 16,
    "ingest.measure.selection:Directed.offer": 12, "ingest.recipes.running:Run._finish": 1,
}  # fmt: skip
PLACES = {
    "exact in passes": EVERYWHERE | {
        "ingest.measure.correlation:CrossMoments.update": 99, "ingest.measure.followed:Followed.choose": 24,
        "ingest.recipes.computation:Computation._run_parts": 3,
    },
    "refined": EVERYWHERE | {
        "ingest.measure.candidates:Candidates.update": 99, "ingest.recipes.pilot:candidates_of": 1,
        "ingest.measure.sketch:CountSketch.update": 198,
    },
    "sketch": EVERYWHERE | {"ingest.measure.sketch:CountSketch.update": 198},
    "exact, more tokens": EVERYWHERE | {"ingest.measure.correlation:CrossMoments.update": 33},
    "refined, more models": EVERYWHERE | {"ingest.measure.sketch:CountSketch.update": 66},
}  # fmt: skip
# Of a study that takes more of what another one had, what that one had.
BEFORE: dict[str, dict[str, int]] = {"exact, more tokens": {"n_rows": 40}, "refined, more models": {"n_models": 2}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    make_models(folder)
    return folder


@pytest.fixture(scope="module")
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def study(folder: Path, method: str) -> Path:
    file, measure = folder / f"{method}.toml", MEASURES[method.partition(",")[0]]
    # Extensions are for runs without halves.
    measure = {key: value for key, value in measure.items() if key != "validation" or method not in BEFORE}
    study = make_study(file, measure)
    return make_study(file, measure, memory=memory_for(study, 3)) if method == "exact in passes" else study


@pytest.fixture(scope="module")
def before(folder: Path, method: str, study: Path) -> Path:
    """A folder as it is before the study: with the run that it extends, if it extends one."""
    home = folder / f"before {method}"
    home.mkdir()
    if method in BEFORE:
        measure = {k: v for k, v in MEASURES[method.partition(",")[0]].items() if k != "validation"}
        smaller = make_study(folder / f"smaller {method}.toml", measure, **BEFORE[method])
        ended = ingest(smaller, home / "neurons.duckdb", folder / "printed")()
        assert ended.code == 0, ended.err
    return home


@pytest.fixture(scope="module")
def undisturbed(study: Path, method: str, before: Path) -> Path:
    warehouse = shutil.copytree(before, before.with_name(f"undisturbed {method}")) / "neurons.duckdb"
    ended = ingest(study, warehouse, study.parent / "printed")()
    assert ended.code == 0, ended.err
    assert ("only what is new" in ended.out) == (method in BEFORE)
    (run,) = rows(warehouse, "select * from raw.runs order by started_at desc limit 1").iter_rows(named=True)
    assert run["n_passes"] == (3 if method == "exact in passes" else 1)
    return warehouse


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "kills"),
    # A way of measuring shares nothing with the others: each may run on a worker of its own.
    [
        pytest.param(method, 12 if method in BEFORE else 30, marks=pytest.mark.xdist_group(f"kills {method}"))
        for method in PLACES
    ],
    indirect=["method"],
)
def test_killed_at_random_moments_ends_in_the_same_rows(
    study: Path, method: str, before: Path, undisturbed: Path, tmp_path: Path, kills: int
) -> None:
    moments = random.Random(f"{method} {kills}")
    warehouse = shutil.copytree(before, tmp_path / "home") / "neurons.duckdb"
    run = ingest(study, warehouse, tmp_path / "printed")
    killed = 0
    while killed < kills:
        place, most = moments.choice(list(PLACES[method].items()))
        bomb = Bomb(place, call=moments.randint(1, most), after=moments.random() < 0.3)
        ended = run(bomb=bomb, settings=SAVING_OFTEN if moments.random() < 0.7 else {})
        assert ended.code in (0, -9), ended.err
        killed += ended.code == -9
        if ended.code == 0:
            # Past the moment: this one is done, and the next one begins anew.
            assert_same_run(warehouse, undisturbed)
            shutil.rmtree(warehouse.parent)
            shutil.copytree(before, warehouse.parent)
    last = run()
    assert last.code == 0, last.err
    assert_same_run(warehouse, undisturbed)
