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
    if isinstance(rule, list):
        index = {model.name: i for i, model in enumerate(models)}
        asked = {(min(index[a], index[b]), max(index[a], index[b])) for a, b in rule}
        return tuple(sorted(asked))
    if rule == "seeds":
        return _seeds(models)
    if rule == "consecutive":
        return _consecutive(models)
    if rule == "training":
        return tuple(sorted({*_seeds(models), *_consecutive(models)}))
    if rule == "all":
        return tuple(combinations(range(len(models)), 2))
    reference = [model.name for model in models].index(rule.removeprefix("reference:"))
    return tuple((min(i, reference), max(i, reference)) for i in range(len(models)) if i != reference)


def both_directions(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Every pair as (model, partner) both ways round, in ascending order."""
    return sorted({ordered for a, b in pairs for ordered in ((a, b), (b, a))})


def _seeds(models: list[Identity]) -> tuple[tuple[int, int], ...]:
    # Only models of one family and step can be: of many checkpoints few pairs are looked at.
    alike: dict[tuple[str, int | None], list[int]] = {}
    for i, model in enumerate(models):
        alike.setdefault((model.model_family, model.step), []).append(i)
    among = (pair for members in alike.values() for pair in combinations(members, 2))
    return tuple(sorted((a, b) for a, b in among if relation(models[a], models[b]) == "seed"))


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
