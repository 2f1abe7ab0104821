"""Single neurons fixed at values, against a calculation position by position; a neuron that moves only the norm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from ingest.errors import InputError
from ingest.experiments import edits
from ingest.experiments.controls import Population, nearest
from ingest.experiments.entropy import EntropyNeuron, EntropyPasses, Fixed, fixed_neurons, own_quantiles
from ingest.experiments.forward import Forward, activations_of
from ingest.experiments.responses import Frequency
from tests.experiments.conftest import COUNTED, IDS, NUMBERS, POPULATION, Small, batch
from tests.experiments.planted import DEAD, MUTE, NORM_ONLY, Planted
from tests.support.small_models import VOCABULARY

COUNTS = torch.arange(VOCABULARY) % 9
FREQUENCY = Frequency.of(COUNTS, VOCABULARY, torch.device("cpu"))
PLACES = [(2, 3), (1, 30)]


def measured(forward: Forward, fixed: list[Fixed], population: Population = POPULATION) -> pl.DataFrame:
    """Rows of raw.entropy_sums of two batches."""
    asked = [EntropyNeuron((f.layer, f.neuron), "asked", f.neuron, 1.0) for f in fixed]
    work = EntropyPasses(forward, asked, population, fixed, FREQUENCY)
    for rows in (slice(0, 2), slice(2, 3)):
        work.update(batch(rows))
    ((_, frame),) = work.flush(0)
    return frame.sort("edit", "sequence")


def by_hand(logits: Tensor, clean: Tensor, row: int) -> dict[str, float]:
    """One row's sums of what follows from logits, position by position, in numpy."""
    share = np.maximum(COUNTS.numpy(), 0.5)
    share = share / share.sum()
    found = dict.fromkeys(("loss", "entropy", "reciprocal_rank", "absolute_loss", "frequency_kl"), 0.0)
    for position in np.flatnonzero(COUNTED[row].numpy()):
        target = int(IDS[row, position + 1])
        p, before = (np.exp(z - z.max()) / np.exp(z - z.max()).sum() for z in
                     (logits[row, position].numpy(), clean[row, position].numpy()))  # fmt: skip
        found["loss"] -= np.log(p[target])
        found["entropy"] -= (p * np.log(p)).sum()
        found["reciprocal_rank"] += 1 / (1 + np.flatnonzero(np.argsort(-p, kind="stable") == target)[0])
        found["absolute_loss"] += abs(np.log(before[target]) - np.log(p[target]))
        found["frequency_kl"] += (p * np.log(p / share)).sum()
    return found


def whole_pass(small: Small, place: tuple[int, int], value: float) -> tuple[Tensor, Tensor]:
    """Final stream and logits when a neuron is fixed, the whole network run."""
    with edits.fix(small.network, small.sites, {place[0]: [place[1]]}, value):
        return small.forward.clean(IDS).stream[-1], small.logits()


def scale_by_hand(small: Small, hidden: Tensor) -> Tensor:
    norm: Any = small.network.get_submodule(str(small.sites.final_norm))
    if small.sites.norm == "layer":
        squared: Tensor = hidden.var(-1, unbiased=False) + norm.eps
    else:
        squared = hidden.pow(2).mean(-1) + norm.variance_epsilon
    return squared.sqrt()


def assert_row_sums(frame: pl.DataFrame, expected: list[dict[str, float]]) -> None:
    assert frame["sequence"].to_list() == NUMBERS.tolist()
    assert frame["n"].to_list() == COUNTED.sum(1).tolist()
    for found, row in zip(frame.iter_rows(named=True), expected, strict=True):
        for name, value in row.items():
            assert found[name] == pytest.approx(value, rel=1e-5, abs=1e-7), name


def test_a_sweep_is_that_of_whole_passes(small: Small) -> None:
    fixed = [Fixed(*place, "value", value) for place in PLACES for value in (0.0, 4.0)]
    frame, clean = measured(small.forward, fixed), small.logits()
    passes = [(small.forward.clean(IDS).stream[-1], clean)]
    passes += [whole_pass(small, (f.layer, f.neuron), f.value) for f in fixed]
    for edit, (hidden, logits) in enumerate(passes):
        scales = (scale_by_hand(small, hidden) * COUNTED).sum(1).tolist()
        expected = [by_hand(logits, clean, row) | {"scale": scales[row]} for row in range(len(IDS))]
        assert_row_sums(frame.filter(edit=edit), expected)


def test_with_the_norm_frozen_only_its_scale_stays(small: Small) -> None:
    clean, network = small.forward.clean(IDS), small.network
    hidden, _ = whole_pass(small, PLACES[0], 4.0)
    norm: Any = network.get_submodule(str(small.sites.final_norm))
    centred = hidden - hidden.mean(-1, keepdim=True) if small.sites.norm == "layer" else hidden
    out = centred / scale_by_hand(small, clean.stream[-1])[..., None] * norm.weight
    head: Any = network
    with torch.no_grad():
        logits = head.get_output_embeddings()(out + getattr(norm, "bias", 0.0))
    frame = measured(small.forward, [Fixed(*PLACES[0], "mean", 4.0, frozen="norm")])
    assert_row_sums(frame.filter(edit=1), [by_hand(logits, small.logits(), row) for row in range(len(IDS))])


