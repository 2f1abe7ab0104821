"""How well weights and moments predict universality: naive Bayes anew, neuron by neuron, and its AUC pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import percentileofscore

from tests.models.activations import Array
from tests.models.harness import ROOT, records

Con = duckdb.DuckDBPyConnection
Key = tuple[str, int, int]
MOMENTS = {"mean", "var", "skew", "kurt", "sparsity", "post_mean", "post_var", "post_kurt"}
# Of the numbers in `neurons`, those that rest on other models, and the kurtosis of the post-activation upside down.
NOT_ITS_OWN = {
    f"{which}_{what}" for which in ("max", "mean", "min") for what in ("corr", "baseline")
} | {"excess_corr", "support"}  # fmt: skip
Z = 1.959964


@dataclass(frozen=True)
class Labelled:
    """Living neurons whose universality is known, and what their models are.

    Attributes:
        neurons: rows of `neurons`, by model, layer and neuron.
        models: family, seed and step of each model.
        properties: what may predict, weights first.
    """

    neurons: dict[Key, dict[str, Any]]
    models: dict[str, dict[str, Any]]
    properties: list[str]

    @cached_property
    def deciles(self) -> dict[tuple[Key, str], int]:
        """Of every property that a neuron has, among the living neurons of its layer."""
        found = {}
        for name in self.properties:
            layers: dict[tuple[str, int], dict[Key, float]] = {}
            for key, row in self.neurons.items():
                if row[name] is not None:
                    layers.setdefault(key[:2], {})[key] = row[name]
            for values in layers.values():
                ranks = percentileofscore(list(values.values()), list(values.values()))
                found.update({(key, name): ceil(rank / 10 - 1e-9) for key, rank in zip(values, ranks, strict=True)})
        return found

    def teachers(self, model: str) -> set[str]:
        """Other seeds of the family at the step."""
        own = self.models[model]
        known = {key[0] for key in self.neurons}
        return {
            name
            for name, other in self.models.items()
            if name in known
            and name != model
            and (other["model_family"], other["step"]) == (own["model_family"], own["step"])
            and (own["seed"] is None or other["seed"] != own["seed"])
        }

    def evidence(self, model: str, name: str) -> dict[int, float]:
        """The log odds of each decile of a property, by the other seeds; empty where they have no universal neuron."""
        teachers = self.teachers(model)
        counts = np.zeros((2, 11))
        for key, row in self.neurons.items():
            if key[0] in teachers and (key, name) in self.deciles:
                counts[int(row["is_universal"]), self.deciles[key, name]] += 1
        n_rest, n_universal = counts.sum(1)
        if not n_universal or not n_rest:
            return {}
        odds = np.log((counts[1] + 1) / (n_universal + 10)) - np.log((counts[0] + 1) / (n_rest + 10))
        return dict(enumerate(np.where(counts.sum(0) > 0, odds, 0.0)))

    def scores(self, model: str, names: list[str]) -> dict[Key, float]:
        """Sum of the log odds of every neuron of a model that has one of the properties."""
        evidence = {name: self.evidence(model, name) for name in names}
        found: dict[Key, float] = {}
        for key in self.neurons:
            parts = [
                evidence[name][self.deciles[key, name]]
                for name in names
                if key[0] == model and (key, name) in self.deciles and evidence[name]
            ]
            if parts:
                found[key] = float(sum(parts))
        return found


def placements(universal: Array, rest: Array) -> Array:
    """Of each pair of a universal neuron and another one: 1 where it scores higher, 0.5 for a tie."""
    return np.asarray((universal[:, None] > rest) + 0.5 * (universal[:, None] == rest))


def auc(universal: Array, rest: Array) -> tuple[float | None, float | None, float | None]:
    """With its interval by DeLong."""
    if not len(universal) or not len(rest):
        return None, None, None
    pairs = placements(universal, rest)
    if min(pairs.shape) < 2:
        return float(pairs.mean()), None, None
    error = np.sqrt(pairs.mean(1).var(ddof=1) / len(universal) + pairs.mean(0).var(ddof=1) / len(rest))
    return float(pairs.mean()), max(0.0, pairs.mean() - Z * error), min(1.0, pairs.mean() + Z * error)


@pytest.fixture(scope="module")
def known(con: Con) -> Labelled:
    rows = records(con, "from marts.neurons where is_universal is not null and not is_dead")
    models = {row["model"]: row for row in records(con, "select model, model_family, seed, step from marts.models")}
    ranked = records(con, "from marts.neuron_percentiles limit 1")[0]
    own = [name.removesuffix("_pct") for name in ranked if name.endswith("_pct")]
    return Labelled(
        {(row["model"], row["layer"], row["neuron"]): row for row in rows},
        models,
        sorted(set(own) - NOT_ITS_OWN, key=lambda name: (name in MOMENTS, own.index(name))),
    )


def inputs_of(known: Labelled, inputs: str) -> list[str]:
    sets = {
        "weights": [name for name in known.properties if name not in MOMENTS],
        "moments": [name for name in known.properties if name in MOMENTS],
        "both": known.properties,
    }
    return sets.get(inputs, [inputs])


def test_every_property_of_the_model_alone_is_tried(known: Labelled, con: Con) -> None:
    ((query,),) = con.execute("select list(distinct inputs) from marts.universality_prediction").fetchall()
    there = {name for name in known.properties if any(row[name] is not None for row in known.neurons.values())}
    assert set(query) == there | {"weights", "moments", "both"}


def test_scores_are_the_log_odds_of_the_other_seeds(known: Labelled, con: Con) -> None:
    rows = records(con, "from marts.universality_scores")
    expected: dict[tuple[str, Key], float] = {}
    for model in {key[0] for key in known.neurons}:
        for inputs in ("weights", "moments", "both"):
            for key, score in known.scores(model, inputs_of(known, inputs)).items():
                expected[inputs, key] = score
    found = {(row["inputs"], (row["model"], row["layer"], row["neuron"])): row for row in rows}
    assert found.keys() == expected.keys()
    for place, row in found.items():
        assert row["score"] == pytest.approx(expected[place], abs=1e-9)
        assert row["n_trained_models"] == len(known.teachers(row["model"]))
        have = [name for name in inputs_of(known, row["inputs"]) if (place[1], name) in known.deciles]
        assert row["n_properties"] == len(have)


def test_areas_are_shares_of_pairs(known: Labelled, con: Con) -> None:
    rows = records(con, "from marts.universality_prediction")
    assert len({row["auc"] for row in rows}) > 10
    for row in rows:
        scores = known.scores(row["model"], inputs_of(known, row["inputs"]))
        # Sums in another sequence differ in their last bits.
        labels: NDArray[np.bool_] = np.array([known.neurons[key]["is_universal"] for key in scores])
        values = np.round(list(scores.values()), 9)
        assert (row["n_universal"], row["n_rest"]) == (labels.sum(), (~labels).sum())
        expected = auc(values[labels], values[~labels])
        for name, value in zip(("auc", "auc_low", "auc_high"), expected, strict=True):
            assert row[name] == (value if value is None else pytest.approx(value, abs=1e-9)), (row, name)


def test_a_model_without_other_seeds_is_not_predicted(known: Labelled, con: Con) -> None:
    predicted = {row["model"] for row in records(con, "select distinct model from marts.universality_prediction")}
    assert predicted == {key[0] for key in known.neurons if known.teachers(key[0])}
    everyone = {row["model"] for row in records(con, "select model from marts.models")}
    assert {"b", "e@1"} <= predicted < everyone


def test_the_question_lists_sets_first_and_the_best_property_next(con: Con) -> None:
    query = (ROOT / "sql" / "predicting_universality.sql").read_text()
    rows = records(con, query, model="b", kind=None)
    assert {row["inputs"] for row in rows[:3]} == {"weights", "moments", "both"}
    alone = [row["auc"] for row in rows[3:]]
    assert alone == sorted(alone, reverse=True)
    assert {row["kind"] for row in rows[3:]} == {"weights", "moments"}
