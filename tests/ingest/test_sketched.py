"""A run that only sketches: what is read from the sketches is near the truth, by as much as the formula says."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ingest.corpus.store import Manifest, TokenRows
from ingest.measure.baseline import rotation
from tests.ingest.by_hand import Array, PlainGPT2, correlations, jackknife_variance, kinds_of_positions, standardised
from tests.support.commands import forked
from tests.support.small_models import CONTEXT, demo_folder, related_gpt2, save
from tests.support.studies import entry, write_study
from tests.support.tables import rows
from tests.support.texts import write_texts

BUCKETS, ROWS, WIDTH, SEED = 2048, 400, 64, 3
# Standard deviations of one sketch, and of the mean of two. Neurons of so narrow a model share their errors, so that a
# mean over many of them has not much less.
ONE, BOTH = (1 / BUCKETS) ** 0.5, (0.5 / BUCKETS) ** 0.5
MODELS = ("a", "b", "c")
PAIRS = list(permutations(MODELS, 2))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sketched")
    for seed, name in enumerate(MODELS):
        save(related_gpt2(seed + 1), folder / name)
    study = write_study(
        folder / "study.toml",
        [entry(name, name, model_family="small", seed=seed) for seed, name in enumerate(MODELS)],
        corpus=write_texts(folder) | {"tokens": ROWS * CONTEXT, "context": CONTEXT},
        measure={
            "correlation": "sketch", "sketch": {"buckets": BUCKETS, "seed": 5}, "validation": ["split-half"],
            "baseline": {"draws": 2, "seed": SEED},
        },
        device={"threads": 1, "batch_rows": 8},
    )  # fmt: skip
    ended = forked("ingest", study, "--warehouse", folder / "home" / "neurons.duckdb", scratch=folder)
    assert ended.code == 0, ended.err
    return folder / "home" / "neurons.duckdb"


class Text:
    """Post-activations on the positions of stratum text."""

    def __init__(self, warehouse: Path) -> None:
        (corpus,) = (warehouse.parent / "corpora").iterdir()
        stored = TokenRows(corpus, Manifest(**json.loads((corpus / "manifest.json").read_text())))
        ids = np.asarray(stored.ids)
        is_text = kinds_of_positions(ids, demo_folder(1) / "tokenizer.json") == "text"
        self.groups = np.repeat(stored.groups, CONTEXT)[is_text]
        folder = warehouse.parent.parent
        self.of = {name: PlainGPT2(folder / name).activations(ids, ["mlp"])["mlp"][is_text] for name in MODELS}


@pytest.fixture(scope="module")
def text(warehouse: Path) -> Text:
    return Text(warehouse)


def of(warehouse: Path, table: str, pair: tuple[str, str], also: str = "true") -> pl.DataFrame:
    query = f"select * from raw.{table} where model = $a and other_model = $b and {also} order by layer, neuron"
    return rows(warehouse, query, a=pair[0], b=pair[1])


def errors(
    warehouse: Path, text: Text, table: str, column: str, expect: dict[tuple[str, str], Array], also: str
) -> Array:
    found = [of(warehouse, table, pair, also)[column].to_numpy() - expect[pair] for pair in PAIRS]
    return np.concatenate(found)


def test_the_best_correlations_are_near_the_truth(warehouse: Path, text: Text) -> None:
    corr = {pair: correlations(text.of[pair[0]], text.of[pair[1]]) for pair in PAIRS}
    best, worst = ({pair: take(c, 1) for pair, c in corr.items()} for take in (np.max, np.min))
    for column, expected in (("max_corr", best), ("min_corr", worst)):
        error = errors(warehouse, text, "bests", column, expected, "true")
        assert abs(error.mean()) < 0.6 * ONE
        assert error.std() < 1.3 * ONE
        assert np.abs(error).max() < 6 * ONE
    everything = np.concatenate(list(best.values()))
    # The truths are of every size, and the partner named is as good as the best up to noise.
    assert np.quantile(everything, 0.9) - np.quantile(everything, 0.1) > 0.3
    for pair in PAIRS:
        found = of(warehouse, "bests", pair)
        named = corr[pair][np.arange(2 * WIDTH), found["other_layer"].cast(pl.Int64) * WIDTH + found["other_neuron"]]
        assert (best[pair] - named).max() < 6 * ONE


def test_partners_are_biased_outwards_by_no_more_than_their_noise(warehouse: Path, text: Text) -> None:
    for pair in PAIRS:
        corr = correlations(text.of[pair[0]], text.of[pair[1]])
        for side, sign in (("top", 1), ("bottom", -1)):
            found = of(warehouse, "partners", pair, f"side = '{side}'")
            own = (found["layer"].cast(pl.Int64) * WIDTH + found["neuron"]).to_numpy()
            partner = (found["other_layer"].cast(pl.Int64) * WIDTH + found["other_neuron"]).to_numpy()
            outwards = sign * (found["corr"].to_numpy() - corr[own, partner])
            assert -BOTH < outwards.mean() < 2 * BOTH
            assert 0.1 * BOTH < outwards.std() < 1.5 * BOTH


def test_probes_tell_the_error_of_the_formula(warehouse: Path, text: Text) -> None:
    probes = rows(warehouse, "select * from raw.probes")
    assert {tuple(sorted(pair)) for pair in zip(probes["model"], probes["other_model"], strict=True)} == {
        ("a", "b"), ("a", "c"), ("b", "c"),
    }  # fmt: skip
    for probe in probes.iter_rows(named=True):
        x, y = (standardised(text.of[probe[side]]) for side in ("model", "other_model"))
        formula = (1 + (x.T @ y) ** 2 - 2 * (x * x).T @ (y * y)) / (2 * BUCKETS)
        assert probe["sd"] == pytest.approx(np.sqrt(formula.mean()), rel=0.35)
        assert abs(probe["bias"]) < 0.5 * probe["sd"]
        assert probe["max_error"] < 6 * probe["sd"]


def test_baselines_are_near_those_of_rotated_activations(warehouse: Path, text: Text) -> None:
    for draw in range(2):
        expected = {}
        for pair in PAIRS:
            layers = np.split(text.of[pair[1]], 2, axis=1)
            turned = [x @ rotation(WIDTH, seed=SEED, draw=draw, layer=k).numpy().T for k, x in enumerate(layers)]
            expected[pair] = correlations(text.of[pair[0]], np.concatenate(turned, 1)).max(1)
        error = errors(warehouse, text, "baselines", "max_corr", expected, f"kind = 'rotation' and draw = {draw}")
        assert abs(error.mean()) < 0.6 * ONE
        assert error.std() < 1.3 * ONE


@pytest.mark.parametrize("groups", [(0, 2), (0, 8), (8, 16)])
def test_bests_over_some_groups_are_near_those_of_their_positions(
    warehouse: Path, text: Text, groups: tuple[int, int]
) -> None:
    here = (text.groups >= groups[0]) & (text.groups < groups[1])
    # The groups' own buckets: fewer, so more noise.
    sd = ONE * (16 / (groups[1] - groups[0])) ** 0.5
    expected = {pair: correlations(*(text.of[name][here] for name in pair)).max(1) for pair in PAIRS}
    also = f"first_group = {groups[0]} and last_group = {groups[1]}"
    error = errors(warehouse, text, "partial_bests", "max_corr", expected, also)
    assert abs(error.mean()) < 0.6 * sd
    assert error.std() < 1.3 * sd


def test_standard_errors_are_those_of_documents_and_sketches_together(warehouse: Path, text: Text) -> None:
    ratio = []
    for pair in PAIRS:
        found = of(warehouse, "bests", pair)
        assert set(found["n_groups"]) == {16}
        partner = found["other_layer"].cast(pl.Int64) * WIDTH + found["other_neuron"]
        x, y = text.of[pair[0]], text.of[pair[1]][:, partner.to_numpy()]
        variance = (found["influence"].to_numpy().astype(np.float64) ** 2).sum(1)
        # Fisher's z stretches an error of a correlation by 1 / (1 - corr^2).
        corr = (standardised(x) * standardised(y)).sum(0)
        of_sketch = BOTH**2 * (1 + corr**2) / (1 - corr**2) ** 2
        ratio.append(variance / (jackknife_variance(x, y, text.groups) + of_sketch))
    assert 0.6 < np.median(np.concatenate(ratio)) < 1.6
