"""A run's id says what decides its bits; a state file is believed only with its checksum."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ingest.errors import WarehouseBusy
from ingest.names import GROUPS
from ingest.runs.plan import Method, Plan, PlannedModel, PlannedPopulation, PlannedSimulation, groups_hash, parts
from ingest.runs.state import StateFolder

MODELS = tuple(PlannedModel(name, "family", seed, None, f"hash-{name}") for seed, name in enumerate("ab"))
POPULATIONS = tuple(PlannedPopulation(model, "mlp", 2, 8) for model in (0, 1))
SIMULATION = PlannedSimulation(0.5, 0.1, 0)
METHOD = Method("refined", buckets=256, sketch_seed=0, pilot_tokens=64, max_candidates=4)
PLAN = Plan(
    models=MODELS, populations=POPULATIONS, pairs=((0, 1),), depth_window=0.5, moments=True, tokens_fingerprint="f",
    groups_hash="g", tokenizer_hash="t", bucket_starts=(0, 9), rounds=(20,), context=8, place_rows=4, batch_rows=3,
    features="x", profile_rows=20,
    dtype="float32", operand="float32", device="cpu", threads=1, method=METHOD, tiles_per_pass=(2, 1), draws=2,
    baseline_seed=0, floors=("shift",), halves=False, arithmetic=2, torch_version="1", transformers_version="1",
)  # fmt: skip


def test_everything_in_a_plan_changes_the_run() -> None:
    others: dict[str, Any] = {
        "models": MODELS[::-1], "populations": POPULATIONS[::-1], "pairs": (), "depth_window": None, "moments": False,
        "bucket_starts": (0, 8), "rounds": (10, 20), "method": None, "floors": ("noise",), "halves": True,
        "tiles_per_pass": (1, 2), "parent": "p", "simulation": SIMULATION,
    }  # fmt: skip
    runs = {PLAN.run}
    for field in fields(PLAN):
        old = getattr(PLAN, field.name)
        if field.name not in others:
            others[field.name] = old + (1 if isinstance(old, int) else "x")
        runs.add(replace(PLAN, **{field.name: others[field.name]}).run)
    for field in fields(METHOD):
        old = getattr(METHOD, field.name)
        other: dict[str, Any] = {field.name: "sketch" if isinstance(old, str) else old + 1}
        runs.add(replace(PLAN, method=replace(METHOD, **other)).run)
    changes: dict[str, Any] = {"model": 1, "site": "resid", "n_layers": 3, "width": 9, "is_twin": True, "twin": 1}
    for name, value in changes.items():
        runs.add(replace(PLAN, populations=(replace(POPULATIONS[0], **{name: value}), POPULATIONS[1])).run)
    for field in fields(SIMULATION):
        more = {field.name: getattr(SIMULATION, field.name) + 1}
        runs.add(replace(PLAN, simulation=replace(SIMULATION, **more)).run)
    ways = (PLAN, METHOD, PlannedPopulation, SIMULATION)
    assert len(runs) == 1 + sum(len(fields(way)) for way in ways)
    assert replace(PLAN, rounds=(20,)).run == PLAN.run
    assert (PLAN.n_passes, PLAN.n_rows) == (2, 20)


def test_parts_hold_every_row_once_group_by_group_within_their_round() -> None:
    groups = np.random.default_rng(1).integers(0, GROUPS, 300).astype(np.uint8)
    groups[groups == 5] = 6
    found = parts((100, 104, 300), groups)
    assert sorted(row for part in found for row in part.rows.tolist()) == list(range(300))
    assert all((groups[part.rows] == part.group).all() for part in found)
    rounds = [int(np.searchsorted([99, 103, 299], part.rows[0])) for part in found]
    order = [(number, part.group) for number, part in zip(rounds, found, strict=True)]
    assert order == sorted(set(order))
    for number, part in zip(rounds, found, strict=True):
        assert ((0, 100, 104)[number] <= part.rows).all()
        assert (part.rows < (100, 104, 300)[number]).all()
        assert (np.diff(part.rows) > 0).all()
    assert 5 not in [part.group for part in found]


def test_the_first_round_is_as_it_was_when_more_rows_follow() -> None:
    groups = np.arange(60, dtype=np.uint8) % GROUPS
    short, long = parts((32,), groups[:32]), parts((32, 60), groups)
    for one, other in zip(short, long, strict=False):
        assert np.array_equal(one.rows, other.rows)
    assert len(short) == GROUPS
    assert len(long) == 2 * GROUPS


def test_a_run_without_text_has_no_parts() -> None:
    assert parts((), np.zeros(0, np.uint8)) == []


def test_the_hash_of_groups_sees_one_changed_row() -> None:
    groups = np.arange(40, dtype=np.uint8) % GROUPS
    changed = groups.copy()
    changed[7] += 1
    assert groups_hash(groups) == groups_hash(groups.copy()) != groups_hash(changed)


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "run")
    tensors = {
        "a": torch.randn(3, 4), "b": torch.tensor(5), "c": torch.full((2,), torch.inf, dtype=torch.float64),
        "turned": torch.randn(4, 3).T,
    }  # fmt: skip
    name, digest = state.write("pass-0-part-00002", tensors)
    found = state.open(name, digest)
    assert found is not None
    assert all(torch.equal(tensors[key], found.tensor(key)) for key in tensors)
    assert sorted(found.names()) == sorted(tensors)
    state.write("pass-0-part-00003", tensors)
    state.keep_only(name)
    assert [file.name for file in state.folder.iterdir()] == [name]
    state.delete()
    assert not state.folder.exists()


def test_a_state_is_kept_as_long_as_it_is_small_enough(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "run")
    state.trim(0.0)
    name, _ = state.write("part", {"a": torch.zeros(1000)})
    size = (state.folder / name).stat().st_size
    state.trim(1.01e-9 * size)
    assert (state.folder / name).exists()
    state.trim(0.99e-9 * size)
    assert not state.folder.exists()


def test_a_state_of_other_bytes_is_not_believed(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    name, digest = state.write("part", {"a": torch.zeros(4)})
    state.write("part", {"a": torch.ones(4)})
    assert state.open(name, digest) is None
    assert state.open("another.safetensors", digest) is None


def test_a_run_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    mine, other = StateFolder(tmp_path / "run"), StateFolder(tmp_path / "run")
    with mine.lock():
        with pytest.raises(WarehouseBusy, match=rf"process {os.getpid()}"), other.lock():
            pass
        with StateFolder(tmp_path / "another").lock():
            pass
    with other.lock():
        pass
    assert list(tmp_path.iterdir()) == []
