"""Probes of a suffix: which neurons they read, at which positions."""

from __future__ import annotations

import json

import numpy as np
import torch
from numpy.typing import NDArray

from ingest.corpus.texts import token_texts
from ingest.errors import InputError
from ingest.experiments.controls import Place, Population
from ingest.experiments.examples import Examples, balanced, ends_in
from ingest.experiments.passes import Work
from ingest.experiments.probing import ProbedNeuron, SuffixProbes
from ingest.measure.outputs import Writing
from ingest.recipes.experiment_batches import counted
from ingest.recipes.experiment_plans import Job, content_hash, forward_of, plan_of, rows_read
from ingest.recipes.measuring import Opened
from ingest.recipes.neuron_sets import Chosen, Marts
from ingest.recipes.subjects import Subject
from ingest.study_experiments import Probe

# Fewer examples than this in a half of the documents say nothing.
_FEWEST = 20
_ROLES = ("prediction", "suppression")


def check_suffix(opened: Opened, experiment: Probe) -> None:
    """Refuse a suffix that too few tokens of the text have.

    Raises:
        InputError: if it is so.
    """
    has_suffix = _has_suffix(opened, experiment)
    n = _examples(opened, experiment, has_suffix).n_least()
    if n < _FEWEST:
        raise InputError(
            f"[[experiments]] kind = 'probe': {int(has_suffix.sum())} tokens of the vocabulary end in "
            f"{experiment.suffix!r}, and a half of the documents has {n} of them with {experiment.context} tokens in "
            f"front, {_FEWEST} are needed: take a more frequent suffix, or more text"
        )


def probe_job(opened: Opened, experiment: Probe, subject: Subject, marts: Marts) -> Job:
    """The probes of one model.

    Raises:
        InputError: if no neuron of the model is a prediction or suppression neuron in the built marts.
    """
    name = subject.identity.name
    has_suffix = _has_suffix(opened, experiment)
    roles = {role: marts.with_role(role, name) for role in _ROLES}
    if not any(roles.values()):
        raise InputError(f"[[experiments]] kind = 'probe': model {name} has no prediction or suppression neurons")
    neurons = probed_neurons(subject.writing, marts.population(subject), roles, has_suffix, experiment)
    examples = _examples(opened, experiment, has_suffix)
    content = json.dumps([[n.kind, n.layer, n.neuron] for n in neurons])
    digest = content_hash(content, has_suffix)
    plan, numbers = plan_of(opened, experiment, [subject], Chosen([], "weights", 0), digest)

    def work() -> Work:
        return SuffixProbes(forward_of(subject, plan), neurons, examples, has_suffix, experiment.sizes)

    return Job(plan, [subject], numbers, [], work)


def probed_neurons(
    writing: Writing,
    population: Population,
    roles: dict[str, list[Place]],
    has_suffix: NDArray[np.bool_],
    experiment: Probe,
) -> list[ProbedNeuron]:
    """Of each role the neurons that act most differently on tokens with the suffix, and random ones of their layers.

    Args:
        writing: what the model's neurons write.
        population: which of them live.
        roles: neurons of each role.
        has_suffix: of every token id.
        experiment: how many of each.
    """
    tokens = writing.tokens.double()
    of_suffix = torch.from_numpy(has_suffix[: len(tokens)])
    direction = tokens[of_suffix].mean(0) - tokens[~of_suffix].mean(0)
    effects = (writing.neurons.double() @ direction).numpy()
    found = []
    for role, places in roles.items():
        ranked = sorted(places, key=lambda place: (-abs(effects[place]), place))
        found += [ProbedNeuron(role, *place, float(effects[place])) for place in ranked[: experiment.most]]
    left = {(n.layer, n.neuron) for n in found}
    layers = [n.layer for n in found]
    generator = np.random.default_rng(experiment.seed)
    for k in range(experiment.random):
        layer = layers[k % len(layers)]
        pool = [n for n in np.flatnonzero(~population.is_dead[layer]).tolist() if (layer, n) not in left]
        if not pool:
            continue
        neuron = int(generator.choice(pool))
        left.add((layer, neuron))
        found.append(ProbedNeuron("random", layer, neuron, float(effects[layer, neuron])))
    return found


def _has_suffix(opened: Opened, experiment: Probe) -> NDArray[np.bool_]:
    return ends_in([token.text for token in token_texts(opened.vocabulary)], experiment.suffix)


def _examples(opened: Opened, experiment: Probe, has_suffix: NDArray[np.bool_]) -> Examples:
    rows = opened.rows
    assert rows is not None
    numbers = rows_read(experiment, rows, 0)
    ids = np.asarray(rows.ids[numbers])
    return balanced(
        ids,
        counted(ids, opened.vocabulary),
        rows.groups[numbers],
        numbers,
        has_suffix,
        context=experiment.context,
        most=experiment.examples,
        seed=experiment.seed,
    )
