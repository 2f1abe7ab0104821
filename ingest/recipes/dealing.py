"""Which pieces of a run a worker computes together, so that a model is run for many of its pairs at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.recipes.planning import Planned
from ingest.runs.shares import pieces_of

# Rows of a share travel and are written at once: 2.5 kB for each neuron and partner model, 2 GB of them.
_MOST_NEURONS = 800_000
# More than one pair's models are loaded at once while they take so many bytes.
_MOST_WEIGHTS = 8_000_000_000


def deal(planned: Planned, left: Sequence[int], n_workers: int) -> list[tuple[int, ...]]:
    """Shares of the pieces that are left, in the order in which their rows are written.

    Every share runs its models over the whole text, so pairs of the same models go together: blocks of pairs. Each
    takes its part of what is left among the workers and one more, so that shares become smaller and workers end
    together. The bits do not depend on it.

    Args:
        planned: the run.
        left: numbers of pieces, ascending.
        n_workers: that compute at a time.

    Returns:
        Numbers of the pieces of each share; every piece is in one.
    """
    pieces = pieces_of(planned.plan)
    blocks = _Blocks(planned, [number for number in left if pieces[number].pairs]).all(n_workers)
    models = [number for number in left if pieces[number].models]
    if len(blocks) < n_workers:  # models alone occupy the others
        return [*(tuple(block) for block in blocks), *((number,) for number in models)]
    reading: dict[int, list[_WithModels]] = defaultdict(list)
    shares = [_WithModels(block, []) for block in blocks]
    for share in shares:
        for model in {m for number in share.block for m in pieces[number].subjects(planned.plan)}:
            reading[model].append(share)
    alone = []
    for number in models:
        (model,) = pieces[number].models
        if reading[model]:
            min(reading[model], key=lambda share: len(share.models)).models.append(number)
        else:
            alone.append((number,))
    return [*((*share.models, *share.block) for share in shares), *alone]


@dataclass(frozen=True)
class _WithModels:
    """Pieces of a share: pairs, and models whose moments and profiles are taken on the way."""

    block: list[int]
    models: list[int]


class _Blocks:
    """Pairs that are left, taken block by block."""

    def __init__(self, planned: Planned, left: Sequence[int]) -> None:
        plan, pieces = planned.plan, pieces_of(planned.plan)
        self._pairs = {number: pieces[number].pairs[0] for number in left}
        units = {p: plan.populations[p].n_layers * plan.populations[p].width for pair in plan.pairs for p in pair}
        self._products = {number: units[a] * units[b] for number, (a, b) in self._pairs.items()}
        self._neurons = {number: units[a] + units[b] for number, (a, b) in self._pairs.items()}
        self._weights = planned.weights
        self._models = {n: {plan.populations[p].model for p in pair} for n, pair in self._pairs.items()}
        self._of_model: dict[int, dict[int, None]] = defaultdict(dict)
        for number, models in self._models.items():
            for model in models:
                self._of_model[model][number] = None
        passes: dict[tuple[int, int], set[int]] = defaultdict(set)
        for index, tiles in enumerate(planned.passes):
            for tile in tiles:
                passes[tile.a, tile.b].add(index)
        self._passes = {number: passes[pair] for number, pair in self._pairs.items()}

    def all(self, n_workers: int) -> list[list[int]]:
        """Every block."""
        blocks, products = [], sum(self._products.values())
        while self._pairs:
            block = self._block(products // (n_workers + 1))
            products -= sum(self._products[number] for number in block)
            blocks.append(sorted(block))
        return blocks

    def _block(self, most: int) -> list[int]:
        """The next block, of about so many products, or of one pair."""
        first = next(iter(self._pairs))
        models, passes, block = set(self._models[first]), self._passes[first], list[int]()
        neurons = 0
        while following := self._following(models, passes):
            for number in following:
                models |= self._models[number]
                neurons += self._neurons[number]
                most -= self._products[number]
                weights = sum(self._weights[model] for model in models)
                is_nearer_without = 2 * most < -self._products[number]
                if block and (is_nearer_without or neurons > _MOST_NEURONS or weights > _MOST_WEIGHTS):
                    return block
                block.append(number)
                del self._pairs[number]
                for model in self._models[number]:
                    del self._of_model[model][number]
        return block

    def _following(self, models: set[int], passes: set[int]) -> list[int]:
        """Pairs of these models that need no other pass over the text; else those that one more model adds, the most.

        Those of one pair of models at several sites need no other model.
        """
        added: dict[frozenset[int], list[int]] = defaultdict(list)
        for number in sorted({number for model in models for number in self._of_model[model]}):
            if self._passes[number] <= passes:
                added[frozenset(self._models[number] - models)].append(number)
        return added.get(frozenset()) or max(added.values(), key=len, default=[])
