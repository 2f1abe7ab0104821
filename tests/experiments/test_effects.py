"""Sums of edited passes against a plain, unbatched calculation in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from ingest.experiments import edits
from ingest.experiments.ablation import ablations
from ingest.experiments.controls import NeuronSet, Population, by_layer, with_controls
from ingest.experiments.layers import layer_edits, lens_edits
from ingest.experiments.pairs import NeuronPair, PairChanges
from ingest.experiments.passes import Edit, EditedPasses
from ingest.experiments.streams import Streams
from ingest.experiments.words import WordPieces
from tests.experiments.conftest import COUNTED, FEATURES, IDS, N_CLASSES, NUMBERS, POPULATION, Small, batch
from tests.support.small_models import VOCABULARY

ROWS, CONTEXT = IDS.shape


def measured(small: Small, asked: list[Edit]) -> pl.DataFrame:
    """Rows of raw.edit_sums of two batches."""
    work = EditedPasses(small.forward, asked)
    for rows in (slice(0, 2), slice(2, 3)):
        work.update(batch(rows))
    ((_, frame),) = work.flush(0)
    return frame.sort("edit", "sequence")


def plain(clean: Tensor, edited: Tensor, row: int) -> dict[str, Any]:
    """One row's sums, position by position."""
    found: dict[str, Any] = dict.fromkeys(("loss", "entropy", "kl", "n_same_top", "n_right"), 0.0)
    found |= {"n": 0, "class_loss": [0.0] * N_CLASSES}
    for position in range(CONTEXT):
        if not COUNTED[row, position]:
            continue
        target = int(IDS[row, position + 1])
        p, q = (np.exp(z - z.max()) / np.exp(z - z.max()).sum() for z in (clean[row, position].numpy(),
                                                                           edited[row, position].numpy()))  # fmt: skip
        found["n"] += 1
        found["loss"] -= np.log(q[target])
        found["entropy"] -= (q * np.log(q)).sum()
        found["kl"] += (p * np.log(p / q)).sum()
        found["n_same_top"] += p.argmax() == q.argmax()
        found["n_right"] += q.argmax() == target
        for k in range(N_CLASSES):
            found["class_loss"][k] -= float(FEATURES[row, position, k]) * np.log(q[target])
    return found


def assert_rows(small: Small, asked: list[Edit], number: int, edited: Tensor) -> None:
    frame = measured(small, asked).filter(pl.col("edit") == number)
    clean = small.logits()
    assert frame["sequence"].to_list() == NUMBERS.tolist()
    for row, found in enumerate(frame.iter_rows(named=True)):
        for name, expected in plain(clean, edited, row).items():
            assert found[name] == pytest.approx(expected, rel=1e-5, abs=1e-7), name


def test_the_clean_pass_is_the_first_edit_and_changes_nothing(small: Small) -> None:
    assert_rows(small, [], 0, small.logits())
    frame = measured(small, [])
    assert (frame["kl"] == 0.0).all()
    assert frame["n_same_top"].to_list() == frame["n"].to_list()
    counts = (FEATURES * COUNTED[..., None]).sum(1).int().tolist()
    assert frame["class_n"].to_list() == counts


def test_ablations_are_those_of_a_whole_pass(small: Small) -> None:
    whole = NeuronSet("asked", 0, None, {1: (2, 3), 2: (30,)})
    asked = ablations(small.forward, [whole], POPULATION, ["zero", "mean"])
    with edits.zero(small.network, small.sites, whole.neurons):
        zeroed = small.logits()
    with edits.fix(small.network, small.sites, whole.neurons, 0.25):
        fixed = small.logits()
    assert_rows(small, asked, 1, zeroed)
    assert_rows(small, asked, 2, fixed)


