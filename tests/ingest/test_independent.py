"""Exact correlations of trained models against float64 numpy on the plain Hugging Face model."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ingest.measure.baseline import rotation
from tests.conftest import Ingested
from tests.ingest.by_hand import ByHand, assert_close, correlations, jackknife_variance, standardised
from tests.support.tables import rows

DRAWS, SEED, TOP = 2, 7, 50
CORRELATION = 1e-4
# The baseline by really rotating costs more than everything else together: every eighth neuron stands for all.
ROTATED_FOR = slice(None, None, 8)
JACKKNIFED_FOR = slice(None, None, 16)
BUDGETS = (1, 2, 4, 8)

_OF_PAIR = "where model = $a and other_model = $b"


def test_positions_are_counted_by_kind(trained: Ingested, by_hand: ByHand) -> None:
    counts = rows(trained.warehouse, "select n_tokens, n_text, n_newline, n_bos from raw.corpora").row(0)
    expected = [int((by_hand.kinds == kind).sum()) for kind in ("text", "newline", "bos")]
    assert min(expected) > 0
    assert counts == (len(by_hand.kinds), *expected)
    run = rows(trained.warehouse, "select n_positions, method, n_passes, n_parts from raw.runs").row(0)
    assert run == (expected[0], "exact", 1, len(np.unique(by_hand.groups)))


def test_largest_and_smallest_correlation_with_each_partner(trained: Ingested, by_hand: ByHand) -> None:
    for (a, b), corr in by_hand.corr.items():
        found = rows(trained.warehouse, f"select * from raw.bests {_OF_PAIR} order by layer, neuron", a=a, b=b)
        assert set(found["site"]) == {"mlp"}
        assert_close(found["max_corr"], corr.max(1), CORRELATION)
        assert_close(found["min_corr"], corr.min(1), CORRELATION)
        # Where two neurons come close the other one may be named: then its own correlation is as good.
        width = by_hand.models[b].width
        for layer, neuron, best in (
            ("other_layer", "other_neuron", corr.max(1)),
            ("min_layer", "min_neuron", corr.min(1)),
        ):
            named = (found[layer].cast(pl.Int64) * width + found[neuron]).to_numpy()
            assert_close(corr[np.arange(len(corr)), named], best, CORRELATION)


def test_fifty_most_and_least_correlated_partners(trained: Ingested, by_hand: ByHand) -> None:
    for (a, b), corr in by_hand.corr.items():
        ordered = np.sort(corr, axis=1)
        for side, expected in (("top", ordered[:, ::-1][:, :TOP]), ("bottom", ordered[:, :TOP])):
            found = rows(
                trained.warehouse,
                f"select * from raw.partners {_OF_PAIR} and side = $side order by layer, neuron, rank",
                a=a, b=b, side=side,
            )  # fmt: skip
            assert_close(found["corr"], expected, CORRELATION)
            width = by_hand.models[b].width
            named = (found["other_layer"].cast(pl.Int64) * width + found["other_neuron"]).to_numpy().reshape(-1, TOP)
            assert all(len(set(partners)) == TOP for partners in named)
            assert_close(np.take_along_axis(corr, named, 1), expected, CORRELATION)


def test_baselines_by_rotating_the_activations(trained: Ingested, by_hand: ByHand) -> None:
    some = {name: standardised(by_hand.text(name)[:, ROTATED_FOR]) for name in by_hand.models}
    for b, model in by_hand.models.items():
        others = [a for a in by_hand.models if a != b]
        for draw in range(DRAWS):
            expected = {a: np.full(some[a].shape[1], -1.0) for a in others}
            for layer in range(len(model.layers)):
                here = by_hand.text(b)[:, layer * model.width : (layer + 1) * model.width]
                matrix = rotation(model.width, seed=SEED, draw=draw, layer=layer).numpy()
                assert np.linalg.norm(matrix, axis=1) == pytest.approx(1.0)
                rotated = standardised(here @ matrix.T)
                expected = {a: np.maximum(best, (some[a].T @ rotated).max(1)) for a, best in expected.items()}
            for a in others:
                found = rows(
                    trained.warehouse,
                    f"select max_corr from raw.baselines {_OF_PAIR} and kind = 'rotation' and draw = $draw "
                    "order by layer, neuron",
                    a=a, b=b, draw=draw,
                )  # fmt: skip
                assert_close(found["max_corr"].to_numpy()[ROTATED_FOR], expected[a], CORRELATION)


def test_errors_of_the_best_correlations_by_leaving_groups_of_documents_out(trained: Ingested, by_hand: ByHand) -> None:
    groups = by_hand.text_groups
    assert len(np.unique(groups)) == 16
    for a, b in by_hand.corr:
        found = rows(trained.warehouse, f"select * from raw.bests {_OF_PAIR} order by layer, neuron", a=a, b=b)
        known = found["influence"].is_not_null()
        # With as little text as here, one winner in twenty comes out of nowhere.
        assert known.sum() > 0.9 * len(known)
        assert (found["n_groups"].is_not_null() == known).all()
        some = found.with_row_index("unit").filter(known)[JACKKNIFED_FOR]
        # A partner that was followed late has its first groups in one block.
        for (n_groups,), part in some.group_by("n_groups"):
            blocks = np.maximum(groups, 16 - n_groups)
            partner = (part["other_layer"].cast(pl.Int64) * by_hand.models[b].width + part["other_neuron"]).to_numpy()
            x, y = by_hand.text(a)[:, part["unit"].to_numpy()], by_hand.text(b)[:, partner]
            variance = (part["influence"].to_numpy().astype(np.float64) ** 2).sum(1)
            expected = jackknife_variance(x, y, blocks)
            assert np.sqrt(variance) == pytest.approx(np.sqrt(expected), rel=0.01)
        assert some["n_groups"].n_unique() > 1


def test_best_correlations_over_the_first_groups_of_documents(trained: Ingested, by_hand: ByHand) -> None:
    a, b = list(by_hand.models)[:2]
    for budget in BUDGETS:
        here = by_hand.text_groups < budget
        found = rows(
            trained.warehouse,
            f"select * from raw.partial_bests {_OF_PAIR} and first_group = 0 and last_group = $budget "
            "order by layer, neuron",
            a=a, b=b, budget=budget,
        )  # fmt: skip
        x, y = by_hand.text(a)[here], by_hand.text(b)[here]
        assert set(found["n_positions"]) == {len(x)}
        # Neurons that never change over so little text are in neither.
        alive_x, alive_y = ((values.std(0) > 0) for values in (x, y))
        assert len(found) == alive_x.sum()
        assert_close(found["max_corr"], correlations(x[:, alive_x], y[:, alive_y]).max(1), CORRELATION)


def test_marts_of_correlations(trained: Ingested, by_hand: ByHand) -> None:
    for a in by_hand.models:
        others = [b for b in by_hand.models if b != a]
        best = np.stack([by_hand.corr[a, b].max(1) for b in others])
        found = rows(trained.warehouse, "select * from marts.neurons where model = $m order by layer, neuron", m=a)
        assert set(found["n_partners"]) == {len(others)}
        for column, expected in (("mean", best.mean(0)), ("max", best.max(0)), ("min", best.min(0))):
            assert_close(found[f"{column}_corr"], expected, CORRELATION)
        baseline = rows(
            trained.warehouse,
            "select avg(max_corr) as baseline from raw.baselines where model = $m and kind = 'rotation' "
            "group by layer, neuron order by layer, neuron",
            m=a,
        )["baseline"].to_numpy()
        assert_close(found["mean_baseline"], baseline, CORRELATION)
        assert_close(found["excess_corr"], best.mean(0) - baseline, 2 * CORRELATION)
        certain = np.abs(best.mean(0) - baseline - 0.5) > 2 * CORRELATION
        assert (found["is_universal"].to_numpy() == (best.mean(0) - baseline > 0.5))[certain].all()
