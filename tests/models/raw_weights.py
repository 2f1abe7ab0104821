"""What the ingest would write of null spaces, heads and neighbours, made of random numbers."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from tests.models.activations import D_MLP, N_LAYERS, NEURONS

Row = dict[str, Any]

# Directions of each part, of 8, and what is above 99.9% of random directions, or below 0.1% of them.
PARTS = {0.02: 1, 0.05: 2, 0.1: 4}
N_DIRECTIONS = 8
NULL_PART, NULL_LOGIT_VAR, NULL_BOS = 0.6, 0.5, 0.8
N_HEADS = 2


def role_rows(run: str, models: tuple[str, ...]) -> dict[str, list[Row]]:
    """Rows of the tables of null spaces, heads and neighbours, and the random directions' values."""
    rng = np.random.default_rng(21)
    rows: dict[str, list[Row]] = {
        name: [] for name in ("null_spaces", "null_shares", "head_scores", "head_nulls", "neighbours")
    }
    rows["vocabulary_nulls"] = []
    for model in models:
        of_model = {"run": run, "model": model}
        rows["null_spaces"] += [
            of_model | {
                "part": part, "n_directions": n, "n_all": N_DIRECTIONS, "singular_value": part,
                "median_singular_value": 1.0,
            }
            for part, n in PARTS.items()
        ]  # fmt: skip
        rows["vocabulary_nulls"] += [
            of_model | {"statistic": statistic, "quantile": quantile, "value": value}
            for statistic, quantile, value in (
                ("part_05", 0.999, NULL_PART), ("part_02", 0.999, 0.01), ("part_05", 0.5, 0.01),
                ("logit_var", 0.001, NULL_LOGIT_VAR), ("logit_var", 0.999, 100.0),
            )
        ]  # fmt: skip
        rows["head_nulls"] += [
            of_model | {"layer": layer, "kind": kind, "quantile": quantile, "value": value}
            for layer, kind, (quantile, value) in product(
                range(N_LAYERS), ("bos", "q", "k", "v", "ov"), ((0.999, NULL_BOS), (0.5, 0.01))
            )
        ]
        for layer, neuron in NEURONS:
            key = of_model | {"layer": layer, "neuron": neuron}
            parts = zip(("part_02", "part_05", "part_10"), np.sort(rng.uniform(0.0, 1.0, 3)), strict=True)
            rows["null_shares"].append(key | {"logit_var": rng.uniform(0.0, 3.0)} | dict(parts))
            # Heads behind the neuron are there in the first layer only.
            for kind in ("bos", "q", "k", "v", "ov") if layer == 0 else ("ov",):
                lowest = -2.0 if kind == "bos" else 0.0
                scores = sorted(rng.uniform(lowest, 2.0, N_HEADS), key=abs)
                rows["head_scores"] += [
                    key | {
                        "kind": kind, "rank": rank, "head_layer": 0 if kind == "ov" else 1, "head": rank % N_HEADS,
                        "score": float(score),
                    }
                    for rank, score in enumerate(reversed(scores), start=1)
                ]  # fmt: skip
            for vector, (side, sign) in product(("in", "out"), (("top", 1.0), ("bottom", -1.0))):
                rows["neighbours"].append(
                    key | {
                        "vector": vector, "side": side, "other_layer": 1 - layer, "other_neuron": (neuron + 1) % D_MLP,
                        "cosine": sign * rng.uniform(0.0, 1.0), "other_cosine": rng.uniform(-1.0, 1.0),
                    }
                )  # fmt: skip
    return rows
