"""Marts of single neurons against a calculation from per-position effects, without sums and without SQL."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from tests.models.harness import records
from tests.models.raw_experiments import DOCUMENTS, N_SEQUENCES, PER_SEQUENCE, Array
from tests.models.raw_single_neurons import (
    ASKED,
    MEMBERS,
    N_EARLY,
    NOTHING,
    PLACES,
    QUANTITIES,
    SETTINGS,
    responded,
    turned,
)

Con = duckdb.DuckDBPyConnection
DRAWN = np.unique(DOCUMENTS)


def by_document(values: Array) -> Array:
    return np.array([values[d == DOCUMENTS].sum() for d in DRAWN])


def test_sweeps_are_means_over_positions(con: Con) -> None:
    rows = records(con, "from marts.entropy_sweeps")
    made = responded(6)
    assert len(rows) == len(PLACES) * len(SETTINGS)
    for row in rows:
        place = (row["layer"], row["neuron"])
        edit = made.number(place, row["kind"], row["setting"])
        assert row["value"] == made.edits[edit]["value"]
        assert (row["n_positions"], row["n_documents"]) == (N_SEQUENCES * PER_SEQUENCE, len(DRAWN))
        for name in set(QUANTITIES) - {"frequency_kl"}:
            change = made.change(edit, name)
            assert row[name] == pytest.approx(made.values[edit][name].mean())
            assert row[f"delta_{name}"] == pytest.approx(change.mean(), abs=1e-12)
            residuals = by_document(change - change.mean())
            error = np.sqrt(len(DRAWN) / (len(DRAWN) - 1)) * np.linalg.norm(residuals) / change.size
            assert row[f"delta_{name}_se"] == pytest.approx(error, abs=1e-12)
        found = (row["is_asked"], row["is_norm_control"], row["is_random_control"], row["is_frequency"])
        kinds = {control for of, control, _ in MEMBERS if of == place}
        assert found == tuple(kind in kinds for kind in ("asked", "norm", "random", "frequency"))


def test_contrasts_are_beside_the_mean_of_the_controls(con: Con) -> None:
    rows = records(con, "from marts.entropy_contrasts")
    made = responded(6)
    assert len(rows) == len(SETTINGS) * 2 * 4
    for row in rows:
        assert (row["layer"], row["neuron"]) == ASKED

        def change(place: tuple[int, int], row: dict[str, object] = row) -> float:
            edit = made.number(place, str(row["kind"]), float(str(row["setting"])))
            return float(made.change(edit, str(row["quantity"])).mean())

        controls = [change(place) for place, control, _ in MEMBERS if control == row["control"]]
        assert row["change"] == pytest.approx(change(ASKED))
        assert row["control_change"] == pytest.approx(np.mean(controls))
        at_least = sum(abs(c) >= abs(change(ASKED)) for c in controls)
        assert (row["n_controls"], row["p"]) == (len(controls), pytest.approx((1 + at_least) / (1 + len(controls))))


@pytest.mark.parametrize("quantity", ["loss", "absolute_loss", "entropy", "frequency_kl"])
@pytest.mark.parametrize("frozen", ["norm", "frequency"])
def test_mediation_is_one_less_the_ratio_of_document_means(con: Con, frozen: str, quantity: str) -> None:
    query = "from marts.entropy_mediation where layer = 1 and neuron = 2 and frozen = $frozen and quantity = $quantity"
    (row,) = records(con, query, frozen=frozen, quantity=quantity)
    made = responded(6)
    total = made.change(made.number(ASKED, "mean"), quantity)
    direct = made.change(made.number(ASKED, "mean", frozen=frozen), quantity)
    assert row["total_effect"] == pytest.approx(total.mean())
    assert row["direct_effect"] == pytest.approx(direct.mean())
    assert row["mediated_share"] == pytest.approx(1 - abs(direct.mean()) / abs(total.mean()))
    weights = np.random.default_rng(0).poisson(1.0, size=(20_000, len(DRAWN)))
    sizes = weights @ by_document(np.ones_like(total))
    te, de = (weights @ by_document(values) / sizes for values in (total, direct))
    for name, draws in (("total_effect", te), ("direct_effect", de), ("mediated_share", 1 - np.abs(de) / np.abs(te))):
        low, high = np.quantile(draws, [0.025, 0.975])
        assert row[f"{name}_low"] == pytest.approx(low, abs=0.2 * (high - low))
        assert row[f"{name}_high"] == pytest.approx(high, abs=0.2 * (high - low))
    assert (row["is_last_layer"], row["is_asked"]) == (True, True)


def test_nothing_mediates_no_effect(con: Con) -> None:
    rows = records(con, "from marts.entropy_mediation where layer = 0 and neuron = 1")
    assert len(rows) == 8
    assert PLACES[0] == NOTHING
    for row in rows:
        assert (row["total_effect"], row["direct_effect"]) == (0.0, 0.0)
        assert row["mediated_share"] is row["mediated_share_low"] is row["mediated_share_high"] is None


@pytest.mark.parametrize("span", ["all", "second half"])
def test_paths_are_correlated_over_positions(con: Con, span: str) -> None:
    query = "from marts.path_ablations where neurons = 'universal' and span = $span order by control, draw"
    rows = records(con, query, span=span)
    half = slice(N_EARLY if span == "second half" else 0, None)
    groups = np.repeat((DOCUMENTS % 8)[:, None], PER_SEQUENCE, 1)[:, half].ravel()
    assert [(row["neuron"], row["control"], row["asked_neuron"]) for row in rows] == [
        (1, "asked", 1), (2, "energy", 1), (3, "energy", 1),
    ]  # fmt: skip
    for row, values in zip(rows, turned(8), strict=True):
        a, p, d, x, y = (values[k][:, half].ravel() for k in ("a", "attention", "d", "norm", "without"))
        r = np.log(x / y)
        assert (row["n_positions"], row["mean_activation"]) == (len(a), pytest.approx(a.mean()))
        assert (row["attention"], row["attention_without"]) == pytest.approx((p.mean(), (p - d).mean()))
        assert (row["norm"], row["norm_without"]) == pytest.approx((x.mean(), y.mean()))
        for name, of in (("delta_attention", d), ("log_norm_ratio", r)):
            without = [of[groups != g].mean() for g in range(8)]
            assert row[name] == pytest.approx(of.mean(), abs=1e-12)
            assert row[f"{name}_se"] == pytest.approx(np.sqrt(7 * np.var(without)), abs=1e-12)
        for name, u, v in (("activation_attention", a, d), ("attention_norm", d, r), ("activation_norm", a, r)):
            if not d.any():
                assert row[f"{name}_corr"] is None
                continue
            without = [np.corrcoef(u[groups != g], v[groups != g])[0, 1] for g in range(8)]
            assert row[f"{name}_corr"] == pytest.approx(np.corrcoef(u, v)[0, 1])
            assert row[f"{name}_corr_se"] == pytest.approx(np.sqrt(7 * np.var(without)), rel=1e-5)


def test_heads_are_those_of_the_latest_experiment(con: Con) -> None:
    rows = records(con, "from marts.head_bos_outputs order by layer, head")
    assert [(row["layer"], row["head"], row["run"]) for row in rows] == [
        (layer, head, "attention") for layer in (0, 1) for head in (0, 1)
    ]
    for row in rows:
        assert (row["attention"], row["other_norm"]) == pytest.approx((0.3, 2.0))
        assert (row["bos_norm"], row["other_to_bos"]) == ((0.5, 4.0) if row["head"] else (0.0, None))
