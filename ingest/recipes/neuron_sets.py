"""Which neurons an experiment is about: read from the published marts, so that no threshold is in Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from app.errors import QueryFailed, ReaderError, UnknownQuestion
from app.lists import read_list
from app.questions import question
from app.sandbox import run_query
from ingest.errors import InputError, first_line
from ingest.experiments.controls import Place, Population
from ingest.recipes.subjects import Subject
from ingest.study_experiments import LIST, NEURON

_AGAIN = "run `neurons build`, then this command again (finished work is kept)"


@dataclass(frozen=True)
class Chosen:
    """Neurons of a model.

    Attributes:
        neurons: (layer, neuron), ascending.
        selection: what they were chosen on, as in `raw.experiments`.
        first_group: first group of documents that they may be measured on.
    """

    neurons: list[Place]
    selection: str
    first_group: int


class Marts:
    """The published marts, as far as experiments read them."""

    def __init__(self, warehouse: Path, run: str) -> None:
        """The marts of a warehouse that hold a run.

        Args:
            warehouse: DuckDB file.
            run: that the study measured.

        Raises:
            InputError: if they do not hold it.
        """
        self._warehouse = warehouse
        try:
            found = self._rows("select 1 from marts.runs where run = $run and status = 'finished'", run=run)
        except (InputError, ReaderError):
            found = pl.DataFrame()
        if not len(found):
            raise InputError(f"run {run} is finished, but its [[experiments]] read the built marts: {_AGAIN}")

    def _rows(self, query: str, **values: object) -> pl.DataFrame:
        try:
            return run_query(self._warehouse, query, values).frame
        except QueryFailed as error:
            raise InputError(f"the built marts are of another version ({first_line(error)}): {_AGAIN}") from None

    def population(self, subject: Subject) -> Population:
        """What is known of all neurons of a model.

        Raises:
            InputError: if the marts do not have it.
        """
        name, sites = subject.identity.name, subject.sites
        found = self._rows("select weights_hash from marts.models where model = $model", model=name)
        if found.get_column("weights_hash").to_list() != [subject.weights_hash]:
            raise InputError(f"model {name} is not in the built marts with these weights: {_AGAIN}")
        neurons = self._rows(
            "select post_mean, (post_var + post_mean ** 2) * w_out_norm ** 2 as energy, "
            "coalesce(is_dead, post_var = 0) as is_dead from marts.neurons where model = $model order by layer, neuron",
            model=name,
        )
        if neurons["energy"].null_count() or len(neurons) != sites.n_neurons:
            raise InputError(f"model {name} has no moments in the built marts: measure it with moments = true")
        shape = (sites.n_layers, sites.d_mlp)
        mean, energy, is_dead = (neurons[column].to_numpy().reshape(shape) for column in neurons.columns)
        return Population(mean.astype(np.float64), energy.astype(np.float64), is_dead.astype(bool))

    def choose(self, asked: str | list[str], subject: Subject, fingerprint: str) -> Chosen:
        """The neurons that a study asks for.

        Args:
            asked: universal, a role, a question, list:NAME, or names.
            subject: the model.
            fingerprint: of the token rows that they will be measured on.

        Raises:
            InputError: if there are none such.
        """
        name = subject.identity.name
        if isinstance(asked, list):
            neurons = [named_neuron(each, subject) for each in asked]
            return Chosen(sorted(set(neurons)), "given", 0)
        if asked.startswith(LIST):
            chosen = Chosen(self._listed(asked.removeprefix(LIST), subject), "given", 0)
        elif asked == "universal":
            chosen = self._universal(name, fingerprint)
        elif len(self._rows("select distinct passes from marts.neuron_roles where role = $role", role=asked)):
            chosen = Chosen(self.with_role(asked, name), "weights", 0)
        else:
            chosen = Chosen(self._answer(asked, name), "given", 0)
        if not chosen.neurons:
            where = "this list" if asked.startswith(LIST) else "the built marts"
            raise InputError(f"[[experiments]] neurons = {asked!r}: model {name} has none in {where}")
        return chosen

    def properties(self, subject: Subject) -> pl.DataFrame:
        """What weights and text say of the neurons of a model: one row each, ordered by layer and neuron."""
        return self._rows(
            "select layer, neuron, w_out_norm, l2_penalty, vocab_var, abs(frequency_corr) * sqrt(logit_var) as along "
            "from marts.neurons where model = $model order by layer, neuron",
            model=subject.identity.name,
        )

    def heads(self, subject: Subject, most: int) -> pl.DataFrame:
        """The heads whose attention to BOS each neuron moves most, by weights: at most so many, the strongest first."""
        return self._rows(
            "select layer, neuron, head_layer, head from marts.neuron_heads "
            "where model = $model and kind = 'bos' and rank <= $most "
            "order by abs(score) desc, layer, neuron, rank",
            model=subject.identity.name,
            most=most,
        )

    def partners(self, model: str, other: str) -> dict[Place, Place]:
        """The best partner in another model of every neuron that has one."""
        found = self._rows(
            "select layer, neuron, other_layer, other_neuron from marts.neuron_partners "
            "where model = $model and other_model = $other and other_neuron is not null",
            model=model,
            other=other,
        )
        if not len(found):
            raise InputError(f"[[experiments]] kind = 'pairs': models {model} and {other} were not correlated")
        return {(layer, neuron): (to_layer, to) for layer, neuron, to_layer, to in found.iter_rows()}

    def with_role(self, role: str, model: str) -> list[Place]:
        """The neurons of a model that hold a role, none if there are none."""
        query = "select layer, neuron from marts.neuron_roles where model = $model and role = $role and passes"
        return _places(self._rows(query, model=model, role=role))

    def _universal(self, model: str, fingerprint: str) -> Chosen:
        """Universal on the first half of the documents where that is known of the same text, else on all of it."""
        halves = self._rows(
            "select layer, neuron, is_universal from marts.half_universality inner join marts.runs using (run) "
            "where model = $model and tokens_fingerprint = $fingerprint and first_group = 0",
            model=model,
            fingerprint=fingerprint,
        )
        if len(halves):
            return Chosen(_places(halves.filter("is_universal")), "half", 8)
        whole = self._rows(
            "select layer, neuron, tokens_fingerprint = $fingerprint as is_same from marts.neurons "
            "inner join marts.runs using (run) where model = $model and is_universal",
            model=model,
            fingerprint=fingerprint,
        )
        return Chosen(_places(whole), "same text" if whole["is_same"].any() else "other text", 0)

    def _listed(self, name: str, subject: Subject) -> list[Place]:
        """The neurons of this model that a list beside the warehouse has."""
        model = subject.identity.name
        listed = read_list(self._warehouse, name).neurons
        return [named_neuron(place.label, subject) for place in listed if place.model == model]

    def _answer(self, name: str, model: str) -> list[Place]:
        """The neurons that a question's rows name."""
        try:
            asked = question(name)
        except UnknownQuestion as error:
            raise InputError(f"[[experiments]] neurons = {name!r} is no role, and {error}") from None
        rows = self._rows(asked.sql, **({"model": model} if "model" in asked.parameters else {}))
        if not {"layer", "neuron"} <= set(rows.columns):
            raise InputError(f"[[experiments]] neurons = {name!r}: the question's rows name no layer and neuron")
        return _places(rows.filter(model=model) if "model" in rows.columns else rows)


def _places(rows: pl.DataFrame) -> list[Place]:
    return sorted(rows.select("layer", "neuron").drop_nulls().unique().rows())


def named_neuron(name: str, subject: Subject) -> Place:
    """The (layer, neuron) of a name such as L2.N117.

    Raises:
        InputError: if the model has none such.
    """
    found = NEURON.fullmatch(name)
    assert found is not None
    layer, neuron = int(found[1]), int(found[2])
    sites = subject.sites
    if layer >= sites.n_layers or neuron >= sites.d_mlp:
        raise InputError(
            f"[[experiments]] there is no neuron {name}: model {subject.identity.name} has {sites.n_layers} layers of "
            f"{sites.d_mlp} neurons, counted from 0"
        )
    return layer, neuron
