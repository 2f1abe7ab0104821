"""The measures of the method from activations alone, without sums over parts and without SQL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.models.activations import (
    DEAD,
    DOC_GROUPS,
    FLOORS,
    N_DRAWS,
    N_FLOOR_DRAWS,
    NEURONS,
    Array,
    Facts,
    correlations,
    influence,
    is_followed,
)

ALIVE = [i for i, place in enumerate(NEURONS) if place != DEAD]
T_QUANTILES = (12.706204736, 4.302652730, 3.182446305)  # 97.5%, for one to three degrees of freedom
T_3 = T_QUANTILES[2]  # for the four groups of documents that there are
N_GROUPS = len(DOC_GROUPS)


def best_partners(facts: Facts, model: str, other: str) -> tuple[Array, Array]:
    """Largest correlation of every neuron and its partner's index; NaN and -1 for a dead neuron."""
    rho = correlations(facts.post(model), facts.post(other))
    best, partner = np.full(len(NEURONS), np.nan), np.full(len(NEURONS), -1.0)
    best[ALIVE], partner[ALIVE] = np.nanmax(rho[ALIVE], 1), np.nanargmax(rho[ALIVE], 1)
    return best, partner


def baselines(facts: Facts, model: str, other: str) -> Array:
    """Largest correlation with the rotated neurons of all layers: (neuron, draw)."""
    draws = [correlations(facts.post(model), facts.rotated(other, draw)).max(1) for draw in range(N_DRAWS)]
    return np.stack(draws, 1)


def floors(facts: Facts, model: str, other: str) -> dict[str, Array]:
    """Largest correlation with what cannot know the neuron, mean over draws; NaN for a dead neuron."""
    found = {}
    for kind in FLOORS:
        draws = [correlations(facts.post(model), facts.floors[kind, other, draw]) for draw in range(N_FLOOR_DRAWS)]
        found[kind] = np.full(len(NEURONS), np.nan)
        found[kind][ALIVE] = np.mean([np.nanmax(rho[ALIVE], axis=1) for rho in draws], axis=0)
    return found


def z_influences(facts: Facts, model: str, other: str) -> Array:
    """What every group adds to the error of Fisher's z: (neuron, group); NaN where the partner was not followed."""
    _, partner = best_partners(facts, model, other)
    parts = np.full((len(NEURONS), 16), np.nan)
    for i in ALIVE:
        if is_followed(other, i):
            parts[i] = influence(facts.post(model)[i], facts.post(other)[int(partner[i])])
    return parts


def excess(facts: Facts, model: str) -> Array:
    """Mean over partner models of best correlation minus baseline; 0 for a dead neuron."""
    return np.asarray(np.nan_to_num(np.mean(gaps(facts, model), axis=0)))


def gaps(facts: Facts, model: str) -> Array:
    """Best correlation minus baseline: (partner model, neuron)."""
    others = [other for other in facts.models if other != model]
    return np.array([best_partners(facts, model, o)[0] - baselines(facts, model, o).mean(1) for o in others])


@dataclass(frozen=True)
class Errors:
    """Errors of the excess correlations of a model's neurons; NaN where unknown."""

    influence: Array  # (neuron, group), on the scale of the mean correlation
    tokens: Array
    draws: Array
    partners: Array
    excess: Array


def errors(facts: Facts, model: str) -> Errors:
    """The three sources, and the first two together."""
    others = [other for other in facts.models if other != model]
    parts, spreads = [], []
    for other in others:
        best, _ = best_partners(facts, model, other)
        parts.append(z_influences(facts, model, other) * (1 - best[:, None] ** 2))
        spreads.append(baselines(facts, model, other).var(1, ddof=1) / N_DRAWS)
    known = ~np.isnan(np.array(parts))
    with np.errstate(invalid="ignore"):
        mean = np.nansum(parts, axis=0) / known.sum(0)
    tokens = np.sqrt((mean**2).sum(1))
    draws = np.sqrt(np.sum(spreads, axis=0)) / len(others)
    partners = np.std(gaps(facts, model), axis=0, ddof=1) if len(others) > 1 else np.full(len(NEURONS), np.nan)
    return Errors(mean, tokens, draws, partners, np.hypot(tokens, draws))


def share_interval(facts: Facts, model: str, threshold: float, chosen: list[int]) -> tuple[float, float]:
    """The interval of the share of universal neurons among some, by leaving out each group in turn."""
    values, parts = excess(facts, model), np.nan_to_num(errors(facts, model).influence)
    counts = []
    for group in DOC_GROUPS:
        without = values - np.sqrt(N_GROUPS / (N_GROUPS - 1)) * parts[:, group]
        counts.append(sum(bool(without[i] > threshold) for i in chosen if i in ALIVE))
    error = np.sqrt((N_GROUPS - 1) / N_GROUPS * np.sum((np.array(counts) - np.mean(counts)) ** 2))
    share = 100 * sum(bool(values[i] > threshold) for i in chosen if i in ALIVE) / len(chosen)
    margin = 100 * T_3 * error / len(chosen)
    return max(0.0, share - margin), min(100.0, share + margin)
