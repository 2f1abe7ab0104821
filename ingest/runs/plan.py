"""The plan of a run: everything that decides the bits of its result, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

_PARTS = 8

# Raised with every change of the code that changes a number, so that no run mixes two ways of computing it.
ARITHMETIC = 1


@dataclass(frozen=True)
class PlannedModel:
    """A model as far as it decides the result."""

    name: str
    model_family: str
    seed: int | None
    step: int | None
    weights_hash: str


@dataclass(frozen=True)
class Plan:
    """What a run computes, on what, and in which steps.

    Attributes:
        models: in the order of the study.
        pairs: unordered pairs of model indices; empty without correlations.
        moments: whether power sums are kept.
        tokens_fingerprint: of the token rows; None for a study of weights alone.
        tokenizer_hash: of the models' tokenizer, which decides the strata and the vocabulary.
        n_rows: rows of the corpus.
        context: tokens per row.
        pilot_rows: rows that shifts and scales are taken from.
        batch_rows: rows of one forward pass.
        part_rows: rows of one part, a multiple of batch_rows; the last part may be shorter.
        dtype: number format of the forward passes.
        device: torch device type; another one rounds otherwise.
        threads: CPU threads; another number rounds otherwise.
        draws: rotations per layer; 0 without correlations.
        baseline_seed: of the rotations.
        arithmetic: version of our own computation.
        torch_version: the library that does the arithmetic.
        transformers_version: the library that runs the models.
    """

    models: tuple[PlannedModel, ...]
    pairs: tuple[tuple[int, int], ...]
    moments: bool
    tokens_fingerprint: str | None
    tokenizer_hash: str
    n_rows: int
    context: int
    pilot_rows: int
    batch_rows: int
    part_rows: int
    dtype: str
    device: str
    threads: int
    draws: int
    baseline_seed: int
    arithmetic: int
    torch_version: str
    transformers_version: str

    @property
    def run(self) -> str:
        """Id of the run: a fingerprint of the plan."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:16]

    @property
    def parts(self) -> list[tuple[int, int]]:
        """First row and row after the last of every part."""
        return [(start, min(start + self.part_rows, self.n_rows)) for start in range(0, self.n_rows, self.part_rows)]

    def as_json(self) -> str:
        """The plan as canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True)


def part_rows(n_rows: int, batch_rows: int) -> int:
    """Rows per part: about eight parts per run, each a whole number of batches."""
    batches = -(-n_rows // batch_rows)
    return max(1, -(-batches // _PARTS)) * batch_rows
