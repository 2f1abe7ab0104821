"""Raw rows about pairs of models: selections from full matrices of correlations, their errors, what chance gives."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from typing import Any

import numpy as np

from ingest.tables import TOP_PARTNERS
from tests.models.activations import (
    DEAD,
    DEAD_UNIT,
    FLOORS,
    N_DRAWS,
    N_FLOOR_DRAWS,
    N_LAYERS,
    NEURONS,
    UNITS,
    Array,
    Facts,
    correlations,
    influence,
    is_followed,
    text_of,
)

Row = dict[str, Any]
BUDGETS = ((0, 4), (0, 8), (8, 16), (0, 12))  # ranges of groups of documents


def best_rows(key: Row, places: list[tuple[int, int]], dead: tuple[int, int], a: Array, b: Array) -> Iterator[Row]:
    """Best partner and anti-partner of every unit with the error; dead units on either side are left out."""
    rho = correlations(a, b)
    alive = np.array([i for i, place in enumerate(places) if place != dead])
    for i in alive:
        first, last = alive[np.argmax(rho[i, alive])], alive[np.argmin(rho[i, alive])]
        followed = is_followed(key["other_model"], int(i))
        yield key | {
            "layer": places[i][0], "neuron": places[i][1], "other_layer": places[first][0],
            "other_neuron": places[first][1], "max_corr": rho[i, first], "min_layer": places[last][0],
            "min_neuron": places[last][1], "min_corr": rho[i, last],
            "influence": influence(a[i], b[first]).tolist() if followed else None,
            "n_groups": 4 if followed else None,
        }  # fmt: skip


def partner_rows(key: Row, places: list[tuple[int, int]], dead: tuple[int, int], a: Array, b: Array) -> Iterator[Row]:
    """The most and the least correlated units, by rank."""
    rho = correlations(a, b)
    alive = [i for i, place in enumerate(places) if place != dead]
    for i in alive:
        order = sorted(alive, key=lambda j: -rho[i, j])
        for side, ranked in (("top", order), ("bottom", order[::-1])):
            for rank, j in enumerate(ranked[:TOP_PARTNERS], start=1):
                yield key | {
                    "layer": places[i][0], "neuron": places[i][1], "side": side, "rank": rank,
                    "other_layer": places[j][0], "other_neuron": places[j][1], "corr": rho[i, j],
                }  # fmt: skip


def baseline_rows(key: Row, facts: Facts) -> Iterator[Row]:
    """Largest correlation with what stands in for the other model, per kind and draw."""
    a, other = facts.post(key["model"]), key["other_model"]
    stand_ins = {("rotation", draw): facts.rotated(other, draw) for draw in range(N_DRAWS)}
    if facts.floors:
        stand_ins |= {(k, d): facts.floors[k, other, d] for k, d in product(FLOORS, range(N_FLOOR_DRAWS))}
    for (kind, draw), b in stand_ins.items():
        best = np.nanmax(correlations(a, b), axis=1, initial=-1)
        for (layer, neuron), corr in zip(NEURONS, best, strict=True):
            if (layer, neuron) != DEAD:
                yield key | {"layer": layer, "neuron": neuron, "kind": kind, "draw": draw, "max_corr": corr}


def partial_excess(facts: Facts, model: str, other: str, groups: tuple[int, int]) -> tuple[Array, Array]:
    """Best correlation and baseline of every neuron over some groups of documents."""
    there = text_of(*groups)
    a = facts.post(model)[:, there]
    best = np.nanmax(correlations(a, facts.post(other)[:, there]), axis=1, initial=-1)
    draws = [correlations(a, facts.rotated(other, draw)[:, there]).max(1) for draw in range(N_DRAWS)]
    return best, np.mean(draws, axis=0)


def partial_rows(key: Row, facts: Facts) -> Iterator[Row]:
    """The same over ranges of groups."""
    for groups in BUDGETS:
        best, baseline = partial_excess(facts, key["model"], key["other_model"], groups)
        span = {"first_group": groups[0], "last_group": groups[1], "n_positions": int(text_of(*groups).sum())}
        for i, (layer, neuron) in enumerate(NEURONS):
            if (layer, neuron) != DEAD:
                corr = {"max_corr": best[i], "baseline": baseline[i]}
                yield key | span | {"layer": layer, "neuron": neuron} | corr


def relation_of(run: str, model: str, other: str) -> str | None:
    """How two models of a run are related; None if they are no pair."""
    if run != "training":
        return "step" if run == "steps" else "seed"
    (seed, step), (other_seed, other_step) = model.split("@"), other.split("@")
    if step == other_step:
        return "seed"
    return "step" if seed == other_seed else None


def pair_rows(facts: Facts, sites: tuple[str, ...]) -> dict[str, list[Row]]:
    """Every ordered pair of related models; ranges of groups where floors are measured, too."""
    names = ("pairs", "partners", "bests", "baselines", "partial_bests", "effect_matches", "effect_layers")
    rows: dict[str, list[Row]] = {name: [] for name in names}
    for model, other in permutations(facts.models, 2):
        if (relation := relation_of(facts.run, model, other)) is None:
            continue
        pair = {"run": facts.run, "model": model, "other_model": other}
        rows["pairs"].append(pair | {"relation": relation})
        key = pair | {"site": "mlp"}
        rows["partners"] += partner_rows(key, NEURONS, DEAD, facts.post(model), facts.post(other))
        rows["bests"] += best_rows(key, NEURONS, DEAD, facts.post(model), facts.post(other))
        rows["baselines"] += baseline_rows(key, facts)
        if facts.floors:
            rows["partial_bests"] += partial_rows(key, facts)
            rows["effect_matches"] += [
                pair | {"layer": layer, "neuron": neuron, "effect_corr": i / 32, "free_effect_corr": i / 64}
                for i, (layer, neuron) in enumerate(NEURONS)
                if (layer, neuron) != DEAD
            ]
            rows["effect_layers"] += [
                pair | {
                    "layer": layer, "other_layer": beyond, "effect_corr_mean": layer / 8, "effect_corr_sd": 0.125,
                    "free_effect_corr_mean": beyond / 8, "free_effect_corr_sd": 0.25,
                }
                for layer, beyond in product(range(N_LAYERS), repeat=2)
            ]  # fmt: skip
        if "resid" in sites:
            key = pair | {"site": "resid"}
            rows["partners"] += partner_rows(key, UNITS, DEAD_UNIT, facts.resid[model], facts.resid[other])
            rows["bests"] += best_rows(key, UNITS, DEAD_UNIT, facts.resid[model], facts.resid[other])
    return rows
