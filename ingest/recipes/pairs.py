"""Which models of a study are each other's partners."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, pairwise

from ingest.names import Identity, relation


def chosen_pairs(rule: str | list[list[str]], models: list[Identity]) -> tuple[tuple[int, int], ...]:
    """Unordered pairs of model indices, each once, in ascending order.

    Args:
        rule: `seeds` (other seeds of the same family and step), `all`, `consecutive` (neighbouring steps of one seed),
            `training` (both of these), `reference:NAME` (that model with every other), or the pairs by name.
        models: of the study, with unique names.
    """
    everyone = list(combinations(range(len(models)), 2))
    if isinstance(rule, list):
        index = {model.name: i for i, model in enumerate(models)}
        asked = {(min(index[a], index[b]), max(index[a], index[b])) for a, b in rule}
        return tuple(sorted(asked))
    seeds = tuple((a, b) for a, b in everyone if relation(models[a], models[b]) == "seed")
    if rule == "seeds":
        return seeds
    if rule == "consecutive":
        return _consecutive(models)
    if rule == "training":
        return tuple(sorted({*seeds, *_consecutive(models)}))
    if rule == "all":
        return tuple(everyone)
    reference = rule.removeprefix("reference:")
    return tuple((a, b) for a, b in everyone if reference in (models[a].name, models[b].name))


def both_directions(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Every pair as (model, partner) both ways round, in ascending order."""
    return sorted({ordered for a, b in pairs for ordered in ((a, b), (b, a))})


def _consecutive(models: list[Identity]) -> tuple[tuple[int, int], ...]:
    runs: dict[tuple[str, int | None], list[int]] = {}
    for i, model in enumerate(models):
        if model.step is not None:
            runs.setdefault((model.model_family, model.seed), []).append(i)
    pairs = []
    for members in runs.values():
        by_step = sorted(members, key=lambda i: models[i].step or 0)
        pairs += [(min(a, b), max(a, b)) for a, b in pairwise(by_step)]
    return tuple(sorted(pairs))
