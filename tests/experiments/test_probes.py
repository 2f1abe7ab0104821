"""Probes of a suffix: their examples, what they read, what they are scored on; where words end."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from ingest.experiments.controls import Population
from ingest.experiments.effects import Batch
from ingest.experiments.examples import Examples, balanced, ends_in
from ingest.experiments.probing import ProbedNeuron, SuffixProbes, fitted
from ingest.experiments.words import WordPieces
from ingest.measure.outputs import Writing
from ingest.recipes.probe_jobs import probed_neurons
from ingest.study_experiments import Probe
from ingest.tables import PROBE_NEURONS, PROBE_SUMS, SUFFIX_PROBES
from tests.experiments.conftest import IDS, Small
from tests.support.small_models import VOCABULARY

NUMBERS = np.array([4, 7, 9])


def test_tokens_with_a_suffix() -> None:
    texts = ["ing", " Bring", "ring ", "ingot", "in", ""]
    assert ends_in(texts, "ing").tolist() == [True, True, True, False, False, False]


def test_examples_are_balanced_in_both_halves() -> None:
    rng = np.random.default_rng(0)
    ids, groups = rng.integers(20, size=(40, 16)), np.arange(40) % 16
    counted = rng.random(ids.shape) < 0.9
    counted[:, -1] = False
    has_suffix = np.arange(20) < 4
    made = balanced(ids, counted, groups, np.arange(40) * 2, has_suffix, context=5, most=30, seed=1)
    for sequence, position, is_suffix, is_test in zip(
        made.sequence, made.position, made.is_suffix, made.is_test, strict=True
    ):
        row = sequence // 2
        assert counted[row, position]
        assert position >= 4
        assert is_suffix == has_suffix[ids[row, position + 1]]
        assert is_test == (groups[row] >= 8)
    for half in (False, True):
        kinds = made.is_suffix[made.is_test == half]
        assert (kinds.sum(), (~kinds).sum()) == (30, 30)
    assert len({*zip(made.sequence, made.position, strict=True)}) == 120
    again = balanced(ids, counted, groups, np.arange(40) * 2, has_suffix, context=5, most=30, seed=2)
    assert again.position.tolist() != made.position.tolist()


def test_words_end_where_their_text_does() -> None:
    texts = ["<bos>", " ", "ab", " cd", "ef", "_", "1", " (gh", "x", "\n"]
    rng = np.random.default_rng(3)
    ids = rng.choice(len(texts), (60, 14), p=np.array([1, 2, 5, 3, 5, 1, 1, 1, 5, 1]) / 25)
    ends = WordPieces.of(texts, 3).ends(ids)
    for row, found in zip(ids, zip(*ends.values(), strict=True), strict=True):
        starts = np.cumsum([0, *(len(texts[i]) for i in row)])
        text = "".join(texts[i] for i in row)
        expected: dict[str, set[int]] = {"pieces": set(), "whole": set()}
        for word in re.finditer(r"[a-z]+", text):
            first = next(k for k in range(14) if starts[k] <= word.start() < starts[k + 1])
            last = next(k for k in range(14) if starts[k] < word.end() <= starts[k + 1])
            # Words are whole tokens, a space aside.
            is_word = texts[row[first]].lstrip(" ").isalpha() and word.end() == starts[last + 1]
            if last == 13 or last < 3 or not is_word:
                continue
            n = last - first + 1
            if n >= 3:
                expected["pieces"].add(last)
            elif n == 1:
                expected["whole"].add(last)
        assert [set(np.flatnonzero(at)) for at in found] == list(expected.values()), text
    assert all(at.any() for at in ends.values())


def test_a_probe_finds_what_is_there_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    labels, is_train = rng.random(600) < 0.5, np.arange(600) < 300
    telling = np.where(labels, 1.0, -1.0)[:, None] + 0.1 * rng.normal(size=(600, 1))
    assert (fitted(telling, labels, is_train) == labels).all()
    assert 0.4 < (fitted(rng.normal(size=(600, 1)), labels, is_train) == labels)[~is_train].mean() < 0.6
    # Two neurons of which neither says anything alone.
    sign = rng.choice([-1.0, 1.0], 600)
    halves = np.stack([sign * 3 + telling[:, 0], -sign * 3 + telling[:, 0]], 1)
    alone = (fitted(halves[:, :1], labels, is_train) == labels)[~is_train].mean()
    assert (fitted(halves, labels, is_train) == labels).all()
    assert alone < 0.8


@pytest.fixture
def probes(small: Small) -> tuple[SuffixProbes, Examples]:
    sequence = np.array([4, 4, 7, 9, 9, 9])
    examples = Examples(sequence, np.array([2, 5, 3, 1, 8, 9]), np.arange(6) % 2 == 0, sequence == 9)
    neurons = [ProbedNeuron("prediction", 2, 5, 0.5), ProbedNeuron("random", 0, 7, 0.0)]
    has_suffix = np.arange(VOCABULARY) % 2 == 0
    return SuffixProbes(small.forward, neurons, examples, has_suffix, [2]), examples


def test_activations_are_those_at_the_examples(small: Small, probes: tuple[SuffixProbes, Examples]) -> None:
    work, examples = probes
    ((_, neurons),) = work.opening()
    assert neurons.select("place", "kind", "layer", "neuron").rows() == [
        (0, "prediction", 2, 5),
        (1, "random", 0, 7),
    ]
    for rows in ([0, 1], [2]):
        everywhere = torch.ones(len(rows), IDS.shape[1], dtype=torch.bool)
        work.update(Batch(IDS[rows], everywhere, None, NUMBERS[rows]))
    ((_, frame),) = work.flush(0)
    kept: dict[int, Any] = {}
    hooks = [
        small.network.get_submodule(small.sites.post[layer]).register_forward_pre_hook(
            lambda _module, args, layer=layer: kept.__setitem__(layer, args[0])
        )
        for layer in (0, 2)
    ]
    logits = small.logits()
    for hook in hooks:
        hook.remove()
    assert frame["sequence"].to_list() == examples.sequence.tolist()
    for row, sequence, position in zip(frame.iter_rows(named=True), examples.sequence, examples.position, strict=True):
        at = NUMBERS.tolist().index(sequence), int(position)
        expected = [float(kept[2][at][5]), float(kept[0][at][7])]
        assert row["activations"] == pytest.approx(expected, rel=1e-5)
        assert row["is_predicted"] == (int(logits[at].argmax()) % 2 == 0)
        assert row["is_test"] == (sequence == 9)


def test_probes_are_ranked_on_some_documents_and_scored_on_others(probes: tuple[SuffixProbes, Examples]) -> None:
    rng = np.random.default_rng(0)
    n = 400
    labels, is_test = rng.random(n) < 0.5, np.arange(n) >= n // 2
    telling = np.where(labels, 1.0, -1.0)
    rows = pl.DataFrame(
        {
            "sequence": np.arange(n) // 10,
            "position": np.arange(n) % 10,
            "is_suffix": labels,
            "is_test": is_test,
            "is_predicted": np.where(np.arange(n) % 4 == 0, ~labels, labels),
            "activations": np.stack([telling, rng.normal(size=n)], 1).tolist(),
        }
    )
    found = dict(probes[0].closing(rows.sample(fraction=1.0, shuffle=True, seed=1)))
    fit, sums = found[SUFFIX_PROBES.name], found[PROBE_SUMS.name]
    assert fit.select("probe", "kind", "n_neurons", "place").rows() == [
        (0, "model", 0, None),
        (1, "prediction", 1, 0),
        (2, "random", 1, 1),
    ]
    assert fit["n_train"].to_list() == [n // 2] * 3
    assert fit["n_train_right"].to_list()[:2] == [3 * n // 8, n // 2]
    per_probe = sums.group_by("probe", maintain_order=True).agg(pl.col("n", "n_right").sum())
    assert per_probe["n"].to_list() == [n // 2] * 3
    assert per_probe["n_right"].to_list()[:2] == [3 * n // 8, n // 2]
    assert sums["sequence"].min() == n // 20
    assert PROBE_NEURONS.name not in found


def test_neurons_are_those_that_act_on_the_suffix() -> None:
    tokens = torch.eye(4)
    w_out = torch.zeros(2, 6, 4)
    for neuron, place in enumerate(
        [(1, 0, 0, 0), (0, 1, 0, 0), (-1, 0, 0, 0), (1, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    ):
        w_out[:, neuron] = torch.tensor(place)
    writing = Writing.of(list(w_out), tokens)
    is_dead = np.zeros((2, 6), bool)
    is_dead[0, 5] = True
    population = Population(np.zeros((2, 6)), np.ones((2, 6)), is_dead)
    roles = {"prediction": [(0, 0), (0, 1), (0, 3)], "suppression": [(1, 2)]}
    asked = Probe(kind="probe", suffix="ing", most=2, random=4)
    found = probed_neurons(writing, population, roles, np.array([True, False, False, False]), asked)
    assert [(n.kind, n.layer, n.neuron) for n in found[:3]] == [
        ("prediction", 0, 0), ("prediction", 0, 3), ("suppression", 1, 2),
    ]  # fmt: skip
    assert found[0].effect == pytest.approx(1.0)
    assert found[2].effect == pytest.approx(-1.0)
    drawn = [(n.layer, n.neuron) for n in found[3:]]
    assert {n.kind for n in found[3:]} == {"random"}
    assert len(set(drawn)) == 4
    assert not {(0, 0), (0, 3), (1, 2), (0, 5)} & set(drawn)
    assert [layer for layer, _ in drawn] == [0, 0, 1, 0]
