"""Which pieces of a run a worker computes together, so that a model is run for many of its pairs at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from heapq import heapreplace
from math import ceil, prod

from ingest.measure.correlation import Tile
from ingest.names import GROUPS
from ingest.recipes.costs import Times
from ingest.recipes.spreading import Held
from ingest.runs.shares import Block, Divisible, Share, pieces_of

# Blocks begun for each worker: their sums lie somewhere until all of their shares are computed.
IN_HAND = 2
# Rows of a share travel and are written at once: for pairs 2.5 kB for each neuron and partner model, 2 GB of them.
_MOST_NEURONS = 800_000
# More than one pair's models are loaded at once while they take so many bytes.
_MOST_NETWORKS = 8_000_000_000
# Exact shares take what is left divided by the workers and one more, or by these parts of them: what ends first counts.
_PARTS = (1.0, 0.75, 0.625, 0.5)
# Loading the models and taking shifts and scales, in groups of documents.
_LOADING = 0.25


def deal(
    run: Divisible, passes: list[list[Tile]], held: Held, times: Times, left: Sequence[int], n_workers: int
) -> list[Block]:
    """Blocks of the pieces that are left, in the order in which workers take them.

    Every share that has exact sums runs its models over the whole text, so pairs of the same models go together. Each
    takes a part of what is left, so that shares become smaller and workers end together. How large a part, and whether
    models are measured on the way or alone, is tried.

    Without exact sums, a block has all pairs that fit in memory, and where blocks are fewer than workers the text is
    cut into token shards for them. The bits do not depend on any of it.

    Args:
        run: whose pieces.
        passes: its exact tiles, pass by pass.
        held: what its pieces hold of the memory.
        times: what they take.
        left: numbers of pieces, ascending.
        n_workers: that compute at a time.

    Returns:
        Every piece in one share of one block.
    """
    pieces = pieces_of(run)
    models = [number for number in left if pieces[number].models]

    def pairs() -> _Pairs:
        return _Pairs(run, passes, held, [number for number in left if pieces[number].pairs])

    if not any(passes):
        return _by_tokens(run, pairs(), held, models, n_workers)
    parts = sorted({n_workers + 1, *(max(2, ceil(n_workers * part)) for part in _PARTS)}, reverse=True)
    cut = [
        _of_exact(run, pairs().blocks(n, _MOST_NEURONS), held, times, models, is_on_the_way=is_on_the_way)
        for n in parts
        for is_on_the_way in (False, True)
    ]
    return [Block((share,)) for share, _ in min(cut, key=lambda shares: _end(shares, n_workers))]


def _of_exact(
    run: Divisible, blocks: list[_Block], held: Held, times: Times, models: list[int], *, is_on_the_way: bool
) -> list[tuple[tuple[int, ...], float]]:
    """A share for each block, with models on the way where there is room or alone, and its time; the longest first."""
    pieces = pieces_of(run)
    alone = _on_the_way(run, blocks, held, models) if is_on_the_way else models
    shares = [((*b.models, *sorted(b.pairs)), b.reads, b.n_passes) for b in blocks]
    shares += [((number,), {*pieces[number].models}, 1) for number in alone]
    taken = [(share, times.of(reads, share, n_passes=n_passes)) for share, reads, n_passes in shares]
    return sorted(taken, key=lambda each: -each[1])


def _end(shares: list[tuple[tuple[int, ...], float]], n_workers: int) -> float:
    """When the last of them is done, if each is begun in its turn by the first worker that is free."""
    free = [0.0] * n_workers
    for _, taken in shares:
        heapreplace(free, free[0] + taken)
    return max(free)


def _by_tokens(run: Divisible, pairs: _Pairs, held: Held, models: list[int], n_workers: int) -> list[Block]:
    """Full rounds of blocks that a worker computes each; the text of the others is cut, for all workers.

    A profile is no sum of groups: models that are profiled are shares of their own where no whole block measures them.
    """
    blocks, pieces = pairs.blocks(1, None), pieces_of(run)
    of = {number: pieces[number].models[0] for number in models}
    profiled = {number for number in models if held.profiles[of[number]]}
    for number in models:
        if number not in profiled and not any(of[number] in block.reads for block in blocks):
            blocks.append(_Block(run, held))
            blocks[-1].reads.add(of[number])
    n_cut = len(blocks) % n_workers
    n_shards = _n_shards(n_cut, n_workers)
    whole, cut = (blocks[:-n_cut], blocks[-n_cut:]) if n_shards > 1 else (blocks, [])
    large = [block for block in whole if block.n_neurons > _MOST_NEURONS]
    whole = [block for block in whole if block not in large]
    left = _on_the_way(run, whole, held, models)
    for block in (*large, *cut):
        block.models += [number for number in left if number not in profiled and of[number] in block.reads]
        left = [number for number in left if number not in block.models]
    return [
        *(Block(block.shares(1, pieces), (range(GROUPS),)) for block in large),
        # A model without a partner is dealt alone where there was no room for it.
        *(Block(((*block.models, *sorted(block.pairs)),)) for block in whole if block.models or block.pairs),
        *(Block(((number,),)) for number in left),
        *(Block(block.shares(n_workers, pieces), _shards(n_shards)) for block in cut),
    ]


def _n_shards(n_blocks: int, n_workers: int) -> int:
    """Token shards of each of some blocks, so that the workers end soonest; each of them loads the models."""

    def groups(n: int) -> float:
        return -(-n_blocks * n // n_workers) * (-(-GROUPS // n) + _LOADING)

    return min(range(1, GROUPS + 1), key=groups)


def _shards(n: int) -> tuple[range, ...]:
    """All groups of documents in n ranges."""
    return tuple(range(k * GROUPS // n, (k + 1) * GROUPS // n) for k in range(n))


def _on_the_way(run: Divisible, blocks: list[_Block], held: Held, models: list[int]) -> list[int]:
    """Have blocks that read a model measure it, where there is room; those that are left."""
    pieces, reading = pieces_of(run), defaultdict[int, list[_Block]](list)
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
            alone.append(number)
    return alone


class _Block:
    """Pieces that are computed together.

    Attributes:
        pairs: numbers of pairs.
        models: numbers of models whose moments and profiles are taken on the way.
        reads: models that it runs.
        n_passes: times that it reads the text.
        n_neurons: that have rows, for each partner model.
    """

    def __init__(self, run: Divisible, held: Held) -> None:
        self._run, self._held = run, held
        self.pairs: list[int] = []
        self.models: list[int] = []
        self.reads: set[int] = set()
        self.n_passes = 1
        self._populations: set[int] = set()
        self._bytes, self.n_neurons = held.common, 0

    def has_room_for(self, size: int) -> bool:
        """Whether so many bytes more fit into memory."""
        return self._bytes + size <= self._held.room

    def add_model(self, number: int, size: int) -> None:
        """Take a model whose profile holds so many bytes."""
        self.models.append(number)
        self._bytes += size

    def takes(self, number: int, piece: Share, most_neurons: int | None) -> bool:
        """Take a pair, if there is room for it and its rows; the first one in any case."""
        (pair,) = piece.pairs
        populations, reads = piece.populations(self._run), self.reads | piece.subjects(self._run)
        size = self._held.pairs[pair] + sum(self._held.populations[p] for p in populations - self._populations)
        neurons = self.n_neurons + sum(_units(self._run, p) for p in pair)
        networks = sum(self._held.networks[model] for model in reads)
        is_short = most_neurons is None or neurons <= most_neurons
        fits = self.has_room_for(size) and is_short and networks <= _MOST_NETWORKS
        if self.pairs and not fits:
            return False
        self.pairs.append(number)
        self.reads, self.n_neurons = reads, neurons
        self._populations |= populations
        self._bytes += size
        return True

    def shares(self, n: int, pieces: Sequence[Share]) -> tuple[tuple[int, ...], ...]:
        """About n shares of its pairs, more where their rows are too many, and one of each of its models."""
        found = list[list[int]]()
        most, neurons = min(_MOST_NEURONS, self.n_neurons / n), 0
        for number in sorted(self.pairs):
            own = sum(_units(self._run, p) for p in pieces[number].pairs[0])
            if not found or neurons + own > most:
                found.append([])
                neurons = 0
            found[-1].append(number)
            neurons += own
        return (*((number,) for number in self.models), *(tuple(share) for share in found))


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

    def blocks(self, n: int, most_neurons: int | None) -> list[_Block]:
        """All of them, each with an nth of the products that are left, and rows of so many neurons at most."""
        blocks, products = [], sum(self._products.values())
        while self._left:
            block = self._block(products // n, most_neurons)
            products -= sum(self._products[number] for number in block.pairs)
            blocks.append(block)
        return blocks

    def _block(self, most: int, most_neurons: int | None) -> _Block:
        """The next block, of about so many products, or of one pair."""
        block = _Block(self._run, self._held)
        following = [next(iter(self._left))]
        passes, taken = self._passes[following[0]], set[frozenset[int]]()
        block.n_passes = max(1, len(passes))
        while following:
            for number in following:
                reads = frozenset(self._reads[number])
                most -= self._products[number]
                # Another site of models that are run for a pair anyway is not worth a share of its own.
                is_enough = bool(taken) and reads not in taken and 2 * most < -self._products[number]
                if is_enough or not block.takes(number, self._left[number], most_neurons):
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