def test_layers_are_those_of_a_whole_pass(small: Small) -> None:
    asked = layer_edits(small.forward, ["delete", "swap", "repeat"])
    assert [(e.kind, e.layer) for e in asked] == [
        *(("delete", k) for k in range(3)), ("swap", 0), ("swap", 1), *(("repeat", k) for k in range(3)),
    ]  # fmt: skip
    with edits.delete(small.network, small.sites, [1]):
        deleted = small.logits()
    with edits.swap(small.network, small.sites, 1, 2):
        swapped = small.logits()
    with edits.repeat(small.network, small.sites, [2]):
        repeated = small.logits()
    for number, edited in ((2, deleted), (5, swapped), (8, repeated)):
        assert_rows(small, asked, number, edited)


def test_the_lens_normalises_every_layer_by_itself_and_ends_at_the_model(small: Small) -> None:
    asked = lens_edits(small.forward)
    stream = small.forward.clean(IDS).stream
    network: Any = small.network
    with torch.no_grad():
        norm = network.get_submodule(small.sites.final_norm)
        expected = network.get_output_embeddings()(norm(stream[2]))
    assert_rows(small, asked, 2, expected)
    last = measured(small, asked).filter(pl.col("edit") == 3)
    assert (last["kl"] == 0.0).all()
    assert last["n_same_top"].to_list() == last["n"].to_list()


def test_a_dead_neuron_has_no_effect_at_all(small: Small) -> None:
    dead = NeuronSet("asked", 0, None, {1: (7,)})
    silent = Population(np.zeros((3, 48)), np.ones((3, 48)), np.zeros((3, 48), bool))
    with edits.scale(small.network, small.sites, dead.neurons, 0.0):
        frame = measured(small, ablations(small.forward, [dead], silent, ["zero", "mean"]))
    clean = frame.filter(pl.col("edit") == 0)
    for number in (1, 2):
        found = frame.filter(pl.col("edit") == number)
        assert (found["kl"] == 0.0).all()
        for name in ("loss", "entropy", "n_same_top", "n_right"):
            assert found[name].to_list() == clean[name].to_list()


def test_pairs_are_sums_of_products_of_changes(small: Small) -> None:
    forwards = (small.forward, small.forward)
    pairs = [NeuronPair(0, (1, 2), (2, 5), "matched"), NeuronPair(1, (0, 3), (1, 2), "random")]
    work = PairChanges(forwards, (POPULATION, POPULATION), pairs, ["zero"])
    for rows in (slice(0, 2), slice(2, 3)):
        work.update(batch(rows))
    ((_, frame),) = work.flush(4)

    def change(layer: int, neuron: int) -> Tensor:
        def losses() -> Tensor:
            logits = small.logits()[:, :-1].log_softmax(-1)
            at_target = -logits.gather(-1, IDS[:, 1:, None])[..., 0]
            return at_target[COUNTED[:, :-1]]

        clean = losses()
        with edits.zero(small.network, small.sites, {layer: [neuron]}):
            return losses() - clean

    for row, (a, b) in zip(frame.iter_rows(named=True), [((1, 2), (2, 5)), ((0, 3), (1, 2))], strict=True):
        x, y = change(*a), change(*b)
        assert (row["n"], row["doc_group"]) == (int(COUNTED.sum()), 4)
        for name, expected in (("sum_x", x.sum()), ("sum_yy", y @ y), ("sum_xy", x @ y), ("sum_xx", x @ x)):
            assert row[name] == pytest.approx(float(expected), rel=1e-6, abs=1e-9), name