def test_with_the_frequency_frozen_only_the_rest_of_the_logits_moves(small: Small) -> None:
    _, logits = whole_pass(small, PLACES[0], 4.0)
    log_share = np.log(np.maximum(COUNTS.numpy(), 0.5))
    axis = torch.from_numpy((log_share - log_share.mean()) / np.linalg.norm(log_share - log_share.mean()))
    clean = small.logits()
    held = logits + ((clean - logits) @ axis)[..., None] * axis
    frame = measured(small.forward, [Fixed(*PLACES[0], "mean", 4.0, frozen="frequency")])
    assert_row_sums(frame.filter(edit=1), [by_hand(held, clean, row) for row in range(len(IDS))])


def test_quantiles_are_those_of_the_positions_that_count(small: Small) -> None:
    quantiles = [0.0, 0.25, 1.0]
    found = own_quantiles(small.forward, iter([batch(slice(0, 2)), batch(slice(2, 3))]), PLACES, quantiles)
    for place in PLACES:
        values = activations_of(small.forward, IDS, [place])[..., 0][COUNTED].numpy()
        assert list(found[place].values()) == pytest.approx(np.quantile(values, quantiles).tolist())


def test_edits_sweep_and_ablate_every_neuron() -> None:
    own = {place: {0.5: 0.1} for place in PLACES}
    found = fixed_neurons(PLACES, POPULATION, [1.0, 2.0], own)
    assert [(f.kind, f.value, f.quantile, f.frozen) for f in found[:6]] == [
        ("value", 1.0, None, None), ("value", 2.0, None, None), ("quantile", 0.1, 0.5, None),
        ("mean", 0.25, None, None), ("mean", 0.25, None, "norm"), ("mean", 0.25, None, "frequency"),
    ]  # fmt: skip
    assert {(f.layer, f.neuron) for f in found[:6]} == {PLACES[0]}


def test_controls_are_the_nearest_of_the_layer() -> None:
    values = np.array([[1.0, 1.2, 8.0, 0.9, 1.05]])
    pool = np.array([[True, True, True, False, True]])
    assert nearest((0, 0), values, pool, 2) == [(0, 4), (0, 1)]
    assert nearest((0, 0), values, pool, 9) == [(0, 4), (0, 1), (0, 2)]


def test_a_planted_neuron_moves_the_norm_alone(planted: Planted) -> None:
    forward = planted.forward
    usual = float(activations_of(forward, IDS, [NORM_ONLY])[..., 0][COUNTED].mean())
    fixed = [Fixed(*NORM_ONLY, "value", v) for v in (usual, usual + 4.0, usual + 8.0)]
    fixed += [Fixed(*NORM_ONLY, "mean", usual + 8.0, frozen=frozen) for frozen in (None, "norm")]  # type: ignore[arg-type]
    means = measured(forward, fixed).drop("model").group_by("edit").sum().sort("edit")
    scale, entropy = means["scale"].to_list(), means["entropy"].to_list()
    assert scale[1] < scale[2] < scale[3]
    assert entropy[1] < entropy[2] < entropy[3]
    loss = means["loss"].to_list()
    total, direct = loss[4] - loss[0], loss[5] - loss[0]
    assert abs(total) > 1e-3 * means["n"][0]
    assert 1 - abs(direct) / abs(total) == pytest.approx(1.0, abs=1e-8)
    # The ranks are those of the clean pass: every logit is divided by the same number.
    assert means["reciprocal_rank"].to_list() == pytest.approx([means["reciprocal_rank"][0]] * 6)


def test_a_planted_neuron_that_writes_logits_is_not_mediated(planted: Planted) -> None:
    writing = (1, 20)
    fixed = [Fixed(*writing, "mean", 6.0, frozen=frozen) for frozen in (None, "norm")]  # type: ignore[arg-type]
    loss = measured(planted.forward, fixed).drop("model").group_by("edit").sum().sort("edit")["loss"].to_list()
    assert 1 - abs(loss[2] - loss[0]) / abs(loss[1] - loss[0]) < 0.7


@pytest.mark.parametrize(("place", "values"), [(DEAD, [0.0]), (MUTE, [-3.0, 0.0, 6.0])], ids=["dead", "mute"])
def test_what_writes_nothing_has_no_effect_at_all(
    planted: Planted, place: tuple[int, int], values: list[float]
) -> None:
    silent = Population(np.zeros((2, 64)), np.zeros((2, 64)), np.zeros((2, 64), bool))
    fixed = fixed_neurons([place], silent, values, {place: {}})
    frame = measured(planted.forward, fixed, silent)
    clean = frame.filter(edit=0).drop("edit")
    for edit in range(1, len(fixed) + 1):
        assert frame.filter(edit=edit).drop("edit").equals(clean)
    assert (frame["absolute_loss"] == 0.0).all()


def test_a_network_without_a_final_norm_is_refused(small: Small) -> None:
    without = Forward("small", small.network, replace(small.sites, final_norm=None))
    with pytest.raises(InputError, match="no norm in front of its unembedding"):
        measured(without, [])
