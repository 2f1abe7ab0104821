"""The plan of a run: everything that decides the bits of its result, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ingest.names import GROUPS

# Raised with every change of the code that changes a number, so that no run mixes two ways of computing it.
ARITHMETIC = 6

MethodName = Literal["exact", "refined", "sketch"]


@dataclass(frozen=True)
class PlannedModel:
    """A model as far as it decides the result."""

    name: str
    model_family: str
    seed: int | None
    step: int | None
    weights_hash: str


@dataclass(frozen=True)
class PlannedPopulation:
    """What is correlated: the units of a model at a site, or of its random-weight twin.

    Attributes:
        model: index of the model.
        site: of the units.
        n_layers: layers.
        width: units per layer.
        is_twin: whether the model's weights are replaced by random ones.
        twin: the population with random weights that stands in for this one; None without that floor.
    """

    model: int
    site: str
    n_layers: int
    width: int
    is_twin: bool = False
    twin: int | None = None


@dataclass(frozen=True)
class Method:
    """How correlations are computed.

    Attributes:
        name: exact, refined or sketch.
        buckets: of each sketch; None where nothing is sketched.
        sketch_seed: of buckets and signs.
        pilot_tokens: positions that candidates are chosen on; None unless refined.
        max_candidates: per unit and partner model; None unless refined.
    """

    name: MethodName
    buckets: int | None = None
    sketch_seed: int | None = None
    pilot_tokens: int | None = None
    max_candidates: int | None = None


@dataclass(frozen=True)
class PlannedSimulation:
    """How a seed of each model is simulated: (1 - s) a + s R a + noise on its post-activations.

    Attributes:
        strength: share s of the rotated activations.
        noise: standard deviation of the noise, in those of the neurons on the run's first rows.
        seed: of rotations and noise.
    """

    strength: float
    noise: float
    seed: int


@dataclass(frozen=True)
class Part:
    """Rows of one group of documents within one round.

    Attributes:
        group: of documents.
        rows: numbers of the rows in the corpus.
    """

    group: int
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """What a run computes, on what, and in which steps.

    Attributes:
        models: in the order of the study.
        populations: what is correlated, twins last.
        pairs: unordered pairs of populations; empty without correlations.
        depth_window: largest difference of relative depths within a pair; None for all.
        moments: whether power sums are kept.
        tokens_fingerprint: of the token rows; None for a study of weights alone.
        groups_hash: of the groups that the rows belong to.
        tokenizer_hash: of the models' tokenizer, which decides the strata and the vocabulary.
        bucket_starts: first bucket of each group of documents, and the end; empty without sketches.
        rounds: row after the last one of each round; a round holds every group of documents once.
        context: tokens per row.
        place_rows: rows that shifts and scales are taken from.
        features: what the study says of features, the hash of its own ones, and the parser; None without profiles.
        profile_rows: rows that say which features are common enough.
        batch_rows: rows of one forward pass.
        dtype: number format of the forward passes.
        operand: number format of standardised activations in products.
        device: torch device type; another one rounds otherwise.
        threads: CPU threads; another number rounds otherwise.
        method: how correlations are computed; None without correlations.
        tiles_per_pass: exact tiles of each pass over the text, because not all fit in memory at once; (0,) without.
        draws: rotations per layer; 0 without correlations.
        baseline_seed: of the rotations and of the other floors.
        floors: other null floors than the rotation.
        halves: whether the two halves of the documents are measured apart.
        arithmetic: version of our own computation.
        torch_version: the library that does the arithmetic.
        transformers_version: the library that runs the models.
        simulation: how the partners are simulated, which stand after the models' populations in their order; None
            where they are models.
        parent: finished run that this one extends; None if it begins anew.
        inherited: models at the front whose sums, and whose pairs', are taken over from the parent.
    """

    models: tuple[PlannedModel, ...]
    populations: tuple[PlannedPopulation, ...]
    pairs: tuple[tuple[int, int], ...]
    depth_window: float | None
    moments: bool
    tokens_fingerprint: str | None
    groups_hash: str | None
    tokenizer_hash: str
    bucket_starts: tuple[int, ...]
    rounds: tuple[int, ...]
    context: int
    place_rows: int
    features: str | None
    profile_rows: int
    batch_rows: int
    dtype: str
    operand: str
    device: str
    threads: int
    method: Method | None
    tiles_per_pass: tuple[int, ...]
    draws: int
    baseline_seed: int
    floors: tuple[str, ...]
    halves: bool
    arithmetic: int
    torch_version: str
    transformers_version: str
    simulation: PlannedSimulation | None = None
    parent: str | None = None
    inherited: int = 0

    @property
    def run(self) -> str:
        """Id of the run: a fingerprint of the plan."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:16]

    @property
    def n_passes(self) -> int:
        """Times that the text is read."""
        return len(self.tiles_per_pass)

    @property
    def n_rows(self) -> int:
        """Rows of the corpus."""
        return self.rounds[-1] if self.rounds else 0

    def simulated_from(self, population: int) -> int | None:
        """The population that a simulated one is made from; None for one that is read."""
        is_made = self.simulation is not None and population >= len(self.models)
        return population - len(self.models) if is_made else None

    @property
    def twins(self) -> list[tuple[int, int]]:
        """Pairs (population, twin of a partner), each once."""
        sides = {side for a, b in self.pairs for side in ((a, self.populations[b].twin), (b, self.populations[a].twin))}
        return sorted((a, twin) for a, twin in sides if twin is not None)

    def as_json(self) -> str:
        """The plan as canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True)


def groups_hash(groups: NDArray[np.uint8]) -> str:
    """Hash of the groups of documents that rows belong to."""
    return hashlib.sha256(groups.tobytes()).hexdigest()


def parts(rounds: tuple[int, ...], groups: NDArray[np.uint8]) -> list[Part]:
    """The parts of a run in their order: round by round, within it group by group, empty ones left out.

    Args:
        bucket_starts: first bucket of each group of documents, and the end; empty without sketches.
        rounds: row after the last one of each round.
        groups: group of documents of every row.
    """
    found = []
    for first, last in zip((0, *rounds), rounds, strict=False):
        of_round = groups[first:last]
        for group in range(GROUPS):
            rows = np.flatnonzero(of_round == group) + first
            if len(rows):
                found.append(Part(group, rows))
    return found
