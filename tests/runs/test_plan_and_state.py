"""A run's id says what decides its bits; a state file is believed only with its checksum."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ingest.errors import InputError, WarehouseBusy
from ingest.runs.memory import needed_memory, refuse_too_large
from ingest.runs.plan import Plan, PlannedModel, part_rows
from ingest.runs.state import StateFolder

MODELS = tuple(PlannedModel(name, "family", seed, None, f"hash-{name}") for seed, name in enumerate("ab"))
PLAN = Plan(
    models=MODELS, pairs=((0, 1),), moments=True, tokens_fingerprint="f", tokenizer_hash="t", n_rows=20, context=8,
    pilot_rows=4, batch_rows=3, part_rows=6, dtype="float32", device="cpu", threads=1, draws=2, baseline_seed=0,
    arithmetic=1, torch_version="1", transformers_version="1",
)  # fmt: skip


def test_everything_in_a_plan_changes_the_run() -> None:
    others = {
        "models": MODELS[::-1], "pairs": (), "moments": False, "tokens_fingerprint": "g", "tokenizer_hash": "u",
        "dtype": "bfloat16", "device": "cuda", "torch_version": "2", "transformers_version": "2",
    }  # fmt: skip
    runs = {PLAN.run}
    for field in fields(PLAN):
        old = getattr(PLAN, field.name)
        changed: Any = {field.name: others.get(field.name, old + 1 if isinstance(old, int) else None)}
        runs.add(replace(PLAN, **changed).run)
    assert len(runs) == 1 + len(fields(PLAN))
    assert replace(PLAN, n_rows=20).run == PLAN.run


def test_parts_cover_every_row_once() -> None:
    assert PLAN.parts == [(0, 6), (6, 12), (12, 18), (18, 20)]
    assert replace(PLAN, n_rows=0).parts == []


@pytest.mark.parametrize(("n_rows", "batch_rows"), [(1, 1), (7, 3), (80, 10), (81, 10), (1000, 1), (5, 100)])
def test_parts_are_whole_batches_and_about_eight(n_rows: int, batch_rows: int) -> None:
    size = part_rows(n_rows, batch_rows)
    assert size % batch_rows == 0
    assert 1 <= -(-n_rows // size) <= 8


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "run")
    tensors = {"a": torch.randn(3, 4), "b": torch.tensor(5), "c": torch.full((2,), torch.inf, dtype=torch.float64)}
    name, digest = state.write(2, tensors)
    found = state.open(name, digest)
    assert found is not None
    assert all(torch.equal(tensors[key], found.tensor(key)) for key in tensors)
    assert sorted(found.names()) == sorted(tensors)
    state.write(3, tensors)
    state.keep_only(name)
    assert [file.name for file in state.folder.iterdir()] == [name]
    state.delete()
    assert not state.folder.exists()


def test_a_state_of_other_bytes_is_not_believed(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    name, digest = state.write(0, {"a": torch.zeros(4)})
    state.write(0, {"a": torch.ones(4)})
    assert state.open(name, digest) is None
    assert state.open("part-00009.safetensors", digest) is None


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


def test_a_run_that_does_not_fit_is_refused() -> None:
    needed = needed_memory([(0, 1)], [(1000, 500), (2000, 500)])
    assert needed >= 4 * (1000 * 2000 + 1000 * 500 + 2000 * 500)
    refuse_too_large(needed, limit_gb=1.01 * needed / 1e9, device="cpu")
    with pytest.raises(InputError, match="memory allows"):
        refuse_too_large(needed, limit_gb=0.5 * needed / 1e9, device="cpu")
    refuse_too_large(needed, limit_gb=None, device="cpu")
    with pytest.raises(InputError, match="are free"):
        refuse_too_large(10**18, limit_gb=None, device="cpu")
