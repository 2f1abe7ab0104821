"""Which pieces of a run a worker computes together, so that a model is run for many of its pairs at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import prod

from ingest.measure.correlation import Tile
from ingest.recipes.spreading import Held
from ingest.runs.shares import Divisible, Share, pieces_of

# Rows of a share travel and are written at once: for pairs 2.5 kB for each neuron and partner model, 2 GB of them.
_MOST_NEURONS = 800_000
# More than one pair's models are loaded at once while they take so many bytes.
_MOST_NETWORKS = 8_000_000_000


def deal(
    run: Divisible, passes: list[list[Tile]], held: Held, left: Sequence[int], n_workers: int
) -> list[tuple[int, ...]]:
    """Shares of the pieces that are left, in the order in which workers take them.

    Every share runs its models over the whole text, so pairs of the same models go together: blocks of pairs. Each
    takes its part of what is left among the workers and one more, so that shares become smaller and workers end
    together. The bits do not depend on it.

    Args:
        run: whose pieces.
        passes: its exact tiles, pass by pass.
        held: what its pieces hold of the memory.
        left: numbers of pieces, ascending.
        n_workers: that compute at a time.

    Returns:
        Numbers of the pieces of each share; every piece is in one.
    """
    pieces = pieces_of(run)
    blocks = _Pairs(run, passes, held, [number for number in left if pieces[number].pairs]).blocks(n_workers)
    models = [number for number in left if pieces[number].models]
    if len(blocks) < n_workers:  # models alone occupy the others
        return [*(tuple(block.pairs) for block in blocks), *((number,) for number in models)]
    reading: dict[int, list[_Block]] = defaultdict(list)
    for block in blocks:
        for model in block.reads:
            reading[model].append(block)
    alone = []
    for number in models:
        (model,) = pieces[number].models
        roomy = [block for block in reading[model] if block.has_room_for(held.profiles[model])]
        if roomy:
            min(roomy, key=lambda block: len(block.models)).add_model(number, held.profiles[model])
        else:
            alone.append((number,))
    return [*((*block.models, *sorted(block.pairs)) for block in blocks), *alone]


class _Block:
    """Pieces that are computed together.

    Attributes:
        pairs: numbers of pairs.
        models: numbers of models whose moments and profiles are taken on the way.
        reads: models that it runs.
    """

    def __init__(self, run: Divisible, held: Held) -> None:
        self._run, self._held = run, held
        self.pairs: list[int] = []
        self.models: list[int] = []
        self.reads: set[int] = set()
        self._populations: set[int] = set()
        self._bytes, self._neurons = held.common, 0

    def has_room_for(self, size: int) -> bool:
        """Whether so many bytes more fit into memory."""
        return self._bytes + size <= self._held.room

    def add_model(self, number: int, size: int) -> None:
        """Take a model whose profile holds so many bytes."""
        self.models.append(number)
        self._bytes += size

    def takes(self, number: int, piece: Share) -> bool:
        """Take a pair, if there is room for it; the first one in any case."""
        (pair,) = piece.pairs
        populations, reads = piece.populations(self._run), self.reads | piece.subjects(self._run)
        size = self._held.pairs[pair] + sum(self._held.populations[p] for p in populations - self._populations)
        neurons = self._neurons + sum(_units(self._run, p) for p in pair)
        networks = sum(self._held.networks[model] for model in reads)
        fits = self.has_room_for(size) and neurons <= _MOST_NEURONS and networks <= _MOST_NETWORKS
        if self.pairs and not fits:
            return False
        self.pairs.append(number)
        self.reads, self._neurons = reads, neurons
        self._populations |= populations
        self._bytes += size
        return True


class _Pairs:
    """Pairs that are left, taken block by block."""

    def __init__(self, run: Divisible, passes: list[list[Tile]], held: Held, left: Sequence[int]) -> None:
        pieces = pieces_of(run)
        self._run, self._held = run, held
        self._left = {number: pieces[number] for number in left}
        self._products = {n: prod(_units(run, p) for p in piece.pairs[0]) for n, piece in self._left.items()}
        self._reads = {number: piece.subjects(run) for number, piece in self._left.items()}
        self._of_model: dict[int, set[int]] = defaultdict(set)
        for number, models in self._reads.items():
            for model in models:
                self._of_model[model].add(number)
        in_passes: dict[tuple[int, int], set[int]] = defaultdict(set)
        for index, tiles in enumerate(passes):
            for tile in tiles:
                in_passes[tile.a, tile.b].add(index)
        self._passes = {number: in_passes[piece.pairs[0]] for number, piece in self._left.items()}

    def blocks(self, n_workers: int) -> list[_Block]:
        """All of them, each with its part of the products that are left."""
        blocks, products = [], sum(self._products.values())
        while self._left:
            block = self._block(products // (n_workers + 1))
            products -= sum(self._products[number] for number in block.pairs)
            blocks.append(block)
        return blocks

    def _block(self, most: int) -> _Block:
        """The next block, of about so many products, or of one pair."""
        block = _Block(self._run, self._held)
        following = [next(iter(self._left))]
        passes, taken = self._passes[following[0]], set[frozenset[int]]()
        while following:
            for number in following:
                reads = frozenset(self._reads[number])
                most -= self._products[number]
                # Another site of models that are run for a pair anyway is not worth a share of its own.
                is_enough = bool(taken) and reads not in taken and 2 * most < -self._products[number]
                if is_enough or not block.takes(number, self._left[number]):
                    return block
                taken.add(reads)
                del self._left[number]
                for model in self._reads[number]:
                    self._of_model[model].remove(number)
            following = self._following(block.reads, passes)
        return block

    def _following(self, reads: set[int], passes: set[int]) -> list[int]:
        """Pairs that need no other pass over the text and no other model; else the most that one partner more adds."""
        added: dict[frozenset[int], list[int]] = defaultdict(list)
        beside = {number for model in reads for number in self._of_model[model]}
        for number in sorted(beside, key=lambda number: (sorted(self._reads[number]), number)):
            if self._passes[number] <= passes:
                added[frozenset(self._reads[number] - reads)].append(number)
        return added.get(frozenset()) or max(added.values(), key=len, default=[])


def _units(run: Divisible, population: int) -> int:
    return run.populations[population].n_layers * run.populations[population].width
