"""Truths that were planted in the input, found again in the warehouse, through the real command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from transformers import GPT2LMHeadModel

from tests.support.commands import forked
from tests.support.small_models import demo_folder, random_twin, save
from tests.support.studies import STDLIB, entry, write_study
from tests.support.tables import not_finite, rows

pytestmark = pytest.mark.slow

CONSTANT = (1, 17)
THRESHOLD = 0.5


@pytest.fixture(scope="module")
def permutations() -> NDArray[np.int64]:
    """For each layer the neuron of the trained model that stands at each place of the permuted copy."""
    draw = np.random.default_rng(5)
    return np.stack([draw.permutation(512) for _ in range(4)])


@pytest.fixture(scope="module")
def planted(permutations: NDArray[np.int64], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One warehouse with three pairs of models: a trained model and its permuted copy, twin, and spoiled copy."""
    folder = tmp_path_factory.mktemp("planted")
    trained = demo_folder(1)
    save(_permuted(trained, permutations), folder / "permuted")
    save(random_twin(trained, seed=3), folder / "twin")
    save(_with_a_constant(trained), folder / "constant")
    study = write_study(
        folder / "study.toml",
        # Only models of one family are compared, so that every pair stands alone.
        [
            entry("original", trained, model_family="copies", seed=1),
            entry("permuted", "permuted", model_family="copies", seed=2),
            entry("learned", trained, model_family="twins", seed=1),
            entry("random", "twin", model_family="twins", seed=2),
            entry("sound", trained, model_family="spoiled", seed=1),
            entry("constant", "constant", model_family="spoiled", seed=2),
        ],
        corpus=STDLIB | {"tokens": 4096},
        measure={"baseline": {"draws": 1}, "features": False},
    )
    warehouse = folder / "warehouse" / "neurons.duckdb"
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=folder)
    assert ended.code == 0, ended.err
    built = forked("build", "--warehouse", warehouse, scratch=folder)
    assert built.code == 0, built.out + built.err
    return warehouse


def test_a_permuted_copy_is_matched_exactly(planted: Path, permutations: NDArray[np.int64]) -> None:
    best = rows(
        planted,
        "select * from marts.neuron_partners where model = 'permuted' and other_model = 'original' "
        "order by layer, neuron",
    )
    alive = rows(planted, "select is_dead from marts.neurons where model = 'permuted' order by layer, neuron")
    best = best.with_columns(is_dead=alive["is_dead"], planted=pl.Series(permutations.reshape(-1)))
    living = best.filter(~pl.col("is_dead"))
    assert len(best) == 2048
    assert len(living) > 2000
    assert living["max_corr"].min() >= 0.9999  # type: ignore[operator]
    assert (living["other_layer"] == living["layer"]).all()
    assert (living["other_neuron"] == living["planted"]).all()
    assert living["is_mutual"].all()


def test_a_copy_is_universal_exactly_where_its_baseline_leaves_room(planted: Path) -> None:
    both = rows(planted, "select * from marts.neurons where model in ('original', 'permuted') and not is_dead")
    # A neuron that holds much of its layer's variance correlates with rotated directions by itself.
    expected = 1.0 - both["mean_baseline"] > THRESHOLD
    near = (1.0 - both["mean_baseline"] - THRESHOLD).abs() < 1e-4
    assert (both["is_universal"] == expected).filter(~near).all()
    assert both["is_universal"].any()


def test_a_random_twin_has_no_universal_neuron(planted: Path) -> None:
    found = rows(planted, "select * from marts.universality where model in ('learned', 'random')")
    assert len(found) == 2
    assert found["n_universal"].to_list() == [0, 0]
    assert found["n_neurons"].to_list() == [2048, 2048]


def test_a_constant_neuron_is_dead_everywhere(planted: Path) -> None:
    layer, neuron = CONSTANT
    place = {"layer": layer, "neuron": neuron}
    here = "layer = $layer and neuron = $neuron"
    (found,) = rows(planted, f"select * from marts.neurons where model = 'constant' and {here}", **place).iter_rows(
        named=True
    )
    assert found["is_dead"]
    assert found["is_universal"] is False
    for column in ("max_corr", "mean_corr", "min_corr", "mean_baseline", "excess_corr"):
        assert found[column] == 0.0, column
    assert found["skew"] is None
    assert found["kurt"] is None
    assert found["var"] == 0.0
    for table in ("raw.partners", "raw.bests", "raw.baselines", "marts.neuron_percentiles"):
        assert rows(planted, f"select 1 from {table} where model = 'constant' and {here}", **place).is_empty(), table
    sound = rows(planted, f"select is_dead from marts.neurons where model = 'sound' and {here}", **place)
    assert sound["is_dead"].to_list() == [False]


def test_a_constant_neuron_is_nobodys_partner(planted: Path) -> None:
    layer, neuron = CONSTANT
    for table, kind in (
        ("raw.partners", "other"), ("raw.bests", "other"), ("raw.bests", "min"), ("marts.neuron_partners", "other"),
        ("marts.neuron_matches", "other"),
    ):  # fmt: skip
        query = f"select {kind}_neuron as partner from {table} where model = 'sound' and {kind}_layer = $layer"
        partners = rows(planted, query, layer=layer)["partner"]
        assert partners.n_unique() > 10, table
        assert neuron not in partners.to_list(), table


def test_nothing_in_the_warehouse_is_nan_or_infinite(planted: Path) -> None:
    assert not_finite(planted) == []


def _permuted(folder: Path, permutations: NDArray[np.int64]) -> GPT2LMHeadModel:
    network = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        for mlp, order in zip(_mlps(network), torch.from_numpy(permutations), strict=True):
            mlp.c_fc.weight.copy_(mlp.c_fc.weight[:, order])
            mlp.c_fc.bias.copy_(mlp.c_fc.bias[order])
            mlp.c_proj.weight.copy_(mlp.c_proj.weight[order])
    return network


def _with_a_constant(folder: Path) -> GPT2LMHeadModel:
    network = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    layer, neuron = CONSTANT
    with torch.no_grad():
        _mlps(network)[layer].c_fc.weight[:, neuron] = 0.0
    return network


def _mlps(network: Any) -> list[Any]:
    return [layer.mlp for layer in network.transformer.h]