def test_streams_are_norms_and_attention_of_the_network_itself(small: Small) -> None:
    is_letter = np.arange(VOCABULARY) % 3 > 0
    words = WordPieces(is_letter, is_letter, is_letter, pieces=3)
    work = Streams(small.forward, words)
    work.update(batch())
    (_, norms), (_, heads), (_, merging) = work.flush(0)
    network: Any = small.network
    before = network.config._attn_implementation
    network.config._attn_implementation = "eager"
    with torch.no_grad():
        output = network(input_ids=IDS, use_cache=False, output_attentions=True)
    network.config._attn_implementation = before
    stream = small.forward.clean(IDS).stream
    for row in norms.iter_rows(named=True):
        here = COUNTED[NUMBERS.tolist().index(row["sequence"])]
        values = stream[row["layer"] + 1][NUMBERS.tolist().index(row["sequence"])]
        assert row["stream_norm"] == pytest.approx(float(values[here].norm(dim=-1).sum()), rel=1e-5)
    assert len(heads) == 3 * 2 * ROWS
    for row in heads.iter_rows(named=True):
        place = NUMBERS.tolist().index(row["sequence"])
        weights = output.attentions[row["layer"]][place, row["head"]]
        queries = [t for t in range(6, CONTEXT) if COUNTED[place, t]]
        assert row["n"] == len(queries)
        for offset in range(1, 6):
            expected = sum(float(weights[t, t - offset]) for t in queries)
            assert row["attention"][offset - 1] == pytest.approx(expected, rel=1e-5)

    ends = words.ends(IDS.numpy())
    assert {kind: bool((at & COUNTED.numpy()).any()) for kind, at in ends.items()} == {"pieces": True, "whole": True}
    assert len(merging) == sum(3 * 2 * (at & COUNTED.numpy()).any(1).sum() for at in ends.values())
    for row in merging.iter_rows(named=True):
        place = NUMBERS.tolist().index(row["sequence"])
        weights = output.attentions[row["layer"]][place, row["head"]]
        queries = [t for t in range(CONTEXT) if ends[row["kind"]][place, t] and COUNTED[place, t]]
        assert row["n"] == len(queries)
        for offset in (1, 2):
            expected = sum(float(weights[t, t - offset]) for t in queries)
            assert row["attention"][offset - 1] == pytest.approx(expected, rel=1e-5)


def test_controls_keep_to_the_layers_and_away_from_the_set() -> None:
    rng = np.random.default_rng(0)
    energy = rng.gamma(1.0, size=(3, 48))
    is_dead = np.zeros((3, 48), bool)
    is_dead[1, :20] = True
    population = Population(np.zeros((3, 48)), energy, is_dead)
    asked = NeuronSet("asked", 0, None, by_layer([(1, 30), (0, 2), (1, 40), (1, 30), (0, 1)]))
    assert asked.neurons == {0: (1, 2), 1: (30, 40)}
    sets = with_controls(asked, population, random=30, energy=30, seed=3)
    assert sets == with_controls(asked, population, random=30, energy=30, seed=3)
    assert sets[1:] != with_controls(asked, population, random=30, energy=30, seed=4)[1:]
    assert [(s.control, s.draw) for s in sets[1:]] == [(c, k) for c in ("random", "energy") for k in range(30)]
    for drawn in sets[1:]:
        assert {layer: len(of) for layer, of in drawn.neurons.items()} == {0: 2, 1: 2}
        for layer, of in drawn.neurons.items():
            assert len(set(of)) == 2
            assert not set(of) & set(asked.neurons[layer])
            assert not is_dead[layer, list(of)].any()

    def distance(chosen: NeuronSet) -> float:
        logs = np.log(energy)
        mine, theirs = ([sum(logs[k, list(of)]) for k, of in s.neurons.items()] for s in (asked, chosen))
        return float(np.abs(np.subtract(mine, theirs)).mean())

    by_control = {c: np.mean([distance(s) for s in sets[1:] if s.control == c]) for c in ("random", "energy")}
    assert by_control["energy"] < 0.5 * by_control["random"]


def test_controls_of_a_set_that_fills_its_layer_come_from_all_of_it() -> None:
    population = Population(np.zeros((1, 6)), np.ones((1, 6)), np.zeros((1, 6), bool))
    asked = NeuronSet("asked", 0, 0, {0: (0, 1, 2, 3)})
    for drawn in with_controls(asked, population, random=5, energy=5, seed=0)[1:]:
        assert len(set(drawn.neurons[0])) == 4
