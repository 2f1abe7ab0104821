"""Entropy and attention neurons: which neurons and heads, beside which others, and what is done to them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

import numpy as np
import polars as pl
import torch

from ingest.errors import InputError
from ingest.experiments.controls import Place, Population, nearest
from ingest.experiments.entropy import EntropyNeuron, EntropyPasses, fixed_neurons, own_quantiles
from ingest.experiments.passes import Work
from ingest.experiments.paths import HeadPath, PathAblations
from ingest.experiments.responses import Frequency, final_norm_of
from ingest.recipes.experiment_batches import batches, token_counts
from ingest.recipes.experiment_plans import Job, content_hash, fingerprint_of, forward_of, plan_of
from ingest.recipes.measuring import Opened
from ingest.recipes.neuron_sets import Marts
from ingest.recipes.subjects import Subject
from ingest.study_experiments import Attention, Entropy

# Where the published controls are from, and what the random ones are below and above of, over all neurons.
_LAST_LAYERS, _L2_SHARE, _VAR_SHARE = 2, 0.9, 0.1
# What a neuron's own quantiles are taken on, from the beginning of the experiment's text.
_PILOT_TOKENS = 32_768


def entropy_job(opened: Opened, experiment: Entropy, subject: Subject, marts: Marts) -> Job:
    """Neurons fixed at values, and ablated with the final norm free and frozen.

    Raises:
        InputError: if the marts have no such neurons, or the model has no final norm.
    """
    rows = opened.rows
    assert rows is not None
    final_norm_of(subject.identity.name, subject.sites)
    population = marts.population(subject)
    chosen = marts.choose(experiment.neurons, subject, fingerprint_of(opened))
    neurons = _with_controls(chosen.neurons, experiment, population, marts.properties(subject), subject)
    content = content_hash(json.dumps([asdict(neuron) for neuron in neurons]), *population.known)
    plan, numbers = plan_of(opened, experiment, [subject], chosen, content)

    def work() -> Work:
        forward = forward_of(subject, plan)
        places = sorted({neuron.place for neuron in neurons})
        own: dict[Place, dict[float, float]] = {place: {} for place in places}
        if experiment.quantiles:
            pilot = batches(plan, rows, opened.vocabulary, numbers[: -(-_PILOT_TOKENS // plan.context)])
            own = own_quantiles(forward, pilot, places, experiment.quantiles)
        counts = torch.from_numpy(token_counts(rows, opened.vocabulary))
        width = int(subject.network.config.vocab_size)  # type: ignore[union-attr, arg-type]
        frequency = Frequency.of(counts, width, torch.device(plan.device))
        fixed = fixed_neurons(places, population, experiment.values, own)
        return EntropyPasses(forward, neurons, population, fixed, frequency)

    return Job(plan, [subject], numbers, [], work)


def _with_controls(
    asked: list[Place], experiment: Entropy, population: Population, properties: pl.DataFrame, subject: Subject
) -> list[EntropyNeuron]:
    """The asked neurons, then those of their norm, random ones, and those that write along the log frequency."""
    shape = population.is_dead.shape
    norms = properties["w_out_norm"].to_numpy().reshape(shape)
    others = population.others(asked)
    found = [(place, "asked", place[1]) for place in asked]
    found += [(near, "norm", place[1]) for place in asked for near in nearest(place, norms, others, experiment.matched)]
    late = properties.filter(pl.Series(others.flatten()), pl.col("layer") >= subject.sites.n_layers - _LAST_LAYERS)
    l2, var = (
        properties["l2_penalty"].quantile(_L2_SHARE, "linear"),
        properties["vocab_var"].quantile(_VAR_SHARE, "linear"),
    )
    pool = late.filter(pl.col("l2_penalty") <= l2, pl.col("vocab_var") >= var).select("layer", "neuron").rows()
    generator = np.random.default_rng(experiment.seed)
    drawn = generator.choice(len(pool), min(experiment.random, len(pool)), replace=False)
    found += [(pool[k], "random", pool[k][1]) for k in sorted(drawn)]
    along = late.drop_nulls("along").sort("along", descending=True, maintain_order=True).head(experiment.frequency)
    found += [(place, "frequency", place[1]) for place in along.select("layer", "neuron").rows()]
    return [EntropyNeuron(place, control, of, float(norms[place])) for place, control, of in found]


def attention_job(opened: Opened, experiment: Attention, subject: Subject, marts: Marts) -> Job:
    """Neurons taken out of the queries of the heads that they turn to BOS, or away from it.

    Raises:
        InputError: if the marts have no such neurons, or none that meets a head.
    """
    name = subject.identity.name
    population = marts.population(subject)
    chosen = marts.choose(experiment.neurons, subject, fingerprint_of(opened))
    asked = set(chosen.neurons)
    met = [row for row in marts.heads(subject, experiment.heads).rows() if row[:2] in asked]
    if not met:
        raise InputError(
            f"[[experiments]] neurons = {experiment.asked!r}: none of them meets a head of model {name}: there is none "
            "behind the last layer, and without a BOS token there are no scores"
        )
    strongest = set(list(dict.fromkeys(row[:2] for row in met))[: experiment.most])
    paths = _paths([row for row in met if row[:2] in strongest], experiment.matched, population, asked)
    content = content_hash(json.dumps([asdict(path) for path in paths]))
    plan, numbers = plan_of(opened, experiment, [subject], chosen, content)
    return Job(plan, [subject], numbers, [], lambda: PathAblations(forward_of(subject, plan), paths))


def _paths(
    met: Iterable[tuple[int, int, int, int]], matched: int, population: Population, asked: set[Place]
) -> list[HeadPath]:
    """Each neuron's paths, and those of neurons of its layer that write as much energy to the same head."""
    others = population.others(asked)
    paths = []
    for layer, neuron, head_layer, head in met:
        paths.append(HeadPath(layer, neuron, head_layer, head, "asked", neuron, 0))
        for draw, (_, near) in enumerate(nearest((layer, neuron), population.energy, others, matched)):
            paths.append(HeadPath(layer, near, head_layer, head, "energy", neuron, draw))
    return paths
