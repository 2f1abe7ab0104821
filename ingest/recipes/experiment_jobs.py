"""From a study's [[experiments]] to what is run: one job per experiment and model, or per pair of models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from ingest.corpus.store import TokenRows
from ingest.errors import InputError
from ingest.experiments.ablation import ablations, set_rows
from ingest.experiments.controls import NeuronSet, Population, by_layer, sets_hash, with_controls
from ingest.experiments.forward import Forward
from ingest.experiments.layers import layer_edits, lens_edits
from ingest.experiments.pairs import NeuronPair, PairChanges
from ingest.experiments.passes import EditedPasses, Frames, Work
from ingest.experiments.streams import LensPasses
from ingest.recipes.measuring import Opened
from ingest.recipes.memory import limit
from ingest.recipes.neuron_sets import Chosen, Marts, Place, named_neuron
from ingest.recipes.planning import device_of, threads_of
from ingest.recipes.subjects import Subject
from ingest.runs.experiment_plan import EXPERIMENT_ARITHMETIC, ExperimentPlan
from ingest.runs.plan import PlannedModel, groups_hash
from ingest.study import Study
from ingest.study_experiments import Ablation, Experiment, Layers, Pairs

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


def check_experiments(opened: Opened) -> None:
    """Refuse what can be known to be wrong before anything is measured.

    Raises:
        InputError: if a named neuron does not exist, or there is less text than asked for.
    """
    for experiment in opened.study.experiments:
        assert opened.rows is not None
        _numbers(experiment, opened.rows, 0)
        names = getattr(experiment, "neurons", None)
        for subject in _subjects(opened, experiment):
            for name in names if isinstance(names, list) else ():
                named_neuron(name, subject)


def jobs_of(opened: Opened, measured: str, warehouse: Path) -> Iterator[Job]:
    """All experiments of a study, in its order.

    Args:
        opened: the study.
        measured: run of its measures.
        warehouse: whose published marts say which neurons are meant.

    Raises:
        InputError: if the marts are not built, or have none such.
    """
    marts: Marts | None = None
    for experiment in opened.study.experiments:
        subjects = _subjects(opened, experiment)
        if isinstance(experiment, Ablation | Pairs) and marts is None:
            marts = Marts(warehouse, measured)
        if isinstance(experiment, Ablation):
            assert marts is not None
            for subject in subjects:
                yield _ablation(opened, experiment, subject, marts)
        elif isinstance(experiment, Pairs):
            assert marts is not None
            for one, other in combinations(subjects, 2):
                yield _pairs(opened, experiment, (one, other), marts)
        else:
            for subject in subjects:
                yield _layers(opened, experiment, subject)


def _subjects(opened: Opened, experiment: Experiment) -> list[Subject]:
    names = {model.name for model in opened.study.models_of(experiment)}
    return [subject for subject in opened.subjects if subject.identity.name in names]


def _ablation(opened: Opened, experiment: Ablation, subject: Subject, marts: Marts) -> Job:
    population = marts.population(subject)
    chosen = marts.choose(experiment.neurons, subject, _fingerprint(opened))
    members = by_layer(chosen.neurons)
    whole = NeuronSet("asked", 0, None, members)
    sets = with_controls(whole, population, random=experiment.random, energy=experiment.matched, seed=experiment.seed)
    for layer in members if experiment.by_layer else ():
        sets += with_controls(
            NeuronSet("asked", 0, layer, {layer: members[layer]}),
            population,
            random=experiment.random_per_layer,
            energy=experiment.matched_per_layer,
            seed=experiment.seed,
        )
    content = _hash(sets_hash(sets), population)
    plan, numbers = _plan(opened, experiment, [subject], chosen, content)

    def work() -> Work:
        forward = _forward(subject, plan)
        return EditedPasses(forward, ablations(forward, sets, population, experiment.modes))

    return Job(plan, [subject], numbers, set_rows(sets, population), work)


def _pairs(opened: Opened, experiment: Pairs, subjects: tuple[Subject, Subject], marts: Marts) -> Job:
    populations = (marts.population(subjects[0]), marts.population(subjects[1]))
    pairs: list[NeuronPair] = []
    chosen: list[Chosen] = []
    for side in (0, 1):
        found = marts.choose(experiment.neurons, subjects[side], _fingerprint(opened))
        chosen.append(found)
        partners = marts.partners(subjects[side].identity.name, subjects[1 - side].identity.name)
        pairs += _matched(side, found.neurons, partners, populations[1 - side], experiment)
    content = _hash(json.dumps([[p.model, p.neuron, p.other, p.control] for p in pairs]), *populations)
    later = max(chosen, key=lambda of: of.first_group)
    plan, numbers = _plan(opened, experiment, list(subjects), later, content)

    def work() -> Work:
        one, other = (_forward(subject, plan) for subject in subjects)
        return PairChanges((one, other), populations, pairs, experiment.modes)

    return Job(plan, list(subjects), numbers, [], work)


def _matched(
    side: int, neurons: list[Place], partners: dict[Place, Place], other: Population, experiment: Pairs
) -> list[NeuronPair]:
    """Some of a model's neurons, each with its best partner and with a random neuron of the partner's layer."""
    generator = np.random.default_rng([experiment.seed, side])
    known = [place for place in neurons if place in partners]
    drawn = generator.choice(len(known), min(experiment.most, len(known)), replace=False)
    pairs = []
    for place in sorted(known[k] for k in drawn):
        layer, partner = partners[place]
        living = np.setdiff1d(np.flatnonzero(~other.is_dead[layer]), [partner])
        pairs.append(NeuronPair(side, place, (layer, partner), "matched"))
        if len(living):
            pairs.append(NeuronPair(side, place, (layer, int(generator.choice(living))), "random"))
    return pairs


def _layers(opened: Opened, experiment: Experiment, subject: Subject) -> Job:
    plan, numbers = _plan(opened, experiment, [subject], None, None)

    def work() -> Work:
        forward = _forward(subject, plan)
        if isinstance(experiment, Layers):
            return EditedPasses(forward, layer_edits(forward, experiment.edits))
        return LensPasses(forward, lens_edits(forward))

    return Job(plan, [subject], numbers, [], work)


def _forward(subject: Subject, plan: ExperimentPlan) -> Forward:
    network = subject.network.to(device=plan.device, dtype=getattr(torch, plan.dtype))
    return Forward(subject.identity.name, network, subject.sites)


def _fingerprint(opened: Opened) -> str:
    assert opened.rows is not None
    return opened.rows.manifest.fingerprint


def _hash(content: str, *populations: Population) -> str:
    digest = hashlib.sha256(content.encode())
    for population in populations:
        digest.update(population.mean.tobytes() + population.energy.tobytes())
    return digest.hexdigest()


def _numbers(experiment: Experiment, rows: TokenRows, first_group: int) -> NDArray[np.int64]:
    """Rows that an experiment reads: the first ones of the groups of documents that it may read."""
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


def _plan(
    opened: Opened, experiment: Experiment, subjects: list[Subject], chosen: Chosen | None, content: str | None
) -> tuple[ExperimentPlan, NDArray[np.int64]]:
    study, rows = opened.study, opened.rows
    assert rows is not None
    first_group = chosen.first_group if chosen is not None else 0
    numbers = _numbers(experiment, rows, first_group)
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
