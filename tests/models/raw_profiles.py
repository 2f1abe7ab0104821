"""What the ingest would write of the profiles of a run whose activations are known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.tables import STRATA
from tests.models.activations import DOC_GROUPS, N_PARTS, NEURONS, POSITIONS, Facts

Array = NDArray[np.float64]
Row = dict[str, Any]

D_VOCAB, CONTEXT, N_EXAMPLES = 11, 10, 2
FEATURES = {
    "token": (("x_unigram", "unigram"), ("letter_a", "letter"), ("color", "topic")),
    "subset": (("subset_s", "subset"),),
    "syntax": (("syntax_name", "syntax"),),
}
LAGS = {"token": (0, 1, -1), "subset": (0,), "syntax": (0, 1)}
# Whom a feature follows: it holds where this neuron is large in all models, so that it explains it.
FOLLOWED = {"x_unigram": 0, "letter_a": 9, "color": 12, "subset_s": 13, "syntax_name": 14}


@dataclass(frozen=True)
class Profiled:
    """Positions of all strata with their features.

    Attributes:
        post: post-activations of each model, (neurons, positions).
        half: 1 for the second half of the documents, (positions,).
        holds: by feature and lag, bool (positions,).
        places: place of each position in its row, (positions,).
    """

    post: dict[str, Array]
    half: NDArray[np.int64]
    holds: dict[tuple[str, int], NDArray[np.bool_]]
    places: NDArray[np.int64]


def _positions(by_stratum: dict[str, Array]) -> Array:
    """All positions, part by part."""
    parts = [
        by_stratum[s][:, part * POSITIONS[s] : (part + 1) * POSITIONS[s]] for part in range(N_PARTS) for s in STRATA
    ]
    return np.concatenate(parts, axis=1)


def profiled(facts: Facts) -> Profiled:
    """Features that follow a neuron, one of lag 1 as well; others at random."""
    rng = np.random.default_rng(6)
    post = {m: _positions({s: facts.post(m, s) for s in STRATA}) for m in facts.models}
    n = post[facts.models[0]].shape[1]
    per_part = n // N_PARTS
    half = np.repeat([int(group >= 8) for group in DOC_GROUPS], per_part)
    holds: dict[tuple[str, int], NDArray[np.bool_]] = {}
    for source, features in FEATURES.items():
        for (name, _), lag in product(features, LAGS[source]):
            shared = np.sum([post[model][FOLLOWED[name] if lag == 0 else 15] for model in facts.models], axis=0)
            follows = lag == 0 or (name, lag) == ("x_unigram", 1)
            values = shared - np.median(shared) if follows else rng.random(n) - 0.7
            holds[name, lag] = np.asarray(values > 0)
    return Profiled(post, half, holds, np.arange(n) % CONTEXT)


def profile_rows(facts: Facts) -> dict[str, list[Row]]:
    """Rows of the tables of features, variables, histograms and examples."""
    known, run = profiled(facts), {"run": facts.run}
    rows: dict[str, list[Row]] = {name: [] for name in ("features", "token_features", "feature_counts", "feature_sums",
        "explained", "histograms", "examples", "sequences", "mean_tokens")}  # fmt: skip
    for source, features in FEATURES.items():
        for place, (name, kind) in enumerate(features, start=1):
            of_feature = run | {"source": source, "place": place}
            rows["features"].append(of_feature | {"feature": name, "feature_kind": kind, "definition": f"is {name}"})
            if source == "token":
                rows["token_features"].append(run | {"feature": name, "token_id": place})
            for lag, half in product(LAGS[source], (0, 1)):
                here = known.half == half
                n_true = int((known.holds[name, lag] & here).sum())
                rows["feature_counts"].append(
                    of_feature | {"lag": lag, "half": half, "n_true": n_true, "n": int(here.sum())}
                )
    rows["sequences"] = [
        run | {"sequence": k, "path": f"d{k}", "subset": "s", "token_ids": [(k + p) % D_VOCAB for p in range(CONTEXT)]}
        for k in range(4)
    ]
    for model, (index, (layer, neuron)) in product(facts.models, enumerate(NEURONS)):
        key = run | {"model": model, "layer": layer, "neuron": neuron}
        post = known.post[model][index]
        shift = float(facts.post(model)[index, :10].mean())
        for source, half in product(FEATURES, (0, 1)):
            for lag in LAGS[source]:
                here = [known.holds[name, lag] & (known.half == half) for name, _ in FEATURES[source]]
                sums = [float((post[holds] - shift).sum()) for holds in here]
                rows["feature_sums"].append(key | {"source": source, "lag": lag, "half": half, "sums": sums})
        rows["explained"] += [key | row for row in _explained(post, known.places)]
        rows["histograms"].append(key | {"lowest": -1.0, "step": 0.5, "counts": [1, 2, 3, 4, 5]})
        rows["mean_tokens"].append(key | {"token_ids": [3, 1], "means": [2.0, 1.5], "n": [9, 7]})
        for choice, quantiles in (("top", None), ("quantile", [0.9, 0.1])):
            rows["examples"].append(
                key | {
                    "choice": choice, "quantiles": quantiles, "sequences": [1, 3], "positions": [0, 9],
                    "activations": [4.0, 2.0], "unit": 0.5,
                    "windows": [[-32768] * 16 + [8] * 17, [4] * 17 + [-32768] * 16],
                }
            )  # fmt: skip
    return rows


def _explained(post: Array, places: NDArray[np.int64]) -> list[Row]:
    """Between-class sums of squares for the place in the row; for the token, and for token and syntax, made-up ones."""
    centred = post - post.mean()
    between = sum(centred[places == p].sum() ** 2 / (places == p).sum() for p in range(CONTEXT))
    of_place = {"variable": "position", "ss_between": float(between), "n_values": CONTEXT, "is_complete": True}
    of_token = {"variable": "token", "ss_between": float(between) / 2, "n_values": 5, "is_complete": False}
    of_both = {"variable": "token_and_syntax", "ss_between": float(between) * 0.75, "n_values": 9, "is_complete": False}
    return [of_place | {"mutual_information": 0.125}, of_token, of_both]


def vocabulary_rows(run: str, models: tuple[str, ...], n: int | None) -> dict[str, list[Row]]:
    """Tokens, the ones that neurons promote and suppress, their effects in bins, and what random directions have."""
    tokens = [
        {"run": run, "token_id": k, "piece": f"p{k}", "token": f"t{k}", "bytes": b"t", "n": n} for k in range(D_VOCAB)
    ]
    effects = [
        {
            "run": run,
            "model": model,
            "layer": layer,
            "neuron": neuron,
            "side": side,
            "token_ids": ids,
            "effects": values,
        }
        for model, (layer, neuron) in product(models, NEURONS)
        for side, ids, values in (("promoted", [4, 2], [0.75, 0.5]), ("suppressed", [7], [-0.25]))
    ]
    nulls = [
        {"run": run, "model": model, "statistic": statistic, "quantile": quantile, "value": value}
        for model in models
        for statistic, quantile, value in (
            ("vocab_kurt", 0.999, 1.8),
            ("vocab_var", 0.999, 0.04),
            ("vocab_var", 0.5, 0.01),
        )
    ]
    histograms = [
        {"run": run, "model": model, "layer": layer, "neuron": neuron, "effect": effect}
        | {"lowest": -0.5, "step": 0.25, "counts": [0, 1, 5, 3, 1, 1]}
        for model, (layer, neuron) in product(models, NEURONS)
        for effect in ("out", "logit", "in")
    ]
    return {
        "tokens": tokens,
        "vocabulary_tokens": effects,
        "vocabulary_nulls": nulls,
        "vocabulary_histograms": histograms,
    }
