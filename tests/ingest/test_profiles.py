"""Profiles of trained models against float64 numpy on every activation: features, variables, histograms, examples."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from ingest.corpus.python_syntax import NAMES
from ingest.corpus.store import Manifest, TokenRows
from tests.conftest import Ingested
from tests.ingest.by_hand import Array, ByHand, assert_close
from tests.support.tables import rows

MODEL, WIDTH, REACH = "demo-2", 512, 16
SAMPLE = 200


@pytest.fixture(scope="module")
def corpus(trained: Ingested) -> TokenRows:
    return TokenRows(trained.corpus, Manifest(**json.loads((trained.corpus / "manifest.json").read_text())))


def moved(values: NDArray[np.integer], lag: int) -> NDArray[np.integer]:
    """Each position's value `lag` positions before it, -1 where the row has none."""
    result = np.full(values.shape, -1, np.int64)
    for place in range(values.shape[1]):
        if 0 <= place - lag < values.shape[1]:
            result[:, place] = values[:, place - lag]
    return result.ravel()


def reduction(values: Array, holds: NDArray[np.bool_]) -> float:
    p = holds.mean()
    return float(1 - (p * values[holds].var() + (1 - p) * values[~holds].var()) / values.var())


def heldout(values: Array, holds: NDArray[np.bool_], half: NDArray[np.bool_]) -> float:
    scores = []
    for chosen in (half, ~half):
        there, mean = ~chosen, values[chosen].mean()
        means = [values[chosen & kind].mean() if (chosen & kind).any() else mean for kind in (holds, ~holds)]
        left = values[there] - np.where(holds[there], means[0], means[1])
        scores.append(1 - (left**2).sum() / ((values[there] - mean) ** 2).sum())
    return float(np.mean(scores))


def positions_with(trained: Ingested, corpus: TokenRows, feature: str, kind: str, lag: int) -> NDArray[np.bool_]:
    if kind == "subset":
        documents = corpus.document_table()["subset"].to_numpy()
        of_position = np.asarray(corpus.documents)
        names = np.where(of_position >= 0, documents[np.maximum(of_position, 0)], "")
        return np.asarray(names.ravel() == feature.removeprefix("subset_"))
    having = rows(
        trained.warehouse, "select token_id from raw.token_features where feature = $feature", feature=feature
    )
    return np.isin(moved(np.asarray(corpus.ids), lag), having["token_id"].to_numpy())


def test_variance_reductions_on_all_documents_and_held_out(
    trained: Ingested, by_hand: ByHand, corpus: TokenRows
) -> None:
    drawn = rows(
        trained.warehouse,
        "select * from intermediate.int_feature_scores where model = $model and feature_kind <> 'syntax' "
        "order by hash(layer, neuron, feature, lag) limit $n",
        model=MODEL, n=SAMPLE,
    )  # fmt: skip
    best = rows(
        trained.warehouse,
        "select * from intermediate.int_feature_scores where model = $model and feature_kind <> 'syntax' "
        "order by variance_reduction desc limit 50",
        model=MODEL,
    )
    half = by_hand.groups >= 8
    assert set(drawn["lag"]) == {-1, 0, 1}
    for row in pl.concat([drawn, best]).iter_rows(named=True):
        values = by_hand.post[MODEL][:, row["layer"] * WIDTH + row["neuron"]]
        holds = positions_with(trained, corpus, row["feature"], row["feature_kind"], row["lag"])
        assert row["n_true"] == holds.sum()
        assert row["variance_reduction"] == pytest.approx(reduction(values, holds), abs=1e-4)
        assert row["heldout_reduction"] == pytest.approx(heldout(values, holds, half), abs=1e-4)
        assert row["mean_true"] == pytest.approx(values[holds].mean(), abs=1e-4)


def test_syntax_is_what_python_says(trained: Ingested, corpus: TokenRows) -> None:
    counted = rows(
        trained.warehouse,
        "select feature, sum(n_true)::integer as n from raw.feature_counts "
        "inner join raw.features using (run, source, place) "
        "where feature_kind = 'syntax' and lag = 0 group by 1 order by 1",
    )  # fmt: skip
    assert corpus.syntax is not None
    for feature, n in counted.iter_rows():
        assert n == (corpus.syntax == NAMES.index(feature.removeprefix("syntax_"))).sum() > 0


def eta_squared(values: Array, classes: NDArray[np.integer]) -> Array:
    _, number = np.unique(classes, return_inverse=True)
    centred = values - values.mean(0)
    sums = np.zeros((number.max() + 1, values.shape[1]))
    np.add.at(sums, number, centred)
    between = (sums**2 / np.bincount(number)[:, None]).sum(0)
    return np.asarray(between / (centred**2).sum(0))


