"""The plan of an experiment: everything that decides the bits of its rows, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from ingest.runs.plan import PlannedModel

# Raised with every change of the code that changes a number of an experiment.
EXPERIMENT_ARITHMETIC = 1


@dataclass(frozen=True)
class ExperimentPlan:
    """What an experiment does, to what, on which rows of text.

    Attributes:
        kind: ablation, pairs, entropy, attention, layers or lens.
        models: one; two for pairs.
        neurons: what the study asks for; None for layers.
        selection: what they were chosen on; None for layers.
        sets_hash: of the sets of neurons, their means and energies; None for layers.
        settings: of the kind, as JSON.
        tokens_fingerprint: of the corpus.
        groups_hash: of the groups of documents that its rows belong to.
        first_group: rows of earlier groups are left out.
        n_rows: rows that are read: the first ones of those groups.
        context: tokens per row.
        classes: features of syntax of the next token, which losses are told apart by.
        tokenizer_hash: of the tokenizer, which decides the positions that count.
        batch_rows: rows of one forward pass.
        dtype: number format of the forward passes.
        device: torch device.
        threads: CPU threads.
        arithmetic: version of our own computation.
        torch_version: the library that does the arithmetic.
        transformers_version: the library that runs the models.
    """

    kind: str
    models: tuple[PlannedModel, ...]
    neurons: str | None
    selection: str | None
    sets_hash: str | None
    settings: str
    tokens_fingerprint: str
    groups_hash: str
    first_group: int
    n_rows: int
    context: int
    classes: tuple[str, ...]
    tokenizer_hash: str
    batch_rows: int
    dtype: str
    device: str
    threads: int
    arithmetic: int
    torch_version: str
    transformers_version: str

    @property
    def run(self) -> str:
        """Id of the run: a fingerprint of the plan."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()[:16]

    def as_json(self) -> str:
        """The plan as canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True)
