"""One plan, one result: in two processes, after every kind of interruption, and (nearly) for any split of the work."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from ingest.settings import state_folder
from tests.runs.interrupted import (
    MEASURES,
    SAVING_OFTEN,
    assert_same_run,
    ingest,
    make_models,
    make_study,
)
from tests.support.bombs import Bomb
from tests.support.commands import Forked, forked, neurons, one_line_of_refusal, wait_for
from tests.support.tables import differing_rows, file_hash, rows

# In the order in which a run comes past them; each is a process of its own that goes on where the last one was killed.
MOMENTS = {
    "while token rows are stored": Bomb("ingest.corpus.store:_write", after=True),
    "before the first write": Bomb("ingest.raw.warehouse:RawWarehouse.write"),
    "in the first transaction": Bomb("commit"),
    "after the run was opened": Bomb("ingest.raw.warehouse:RawWarehouse.write", after=True),
    "in the middle of a part": Bomb("ingest.measure.correlation:CrossMoments.update", call=2),
    "with a state file that the ledger lacks": Bomb("ingest.runs.state:StateFolder.write", call=2, after=True),
    "in a part's transaction": Bomb("commit", call=2),
    "before old state files are deleted": Bomb("ingest.runs.state:StateFolder.keep_only"),
    "while partners to follow are chosen": Bomb("ingest.measure.followed:Followed.choose", call=2),
    "over the first groups of documents": Bomb("ingest.measure.selection:Directed.offer", call=2),
    "in a resumed part": Bomb("ingest.recipes.passes:FusedPass.run_part", call=2),
    "while partners are selected": Bomb("ingest.measure.selection:PairSelection.take", call=5),
    "while baselines are rotated": Bomb("ingest.measure.baseline:Rotations.rotated", call=20),
    "when the last part is saved": Bomb("ingest.runs.state:StateFolder.write", after=True),
    "after the last part": Bomb("ingest.recipes.running:Run._finish"),
    "before the last write": Bomb("ingest.raw.warehouse:RawWarehouse.write"),
    "in the last transaction": Bomb("commit"),
    "when all is written": Bomb("ingest.raw.warehouse:RawWarehouse.write", after=True),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bits")
    make_models(folder)
    return make_study(folder / "study.toml", MEASURES["exact"])


@pytest.fixture(scope="module")
def undisturbed(study: Path) -> Path:
    """What the study gives when nothing happens."""
    warehouse = study.parent / "undisturbed" / "neurons.duckdb"
    ended = neurons("ingest", study, "--warehouse", warehouse)
    assert ended.code == 0, ended.err
    return warehouse


def test_a_second_process_gives_the_same_bits(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    ended = ingest(study, warehouse, tmp_path / "printed")(settings=SAVING_OFTEN)
    assert ended.code == 0, ended.err
    assert_same_run(warehouse, undisturbed)


def test_comparing_warehouses_finds_one_changed_bit(undisturbed: Path, tmp_path: Path) -> None:
    changed = tmp_path / "neurons.duckdb"
    changed.write_bytes(undisturbed.read_bytes())
    with duckdb.connect(changed) as connection:
        connection.execute(
            "update raw.baselines set max_corr = max_corr * (1 + 2e-7::float) "
            "where model = 'one' and layer = 0 and neuron = 0 and other_model = 'two' and draw = 0"
        )
    assert differing_rows(changed, undisturbed) == {"baselines": 2}


def test_the_same_ingest_again_does_nothing(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    before = file_hash(undisturbed)
    ended = forked("ingest", study, "--warehouse", undisturbed, scratch=tmp_path)
    assert ended.code == 0
    assert "nothing to do" in ended.out
    assert file_hash(undisturbed) == before


def test_killed_at_every_kind_of_moment_ends_in_the_same_bits(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    run = ingest(study, warehouse, tmp_path / "printed")
    for moment, bomb in MOMENTS.items():
        killed = run(bomb=bomb, settings=SAVING_OFTEN)
        assert killed.code == -9, f"{moment}: {killed}"
    last = run()
    assert last.code == 0, last.err
    assert "nothing to do" in last.out
    assert_same_run(warehouse, undisturbed)


def test_sigkill_from_outside_ends_in_the_same_bits(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    running = Forked(["ingest", study, "--warehouse", warehouse], tmp_path / "printed", settings=SAVING_OFTEN)
    state = state_folder(warehouse)
    wait_for("the state after a part", lambda: list(state.rglob("pass-0-part-0000[1-9].*")), running.is_running)
    killed = running.kill()
    assert killed.code == -9
    ended = ingest(study, warehouse, tmp_path / "printed")()
    assert ended.code == 0, ended.err
    assert_same_run(warehouse, undisturbed)


_BITS = ("site", "model", "layer", "neuron", "other_model")
_COMPARED = (
    f"select {', '.join(_BITS)}, other_layer, other_neuron, max_corr, min_corr from raw.bests order by all",
    f"select {', '.join(_BITS)}, kind, draw, max_corr from raw.baselines order by all",
    f"select {', '.join(_BITS)}, first_group, last_group, max_corr, baseline from raw.partial_bests order by all",
    f"select {', '.join(_BITS)}, side, rank, corr from raw.partners order by all",
    "select model, layer, neuron, stratum, sum(n) as n, sum(n_positive) as n_positive, "
    "any_value(pre_shift) + sum(pre_sum_1) / sum(n) as pre_mean, any_value(post_shift) + sum(post_sum_1) / sum(n) as "
    "post_mean, sum(post_sum_2) / sum(n) - (sum(post_sum_1) / sum(n)) ** 2 as post_var, max(post_max) as post_max "
    "from raw.moments group by all order by all",
    "select * exclude (run) from raw.weights order by all",
    "select * exclude (run) from raw.vocabulary_sums order by all",
)


@pytest.mark.parametrize("batch_rows", [3, 65])
def test_other_batches_give_the_same_tables(study: Path, undisturbed: Path, tmp_path: Path, batch_rows: int) -> None:
    split = make_study(study.parent / f"split-{batch_rows}.toml", MEASURES["exact"], batch_rows=batch_rows)
    warehouse = tmp_path / "neurons.duckdb"
    assert ingest(split, warehouse, tmp_path / "printed")().code == 0
    assert rows(warehouse, "select run from raw.runs").row(0) != rows(undisturbed, "select run from raw.runs").row(0)
    for query in _COMPARED:
        here, there = rows(warehouse, query), rows(undisturbed, query)
        keys = [name for name, kind in here.schema.items() if not kind.is_float()]
        assert here.select(keys).equals(there.select(keys))
        for column in set(here.columns) - set(keys):
            assert not (here[column].is_null() != there[column].is_null()).any(), column
            difference = (here[column] - there[column]).abs().fill_null(0.0)
            assert difference.to_numpy().max() <= 1e-6, column
    influences = [
        np.stack(rows(file, f"select influence from raw.bests order by {', '.join(_BITS)}")["influence"].to_list())
        for file in (warehouse, undisturbed)
    ]
    assert np.abs(influences[0] - influences[1]).max() < 1e-5


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_without_its_state_a_run_begins_anew(study: Path, undisturbed: Path, tmp_path: Path, harm: str) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    bomb = Bomb("ingest.recipes.passes:FusedPass.run_part", call=3)
    run = ingest(study, warehouse, tmp_path / "printed")
    assert run(bomb=bomb, settings=SAVING_OFTEN).code == -9
    (file,) = state_folder(warehouse).glob("*/*.safetensors")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    if harm == "changed":
        file.write_bytes(content)
    else:
        file.unlink()
    ended = run()
    assert ended.code == 0, ended.err
    assert "begins anew" in ended.out
    assert_same_run(warehouse, undisturbed)


def test_the_same_study_twice_at_once_is_counted_once(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    first = Forked(["ingest", study, "--warehouse", warehouse], tmp_path / "first")
    wait_for("the run's lock", lambda: next(iter(state_folder(warehouse).glob(".*.lock")), None), first.is_running)
    second = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "second")
    ended = first.end()
    assert ended.code == 0, ended.err
    # The second one may come when the first is done already, or never find a moment in which the first does not write.
    assert second.code == 0 or f"by process {first.process.pid}: " in one_line_of_refusal(second)
    assert_same_run(warehouse, undisturbed)
