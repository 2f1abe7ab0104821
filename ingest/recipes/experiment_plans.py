"""What an experiment is when it is about to run: its plan, its models, the rows that it reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from ingest.corpus.store import TokenRows
from ingest.errors import InputError
from ingest.experiments.forward import Forward
from ingest.experiments.passes import Frames, Work
from ingest.recipes.measuring import Opened
from ingest.recipes.memory import limit
from ingest.recipes.neuron_sets import Chosen
from ingest.recipes.planning import device_of, threads_of
from ingest.recipes.subjects import Subject
from ingest.runs.experiment_plan import EXPERIMENT_ARITHMETIC, ExperimentPlan
from ingest.runs.plan import PlannedModel, groups_hash
from ingest.study import Study
from ingest.study_experiments import Experiment

# Of a (rows, context, vocabulary) tensor of float32, and how many such a batch holds at most.
_CPU_BYTES, _CUDA_BYTES, _TENSORS = 2**27, 2**31, 6


@dataclass(frozen=True)
class Job:
    """An experiment on one model, or on two.

    Attributes:
        plan: of its run.
        subjects: the models.
        numbers: rows of the corpus that it reads, ascending.
        opening: rows that are written before the first part, besides those of the work.
        work: makes what is done with every batch, on the plan's device.
    """

    plan: ExperimentPlan
    subjects: list[Subject]
    numbers: NDArray[np.int64]
    opening: Frames
    work: Callable[[], Work]


def forward_of(subject: Subject, plan: ExperimentPlan) -> Forward:
    """The network on the plan's device and in its precision."""
    network = subject.network.to(device=plan.device, dtype=getattr(torch, plan.dtype))
    return Forward(subject.identity.name, network, subject.sites)


def fingerprint_of(opened: Opened) -> str:
    """Of the study's token rows."""
    assert opened.rows is not None
    return opened.rows.manifest.fingerprint


def content_hash(content: str, *known: NDArray[np.float64 | np.bool_]) -> str:
    """sha256 of what is done, and of what is known of the neurons or tokens that it is done to."""
    digest = hashlib.sha256(content.encode())
    for values in known:
        digest.update(values.tobytes())
    return digest.hexdigest()


def rows_read(experiment: Experiment, rows: TokenRows, first_group: int) -> NDArray[np.int64]:
    """Rows that an experiment reads: the first ones of the groups of documents that it may read, from `first_group` on.

    Raises:
        InputError: if there are fewer than it asks for.
    """
    allowed = np.flatnonzero(rows.groups >= first_group)
    context = rows.ids.shape[1]
    wanted = len(allowed) if experiment.tokens is None else -(-experiment.tokens // context)
    if wanted > len(allowed) or not len(allowed):
        where = "" if not first_group else " in the half of the documents that its neurons were not chosen on"
        raise InputError(
            f"[[experiments]] tokens = {experiment.tokens}: the corpus has {len(allowed) * context}{where}: "
            "ask for fewer, or give it more"
        )
    return allowed[:wanted]


def plan_of(
    opened: Opened, experiment: Experiment, subjects: list[Subject], chosen: Chosen | None, content: str | None
) -> tuple[ExperimentPlan, NDArray[np.int64]]:
    """The plan of an experiment's run, and the rows that it reads.

    Args:
        opened: the study.
        experiment: what it asks for.
        subjects: the models.
        chosen: the neurons; None for layers.
        content: hash of what is done to them; None for layers.

    Raises:
        InputError: if there is less text than asked for.
    """
    study, rows = opened.study, opened.rows
    assert rows is not None
    first_group = chosen.first_group if chosen is not None else 0
    numbers = rows_read(experiment, rows, first_group)
    device, context = device_of(study), rows.ids.shape[1]
    settings = experiment.model_dump(exclude={"kind", "models", "tokens", "neurons"})
    plan = ExperimentPlan(
        kind=experiment.kind,
        models=tuple(
            PlannedModel(s.identity.name, s.identity.model_family, s.identity.seed, s.identity.step, s.weights_hash)
            for s in subjects
        ),
        neurons=getattr(experiment, "asked", None),
        selection=chosen.selection if chosen is not None else None,
        sets_hash=content,
        settings=json.dumps(settings, sort_keys=True),
        tokens_fingerprint=rows.manifest.fingerprint,
        groups_hash=groups_hash(rows.groups),
        first_group=first_group,
        n_rows=len(numbers),
        context=context,
        classes=() if rows.syntax is None else tuple(f.name for f in rows.syntax_table.features),
        tokenizer_hash=opened.vocabulary.hash,
        batch_rows=_batch_rows(study, subjects, context, device),
        dtype=study.device.dtype,
        device=device,
        threads=threads_of(study),
        arithmetic=EXPERIMENT_ARITHMETIC,
        torch_version=torch.__version__,
        transformers_version=transformers.__version__,
    )
    return plan, numbers


def _batch_rows(study: Study, subjects: list[Subject], context: int, device: str) -> int:
    """Rows of one forward pass: as many as leave a few tensors of logits in memory."""
    if study.device.batch_rows is not None:
        return study.device.batch_rows
    row = 4 * context * max(int(s.network.config.vocab_size) for s in subjects)  # type: ignore[union-attr, arg-type]
    most = _CUDA_BYTES if device.startswith("cuda") else _CPU_BYTES
    return max(1, min(most, limit(study.device.memory, device) // _TENSORS) // row)