def test_variance_explained_by_variables(trained: Ingested, by_hand: ByHand, corpus: TokenRows) -> None:
    ids = np.asarray(corpus.ids)
    places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    subset = corpus.document_table()["subset"].rank("dense").to_numpy()
    documents = np.asarray(corpus.documents)
    assert corpus.syntax is not None
    syntax = np.asarray(corpus.syntax).ravel().astype(np.int64)
    classes = {
        "token": ids.ravel(),
        "previous_token": moved(ids, 1),
        "position": places.ravel(),
        "subset": np.where(documents >= 0, subset[np.maximum(documents, 0)], 0).ravel(),
        "syntax": syntax,
        "token_and_syntax": ids.ravel().astype(np.int64) * len(NAMES) + syntax,
    }
    for variable, of_position in classes.items():
        found = rows(
            trained.warehouse,
            "select * from marts.neuron_variables where model = $model and variable = $variable order by layer, neuron",
            model=MODEL, variable=variable,
        )  # fmt: skip
        assert found["is_complete"].all()
        assert set(found["n_values"]) == {len(np.unique(of_position))}
        assert_close(found["eta_squared"], eta_squared(by_hand.post[MODEL], of_position), 1e-4)
        assert found["mutual_information"].null_count() == (0 if variable == "position" else len(found))


def test_mutual_information_of_firing_and_position(trained: Ingested, by_hand: ByHand, corpus: TokenRows) -> None:
    found = rows(
        trained.warehouse,
        "select mutual_information as mi from marts.neuron_variables where model = $model and variable = 'position' "
        "order by layer, neuron",
        model=MODEL,
    )
    fires = (by_hand.pre[MODEL] > 0).reshape(*corpus.ids.shape, -1)
    at = fires.mean(0)
    overall = at.mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.nan_to_num(at * np.log(at / overall)) + np.nan_to_num((1 - at) * np.log((1 - at) / (1 - overall)))
    # A pre-activation next to 0 may be rounded to either side.
    assert_close(found["mi"], parts.mean(0), 2e-3)


def test_histograms_count_every_position(trained: Ingested, by_hand: ByHand) -> None:
    found = rows(
        trained.warehouse, "select * from raw.histograms where model = $model order by layer, neuron", model=MODEL
    )
    pre = by_hand.pre[MODEL]
    for neuron in range(0, len(found), 97):
        row = found.row(neuron, named=True)
        edges = row["lowest"] + row["step"] * np.arange(129)
        expected = np.histogram(pre[:, neuron], [-np.inf, *edges, np.inf])[0]
        assert sum(row["counts"]) == len(pre)
        # On an edge float32 decides.
        assert np.abs(np.array(row["counts"]) - expected).sum() <= 4


def test_examples_are_the_rows_with_the_largest_activations(
    trained: Ingested, by_hand: ByHand, corpus: TokenRows
) -> None:
    found = rows(
        trained.warehouse,
        "select * from raw.examples where model = $model and choice = 'top' order by layer, neuron", model=MODEL,
    )  # fmt: skip
    n_rows, context = corpus.ids.shape
    for neuron in range(0, len(found), 61):
        row = found.row(neuron, named=True)
        activations = by_hand.post[MODEL][:, neuron].reshape(n_rows, context)
        peaks = np.sort(activations[:, 1:].max(1))[::-1][:50]
        assert_close(np.array(row["activations"]), peaks, 1e-4)
        for sequence, place, value, window in zip(
            row["sequences"], row["positions"], row["activations"], row["windows"], strict=True
        ):
            assert activations[sequence, place] == pytest.approx(value, abs=1e-4)
            for offset, seen in zip(range(-REACH, REACH + 1), window, strict=True):
                if 0 <= place + offset < context:
                    assert seen * row["unit"] == pytest.approx(
                        activations[sequence, place + offset], abs=2 * row["unit"] + 1e-4
                    )
                else:
                    assert seen == -32768
    text = rows(trained.warehouse, "select * from raw.sequences order by sequence")
    for row in text.iter_rows(named=True):
        assert row["token_ids"] == corpus.ids[row["sequence"]].tolist()


def test_tokens_with_the_largest_means(trained: Ingested, by_hand: ByHand, corpus: TokenRows) -> None:
    found = rows(
        trained.warehouse,
        "select * from raw.mean_tokens where model = $model order by layer, neuron",
        model=MODEL,
    )
    ids = np.asarray(corpus.ids).ravel()
    counts = np.bincount(ids)
    for neuron in range(0, len(found), 301):
        row = found.row(neuron, named=True)
        means = np.bincount(ids, by_hand.post[MODEL][:, neuron]) / np.maximum(counts, 1)
        means[counts < 5] = -np.inf
        assert_close(np.array(row["means"]), np.sort(means)[::-1][:50], 1e-4)
        assert_close(means[row["token_ids"]], np.array(row["means"], dtype=np.float64), 1e-4)
        assert row["n"] == counts[row["token_ids"]].tolist()
