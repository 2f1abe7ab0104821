"""Marts of experiments against a calculation from per-position effects, without sums and without SQL."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest

from tests.models.harness import records
from tests.models.raw_experiments import (
    CLASSES,
    DOCUMENTS,
    N_SEQUENCES,
    PER_SEQUENCE,
    SETS,
    Array,
    Effects,
    ablation,
    layers,
    lens,
    pair_changes,
    probe_rights,
    subword_values,
)

Con = duckdb.DuckDBPyConnection
MODES = ("zero", "mean")


def number_of(mode: str, chosen: int) -> int:
    return 1 + MODES.index(mode) * len(SETS) + chosen


def bootstrapped(values: Array, generator: np.random.Generator, n_draws: int = 20_000) -> tuple[float, float]:
    """The middle 95% of the mean over positions (rows, positions) when documents are drawn with replacement."""
    documents = np.unique(DOCUMENTS)
    sums = np.array([values[d == DOCUMENTS].sum() for d in documents])
    sizes = np.array([values[d == DOCUMENTS].size for d in documents])
    weights = generator.poisson(1.0, size=(n_draws, len(documents)))
    low, high = np.quantile(weights @ sums / (weights @ sizes), [0.025, 0.975])
    return float(low), float(high)


def changes(made: Effects, edit: int) -> dict[str, Array]:
    return {
        "delta_loss": made.loss[edit] - made.loss[0],
        "kl": made.kl[edit],
        "agreement": made.same[edit].astype(float),
        "delta_entropy": made.entropy[edit] - made.entropy[0],
    }


def assert_measured(row: dict[str, Any], made: Effects, edit: int) -> None:
    generator = np.random.default_rng(0)
    for name, values in changes(made, edit).items():
        assert row[name] == pytest.approx(values.mean(), abs=1e-9)
        low, high = bootstrapped(values, generator)
        room = 0.15 * (high - low) + 1e-9
        assert row[f"{name}_low"] == pytest.approx(low, abs=room)
        assert row[f"{name}_high"] == pytest.approx(high, abs=room)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("scope", "chosen", "n"), [("model", 0, 4), ("L1", 7, 2)])
def test_ablations_are_means_over_positions(con: Con, mode: str, scope: str, chosen: int, n: int) -> None:
    query = "from marts.ablations where model = 'b' and scope = $scope and mode = $mode"
    (row,) = records(con, query, scope=scope, mode=mode)
    made = ablation(2)
    assert (row["run"], row["neurons"], row["selection"]) == ("ablation", "universal", "half")
    assert (row["n_neurons"], row["n_positions"]) == (n, N_SEQUENCES * PER_SEQUENCE)
    assert row["n_documents"] == len(np.unique(DOCUMENTS))
    assert row["clean_loss"] == pytest.approx(made.loss[0].mean())
    assert_measured(row, made, number_of(mode, chosen))


def test_every_set_is_there_once(con: Con) -> None:
    rows = records(con, "from marts.ablation_sets")
    made = ablation(2)
    assert len(rows) == len(MODES) * len(SETS)
    for row in rows:
        chosen = SETS.index((row["control"], row["draw"], row["layer"]))
        values = changes(made, number_of(row["mode"], chosen))
        for name, value in values.items():
            assert row[name] == pytest.approx(value.mean(), abs=1e-9)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("control", ["random", "energy"])
def test_contrasts_are_differences_from_the_mean_of_the_controls(con: Con, mode: str, control: str) -> None:
    query = "from marts.ablation_contrasts where scope = 'model' and mode = $mode and control = $control"
    (row,) = records(con, query, mode=mode, control=control)
    made = ablation(2)
    numbers = [number_of(mode, k) for k, s in enumerate(SETS) if s[0] == control and s[2] is None]
    asked = changes(made, number_of(mode, 0))
    controls = [changes(made, number) for number in numbers]
    assert row["n_controls"] == len(numbers)
    for name, column in (("delta_loss", "excess_loss"), ("kl", "excess_kl"), ("agreement", "excess_agreement")):
        mean = np.mean([values[name] for values in controls], axis=0)
        difference = asked[name] - mean
        assert row[column] == pytest.approx(difference.mean(), abs=1e-9)
        # Documents and controls drawn together, without the approximation that their interaction is nothing.
        rng = np.random.default_rng(1)
        weights = rng.poisson(1.0, size=(4000, DOCUMENTS.max() + 1))[:, DOCUMENTS]
        of_control = rng.poisson(1.0, size=(4000, len(controls)))
        is_drawn = (weights.sum(1) > 0) & (of_control.sum(1) > 0)
        weights, of_control = weights[is_drawn], of_control[is_drawn]
        by_row = np.stack([values[name].mean(1) for values in controls])
        drawn = ((weights @ by_row.T) * of_control).sum(1) / of_control.sum(1)
        draws = (weights @ asked[name].mean(1) - drawn) / weights.sum(1)
        low, high = np.quantile(draws, [0.025, 0.975])
        assert row[f"{column}_low"] == pytest.approx(low, abs=0.2 * (high - low))
        assert row[f"{column}_high"] == pytest.approx(high, abs=0.2 * (high - low))
    for name, column in (("delta_loss", "loss_p"), ("kl", "kl_p")):
        at_least = sum(values[name].mean() >= asked[name].mean() for values in controls)
        assert row[column] == pytest.approx((1 + at_least) / (1 + len(controls)))


def test_classes_are_told_apart(con: Con) -> None:
    rows = records(con, "from marts.ablation_classes where scope = 'model' and mode = 'mean'")
    made = ablation(2)
    assert [row["next_class"] for row in rows] == sorted(CLASSES)
    delta = made.loss[number_of("mean", 0)] - made.loss[0]
    for row in rows:
        here = made.classes == CLASSES.index(row["next_class"])
        assert row["n_positions"] == here.sum()
        assert row["clean_loss"] == pytest.approx(made.loss[0][here].mean(), abs=1e-6)
        assert row["delta_loss"] == pytest.approx(delta[here].mean(), abs=1e-6)
        controls = [made.loss[number_of("mean", k)] - made.loss[0] for k in range(1, 5)]
        assert row["control_delta_loss"] == pytest.approx(np.mean([c[here].mean() for c in controls]), abs=1e-6)
        documents = [d for d in np.unique(DOCUMENTS) if here[d == DOCUMENTS].any()]
        residuals = [(delta - delta[here].mean())[here & (d == DOCUMENTS)[:, None]].sum() for d in documents]
        scale = np.sqrt(len(documents) / (len(documents) - 1)) / here.sum()
        assert row["delta_loss_se"] == pytest.approx(scale * np.linalg.norm(residuals), rel=1e-4)


def test_layers_and_lens_are_means_over_positions(con: Con) -> None:
    rows = records(con, "from marts.layer_interventions where model = 'b' order by run, intervention, layer")
    made = {"layers": layers(3), "lens": lens(4)}
    assert len(rows) == 7
    for row in rows:
        of = made[row["run"]]
        edit = of.edits.index({"kind": row["intervention"], "layer": row["layer"]})
        assert row["entropy"] == pytest.approx(of.entropy[edit].mean())
        assert row["relative_depth"] == row["layer"]
        assert_measured(row, of, edit)


def test_stages_stand_side_by_side(con: Con) -> None:
    rows = records(con, "from marts.layer_stages order by layer")
    made, deleted = lens(4), layers(3)
    assert [(row["model"], row["layer"]) for row in rows] == [("b", 0), ("b", 1)]
    assert rows[1]["lens_kl"] == 0.0
    for layer, row in enumerate(rows):
        assert row["lens_kl"] == pytest.approx(made.kl[layer + 1].mean())
        assert row["delete_kl"] == pytest.approx(deleted.kl[layer + 1].mean())
        assert (row["stream_norm"], row["attention_norm"], row["mlp_norm"]) == (layer + 1, 0.5, 2.0)
        assert row["attention_to_previous_5"] == pytest.approx((0.2 + 0.1 + 0.06 + 0.04 + 0.01) / 2)
        assert row["attention_per_offset"] == pytest.approx(row["attention_to_previous_5"] / 5)
        (profile,) = records(con, "from marts.layer_profiles where model = 'b' and layer = $layer", layer=layer)
        assert row["pct_prediction"] == profile["pct_prediction"]
    assert rows[0]["swap_kl"] == pytest.approx(deleted.kl[3].mean())
    assert rows[1]["swap_kl"] is None


def test_boundaries_follow_from_the_stages(con: Con) -> None:
    first, last = records(con, "from marts.layer_stages order by layer")
    (row,) = records(con, "from marts.stage_boundaries")
    assert (row["model"], row["n_layers"]) == ("b", 2)
    assert row["least_sure_layer"] == int(last["lens_entropy"] > first["lens_entropy"])
    assert row["halfway_layer"] == 1
    assert (row["delete_kl_first"], row["delete_kl_last"]) == (first["delete_kl"], last["delete_kl"])
    assert (row["swap_kl_first"], row["delete_kl_middle"], row["swap_kl_rest"]) == (first["swap_kl"], None, None)


def test_causal_universality_is_the_correlation_of_changes(con: Con) -> None:
    one, nothing = records(con, "from marts.causal_universality order by neuron")
    x, y, other = pair_changes(5)
    assert one["loss_corr"] == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
    assert one["random_loss_corr"] == pytest.approx(np.corrcoef(x.ravel(), other.ravel())[0, 1])
    assert (one["other_neuron"], one["random_neuron"]) == (1, 4)
    assert (one["delta_loss"], one["other_delta_loss"]) == pytest.approx((x.mean(), y.mean()))
    groups = DOCUMENTS % 8
    without = [np.corrcoef(x[groups != g].ravel(), y[groups != g].ravel())[0, 1] for g in range(8)]
    assert one["loss_corr_se"] == pytest.approx(np.sqrt(7 * np.var(without)))
    assert (nothing["loss_corr"], nothing["random_loss_corr"]) == (None, None)


def test_probes_are_scored_with_their_intervals(con: Con) -> None:
    rows = records(con, "from marts.suffix_probes order by probe")
    is_right = probe_rights(7)
    assert [(row["kind"], row["n_neurons"], row["layer"], row["neuron"]) for row in rows] == [
        ("model", 0, None, None), ("prediction", 1, 1, 4), ("random", 1, 1, 5), ("prediction", 2, None, None),
    ]  # fmt: skip
    generator = np.random.default_rng(0)
    for row, right in zip(rows, is_right, strict=True):
        assert (row["suffix"], row["n_test"], row["n_documents"]) == ("ing", right.size, len(np.unique(DOCUMENTS)))
        assert row["pct_right_train"] == 5 * (10 + row["probe"])
        beyond = right.astype(float) - is_right[0]
        for name, values in (("right", right.astype(float)), ("beyond_model", beyond)):
            assert row[f"pct_{name}"] == pytest.approx(100 * values.mean())
            low, high = bootstrapped(100 * values, generator)
            ends = ("pct_low", "pct_high") if name == "right" else ("pct_beyond_model_low", "pct_beyond_model_high")
            room = 0.15 * (high - low) + 1e-9
            assert (row[ends[0]], row[ends[1]]) == (pytest.approx(low, abs=room), pytest.approx(high, abs=room))


def test_heads_that_look_back_at_the_pieces_of_a_word(con: Con) -> None:
    rows = records(con, "from marts.subword_heads order by layer, head")
    values = subword_values(6)
    assert [(row["layer"], row["head"]) for row in rows] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for row in rows:
        pieces, whole = (values[kind][row["layer"], row["head"]].sum(-1) for kind in ("pieces", "whole"))
        pieces = np.where(np.arange(N_SEQUENCES)[:, None] > 0, pieces, np.nan)
        assert (row["n_words"], row["n_whole"]) == ((~np.isnan(pieces)).sum(), whole.size)
        means = np.nanmean(pieces), whole.mean()
        assert (row["attention_to_pieces"], row["attention_of_whole"]) == pytest.approx(means)
        assert row["difference"] == pytest.approx(means[0] - means[1])
        parts = [
            np.nansum(pieces[d == DOCUMENTS] - means[0]) / row["n_words"]
            - (whole[d == DOCUMENTS] - means[1]).sum() / row["n_whole"]
            for d in np.unique(DOCUMENTS)
        ]
        assert row["difference_se"] == pytest.approx(np.sqrt(len(parts) / (len(parts) - 1)) * np.linalg.norm(parts))


def test_halves_are_judged_by_the_threshold(con: Con) -> None:
    rows = records(con, "from marts.half_universality")
    assert rows
    assert {row["first_group"] for row in rows} <= {0, 8}
    for row in rows:
        assert row["is_universal"] == (row["excess_corr"] > 0.5)
