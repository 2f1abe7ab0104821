"""From a study's [[experiments]] to what is run: one job per experiment and model, or per pair of models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from ingest.corpus.texts import token_texts
from ingest.experiments.ablation import ablations, set_rows
from ingest.experiments.controls import NeuronSet, Place, Population, by_layer, sets_hash, with_controls
from ingest.experiments.layers import layer_edits, lens_edits
from ingest.experiments.pairs import NeuronPair, PairChanges
from ingest.experiments.passes import EditedPasses, Work
from ingest.experiments.streams import LensPasses
from ingest.experiments.words import WordPieces
from ingest.recipes.experiment_plans import Job, content_hash, fingerprint_of, forward_of, plan_of, rows_read
from ingest.recipes.measuring import Opened
from ingest.recipes.neuron_sets import Chosen, Marts, named_neuron
from ingest.recipes.probe_jobs import check_suffix, probe_job
from ingest.recipes.single_neuron_jobs import attention_job, entropy_job
from ingest.recipes.subjects import Subject
from ingest.study_experiments import Ablation, Attention, Entropy, Experiment, Layers, Lens, Pairs, Probe


def check_experiments(opened: Opened) -> None:
    """Refuse what can be known to be wrong before anything is measured.

    Raises:
        InputError: if a named neuron does not exist, or there is less text than asked for.
    """
    for experiment in opened.study.experiments:
        assert opened.rows is not None
        rows_read(experiment, opened.rows, 0)
        if isinstance(experiment, Probe):
            check_suffix(opened, experiment)
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
        if isinstance(experiment, Layers | Lens):
            for subject in subjects:
                yield _layers(opened, experiment, subject)
            continue
        marts = marts or Marts(warehouse, measured)
        if isinstance(experiment, Pairs):
            for one, other in combinations(subjects, 2):
                yield _pairs(opened, experiment, (one, other), marts)
        for subject in subjects:
            if isinstance(experiment, Ablation):
                yield _ablation(opened, experiment, subject, marts)
            elif isinstance(experiment, Entropy):
                yield entropy_job(opened, experiment, subject, marts)
            elif isinstance(experiment, Attention):
                yield attention_job(opened, experiment, subject, marts)
            elif isinstance(experiment, Probe):
                yield probe_job(opened, experiment, subject, marts)


def _subjects(opened: Opened, experiment: Experiment) -> list[Subject]:
    names = {model.name for model in opened.study.models_of(experiment)}
    return [subject for subject in opened.subjects if subject.identity.name in names]


def _ablation(opened: Opened, experiment: Ablation, subject: Subject, marts: Marts) -> Job:
    population = marts.population(subject)
    chosen = marts.choose(experiment.neurons, subject, fingerprint_of(opened))
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
    content = content_hash(sets_hash(sets), *population.known)
    plan, numbers = plan_of(opened, experiment, [subject], chosen, content)

    def work() -> Work:
        forward = forward_of(subject, plan)
        return EditedPasses(forward, ablations(forward, sets, population, experiment.modes))

    return Job(plan, [subject], numbers, set_rows(sets, population), work)


def _pairs(opened: Opened, experiment: Pairs, subjects: tuple[Subject, Subject], marts: Marts) -> Job:
    populations = (marts.population(subjects[0]), marts.population(subjects[1]))
    pairs: list[NeuronPair] = []
    chosen: list[Chosen] = []
    for side in (0, 1):
        found = marts.choose(experiment.neurons, subjects[side], fingerprint_of(opened))
        chosen.append(found)
        partners = marts.partners(subjects[side].identity.name, subjects[1 - side].identity.name)
        pairs += _matched(side, found.neurons, partners, populations[1 - side], experiment)
    known = [values for population in populations for values in population.known]
    content = content_hash(json.dumps([[p.model, p.neuron, p.other, p.control] for p in pairs]), *known)
    later = max(chosen, key=lambda of: of.first_group)
    plan, numbers = plan_of(opened, experiment, list(subjects), later, content)

    def work() -> Work:
        one, other = (forward_of(subject, plan) for subject in subjects)
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
    plan, numbers = plan_of(opened, experiment, [subject], None, None)

    def work() -> Work:
        forward = forward_of(subject, plan)
        if isinstance(experiment, Layers):
            return EditedPasses(forward, layer_edits(forward, experiment.edits))
        assert isinstance(experiment, Lens)
        texts = [token.text for token in token_texts(opened.vocabulary)]
        return LensPasses(forward, lens_edits(forward), WordPieces.of(texts, experiment.pieces))

    return Job(plan, [subject], numbers, [], work)
