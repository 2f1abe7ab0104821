"""What trained neurons write to the vocabulary, against float64 numpy on the plain model's own weights."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest

from ingest.corpus.store import Manifest, TokenRows
from tests.conftest import Ingested
from tests.ingest.by_hand import Array, ByHand, cosines
from tests.support.tables import rows

MODEL, OTHER, WIDTH, SAMPLE = "demo-2", "demo-3", 512, 200


@pytest.fixture(scope="module")
def effects(by_hand: ByHand) -> dict[str, Array]:
    """cos(W_U, w_out) of every neuron and token of two models, (neurons, tokens)."""
    found = {}
    for name in (MODEL, OTHER):
        model = by_hand.models[name]
        found[name] = cosines(np.concatenate([layer.w_out for layer in model.folded]), model.unembedding.T).T
    return found


@pytest.fixture(scope="module")
def log_counts(trained: Ingested, effects: dict[str, Array]) -> Array:
    rows_ = TokenRows(trained.corpus, Manifest(**json.loads((trained.corpus / "manifest.json").read_text())))
    counts = np.bincount(np.asarray(rows_.ids).ravel(), minlength=effects[MODEL].shape[1])
    return np.asarray(np.log(np.maximum(counts, 0.5)))


def test_variance_that_features_of_tokens_take_away(trained: Ingested, effects: dict[str, Array]) -> None:
    drawn = rows(
        trained.warehouse,
        "select * from intermediate.int_output_scores where model = $model "
        "order by hash(layer, neuron, feature) limit $n",
        model=MODEL, n=SAMPLE,
    )  # fmt: skip
    best = rows(trained.warehouse, "from marts.neuron_features where side = 'output' and model = $model", model=MODEL)
    for row in [*drawn.iter_rows(named=True), *best.head(100).iter_rows(named=True)]:
        ids = rows(trained.warehouse, "select token_id from raw.token_features where feature = $f", f=row["feature"])
        values = effects[MODEL][row["layer"] * WIDTH + row["neuron"]]
        holds = np.isin(np.arange(len(values)), ids["token_id"].to_numpy())
        p = holds.mean()
        expected = 1 - (p * values[holds].var() + (1 - p) * values[~holds].var()) / values.var()
        assert row["n_true"] == holds.sum()
        assert row["variance_reduction"] == pytest.approx(expected, abs=1e-4)
        assert row["mean_true"] == pytest.approx(values[holds].mean(), abs=1e-5)


def test_correlation_with_the_frequency_of_tokens(
    trained: Ingested, effects: dict[str, Array], log_counts: Array
) -> None:
    found = rows(
        trained.warehouse, "select frequency_corr from marts.neurons where model = $m order by layer, neuron", m=MODEL
    )
    expected = np.array([np.corrcoef(values, log_counts)[0, 1] for values in effects[MODEL]])
    assert found["frequency_corr"].to_numpy() == pytest.approx(expected, abs=1e-4)


def test_matched_neurons_and_random_pairs(trained: Ingested, effects: dict[str, Array], log_counts: Array) -> None:
    found = rows(
        trained.warehouse,
        "from marts.neuron_partners where model = $m and other_model = $o and max_corr > 0 order by layer, neuron",
        m=MODEL, o=OTHER,
    )  # fmt: skip
    constant = np.ones(len(log_counts))
    for prefix, without in (("", constant[:, None]), ("free_", np.stack([constant, log_counts], 1))):
        left, right = (_residual(effects[name], without) for name in (MODEL, OTHER))
        for row in found.sample(SAMPLE, seed=0).iter_rows(named=True):
            i, j = row["layer"] * WIDTH + row["neuron"], row["other_layer"] * WIDTH + row["other_neuron"]
            assert row[f"{prefix}effect_corr"] == pytest.approx(float(left[i] @ right[j]), abs=1e-4)
        for layer, other in product((0, 3), (1, 3)):
            blocks = left[layer * WIDTH : (layer + 1) * WIDTH] @ right[other * WIDTH : (other + 1) * WIDTH].T
            mine = found.filter(layer=layer, other_layer=other)
            assert len(mine) > 0
            assert mine[f"random_{prefix}effect_corr"].to_numpy() == pytest.approx(blocks.mean(), abs=1e-4)
            assert mine[f"random_{prefix}effect_sd"].to_numpy() == pytest.approx(blocks.std(), abs=1e-4)


def _residual(effects: Array, without: Array) -> Array:
    left = effects - (without @ np.linalg.lstsq(without, effects.T, rcond=None)[0]).T
    return np.asarray(left / np.linalg.norm(left, axis=1, keepdims=True))


@pytest.mark.parametrize("effect", ["logit", "out", "in"])
def test_histograms_over_the_vocabulary(trained: Ingested, by_hand: ByHand, effect: str) -> None:
    model = by_hand.models[MODEL]
    found = rows(
        trained.warehouse,
        "from marts.neuron_vocabulary_histograms where model = $m and effect = $e order by layer, neuron",
        m=MODEL, e=effect,
    )  # fmt: skip
    assert len(found) == 4 * WIDTH
    for index in range(0, len(found), 97):
        row = found.row(index, named=True)
        folded = model.folded[row["layer"]]
        w_out, w_in = folded.w_out[row["neuron"]][None], folded.w_in[:, row["neuron"]][None]
        direction, tokens = (w_in, model.embedding) if effect == "in" else (w_out, model.unembedding.T)
        values = (tokens @ direction.T if effect == "logit" else cosines(direction, tokens)).ravel()
        counted = np.array([row["n_below"], *row["bin_counts"], row["n_above"]])
        expected = np.histogram(values, np.concatenate([[-np.inf], row["bin_edges"], [np.inf]]))[0]
        assert counted.sum() == len(values)
        # A token on an edge may fall on either side of it in float32.
        assert np.abs(np.cumsum(counted - expected)).max() <= 2
