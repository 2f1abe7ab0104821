"""One plan, one result: in two processes, after every kind of interruption, and (nearly) for any split of the work."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.recipes.ingest import ingest
from ingest.runs import plan
from ingest.settings import state_folder
from ingest.study import read_study
from tests.support.bombs import Bomb
from tests.support.commands import Ended, Forked, forked, neurons, one_line_of_refusal, wait_for
from tests.support.small_models import CONTEXT, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import differing_rows, file_hash, rows

MODELS = ("one", "two", "three")
N_PARTS = 7
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
    "in a resumed part": Bomb("ingest.recipes.passes:FusedPass.run_part", call=2),
    "after the last part": Bomb("ingest.recipes.passes:FusedPass.close"),
    "while partners are selected": Bomb("ingest.recipes.selections:Selections._partner_rows", call=3),
    "while baselines are rotated": Bomb("ingest.measure.baseline:RotatedLayer.largest_correlation", call=5),
    "before the last write": Bomb("ingest.raw.warehouse:RawWarehouse.write"),
    "in the last transaction": Bomb("commit"),
    "before the state is deleted": Bomb("ingest.runs.state:StateFolder.delete"),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bits")
    for seed, name in enumerate(MODELS):
        save(small_gpt2(seed), folder / name)
    return _study(folder / "study.toml", batch_rows=5)


def _study(file: Path, **device: Any) -> Path:
    return write_study(
        file,
        [entry(name, file.parent / name, seed=seed, model_family="small") for seed, name in enumerate(MODELS)],
        corpus={"source": "python-stdlib", "part": "held-out", "tokens": 65 * CONTEXT, "context": CONTEXT},
        measure={"baseline": {"draws": 2}},
        device={"threads": 1, **device},
    )


@pytest.fixture(scope="module")
def undisturbed(study: Path) -> Path:
    """What the study gives when nothing happens."""
    warehouse = study.parent / "undisturbed" / "neurons.duckdb"
    ended = neurons("ingest", study, "--warehouse", warehouse)
    assert ended.code == 0, ended.err
    return warehouse


def assert_same_run(warehouse: Path, undisturbed: Path) -> None:
    assert differing_rows(warehouse, undisturbed) == {}
    (run,) = rows(warehouse, "select * from raw.runs").iter_rows(named=True)
    assert run["status"] == "finished"
    ledger = rows(warehouse, "select part, first_row, last_row from raw.parts order by part")
    assert ledger["part"].to_list() == list(range(N_PARTS)) == list(range(run["n_parts"]))
    assert ledger["first_row"].to_list() == [0, *ledger["last_row"].to_list()[:-1]]
    assert ledger["last_row"].to_list()[-1] == 65
    assert [p for p in state_folder(warehouse).rglob("*") if p.is_file()] == []


def test_a_second_process_gives_the_same_bits(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path)
    assert ended.code == 0, ended.err
    assert_same_run(warehouse, undisturbed)


def test_comparing_warehouses_finds_one_changed_bit(undisturbed: Path, tmp_path: Path) -> None:
    changed = tmp_path / "neurons.duckdb"
    changed.write_bytes(undisturbed.read_bytes())
    with duckdb.connect(changed) as connection:
        connection.execute(
            "update raw.baselines set max_corr = max_corr * (1 + 2e-7::float) "
            "where model = 'one' and layer = 0 and neuron = 0 and other_model = 'two' and other_layer = 0 and draw = 0"
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
    for moment, bomb in MOMENTS.items():
        killed = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed", bomb=bomb)
        assert killed.code == -9, f"{moment}: {killed}"
    last = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed")
    assert last.code == 0, last.err
    assert_same_run(warehouse, undisturbed)


def test_sigkill_from_outside_ends_in_the_same_bits(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    running = Forked(["ingest", study, "--warehouse", warehouse], tmp_path / "printed")
    state = state_folder(warehouse)
    wait_for("the state after a part", lambda: list(state.rglob("part-0000[1-9].*")), running.is_running)
    killed = running.kill()
    assert killed.code == -9
    ended = neurons("ingest", study, "--warehouse", warehouse)
    assert ended.code == 0, ended.err
    assert_same_run(warehouse, undisturbed)


@pytest.mark.slow
def test_killed_ten_times_at_random(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    moments = random.Random(11)
    kills = 0
    while kills < 10:
        bomb = Bomb("ingest.measure.correlation:CrossMoments.update", call=moments.randint(1, 3))
        if moments.random() < 0.5:
            bomb = Bomb("ingest.measure.baseline:RotatedLayer.largest_correlation", call=moments.randint(1, 24))
        ended: Ended = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed", bomb=bomb)
        kills += ended.code == -9
        if ended.code == 0:
            warehouse.unlink()
    assert forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed").code == 0
    assert_same_run(warehouse, undisturbed)


@pytest.mark.parametrize(("batch_rows", "n_parts"), [(16, 8), (3, 2), (65, 1)])
def test_another_split_of_the_work_gives_the_same_tables(
    study: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_rows: int, n_parts: int
) -> None:
    monkeypatch.setattr(plan, "_PARTS", n_parts)
    split = _study(study.parent / f"split-{batch_rows}.toml", batch_rows=batch_rows)
    warehouse = tmp_path / "neurons.duckdb"
    ingest(read_study(split), warehouse, lambda _line: None)
    assert len(rows(warehouse, "select * from raw.parts")) != N_PARTS
    for query in _COMPARED:
        here, there = rows(warehouse, query), rows(undisturbed, query)
        keys = [name for name, kind in here.schema.items() if not kind.is_float()]
        assert here.select(keys).equals(there.select(keys))
        for column in set(here.columns) - set(keys):
            assert not (here[column].is_null() != there[column].is_null()).any(), column
            difference = (here[column] - there[column]).abs().fill_null(0.0)
            assert difference.to_numpy().max() <= 1e-6, column


_COMPARED = (
    "select model, layer, neuron, other_model, other_layer, max_corr, min_corr from raw.layer_bests order by all",
    "select model, layer, neuron, other_model, other_layer, draw, max_corr from raw.baselines order by all",
    "select model, layer, neuron, other_model, side, rank, corr from raw.partners order by all",
    "select model, layer, neuron, stratum, sum(n) as n, sum(n_positive) as n_positive, "
    "any_value(pre_shift) + sum(pre_sum_1) / sum(n) as pre_mean, any_value(post_shift) + sum(post_sum_1) / sum(n) as "
    "post_mean, sum(post_sum_2) / sum(n) - (sum(post_sum_1) / sum(n)) ** 2 as post_var, max(post_max) as post_max "
    "from raw.moments group by all order by all",
    "select * exclude (run) from raw.weights order by all",
    "select * exclude (run) from raw.vocabulary_sums order by all",
)


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_without_its_state_a_run_begins_anew(study: Path, undisturbed: Path, tmp_path: Path, harm: str) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    bomb = Bomb("ingest.recipes.passes:FusedPass.run_part", call=3)
    assert forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed", bomb=bomb).code == -9
    (file,) = state_folder(warehouse).glob("*/*.safetensors")
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    if harm == "changed":
        file.write_bytes(content)
    else:
        file.unlink()
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed")
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
    # The second one may come when the first is done already.
    assert second.code == 0 or "being measured by process" in one_line_of_refusal(second)
    assert_same_run(warehouse, undisturbed)
