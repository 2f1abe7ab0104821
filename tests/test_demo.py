"""The demo: the shipped models, and what `neurons demo` says of them."""

import json
from pathlib import Path

import duckdb
import pytest

from tests.conftest import DEMO_MODELS
from tests.support.commands import neurons

STEPS = ("step-0007812", "step-0009765", "step-0012207")


def test_fifteen_models_are_shipped_in_35_megabytes() -> None:
    folders = sorted(path.relative_to(DEMO_MODELS).as_posix() for path in DEMO_MODELS.glob("demo-*/step-*"))
    assert folders == [f"demo-{seed}/{step}" for seed in range(1, 6) for step in STEPS]
    assert sum(file.stat().st_size for file in DEMO_MODELS.rglob("*") if file.is_file()) <= 35e6


def test_the_shipped_models_are_what_the_study_says() -> None:
    for folder in DEMO_MODELS.glob("demo-*/step-*"):
        config = json.loads((folder / "config.json").read_text())
        shape = {key: config[key] for key in ("n_layer", "n_embd", "n_head", "n_positions", "vocab_size", "dtype")}
        assert shape == {
            "n_layer": 4,
            "n_embd": 128,
            "n_head": 4,
            "n_positions": 128,
            "vocab_size": 2048,
            "dtype": "float16",
        }


def test_the_rate_runs_through_two_cycles() -> None:
    from ingest.recipes.train_demo import WARM_UP_STEPS, learning_rate

    rates = [learning_rate(step, 1000) for step in range(1000)]
    assert rates[0] == 1 / WARM_UP_STEPS
    assert rates[WARM_UP_STEPS:400] == [1.0] * (400 - WARM_UP_STEPS)
    assert rates[600] == 0.5
    assert rates[799] == pytest.approx(1 / 400)
    assert rates[800] == 0.5
    assert rates[999] == pytest.approx(0.5 / 200)


@pytest.mark.slow
def test_the_demo_ends_with_a_share_of_universal_neurons(tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    done = neurons("demo", "--warehouse", warehouse, deadline_s=900)
    assert done.code == 0, done.err
    with duckdb.connect(str(warehouse), read_only=True) as con:
        shares = dict(con.execute("select model, pct_universal from marts.universality").fetchall())
    assert sorted(shares) == [f"demo-{seed}" for seed in range(1, 6)]
    assert sum(shares.values()) / 5 >= 1.0
    assert min(shares.values()) >= 0.5
    for model in shares:
        assert model in done.out
