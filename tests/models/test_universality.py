"""Calls, shares with their intervals, the ceiling and the floor, and the curve over thresholds and text."""

from __future__ import annotations

from itertools import product

import duckdb
import numpy as np
import pytest
import yaml

from tests.models.activations import DEAD, N_LAYERS, N_PARTS, NEURONS, POSITIONS, Array, Facts
from tests.models.by_hand import ALIVE, baselines, excess, floors, gaps, share_interval
from tests.models.harness import ROOT, Built, records
from tests.models.raw_pairs import partial_excess

SECOND = ("a", "b", "c", "d")
VARS = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]
THRESHOLD = VARS["universal_threshold"]
CUTOFF = 30  # of this little text
TOTAL = N_PARTS * POSITIONS["text"]


def partial(facts: Facts, model: str, groups: tuple[int, int]) -> Array:
    """Excess correlation over some groups of documents; NaN for a dead neuron."""
    parts = [partial_excess(facts, model, other, groups) for other in facts.models if other != model]
    values = np.mean([best - baseline for best, baseline in parts], axis=0)
    values[NEURONS.index(DEAD)] = np.nan
    return np.asarray(values)


def call(row: dict[str, float], threshold: float, cutoff: float) -> str:
    """The call of a neuron, in the words of the method."""
    if row["is_dead"]:
        return "no"
    if row["excess_low"] is None or row["support"] < cutoff:
        return "undecided"
    return "yes" if row["excess_low"] > threshold else "no" if row["excess_high"] < threshold else "undecided"


@pytest.mark.parametrize(("threshold", "cutoff"), [(0.5, 30), (0.5, 0), (0.1, 40), (-1.0, 0), (0.8, 0)])
def test_calls_keep_to_interval_and_support(con: duckdb.DuckDBPyConnection, threshold: float, cutoff: float) -> None:
    rows = records(con, "from marts.rule_universal($threshold, $cutoff)", threshold=threshold, cutoff=cutoff)
    assert [row["universal_call"] for row in rows] == [call(row, threshold, cutoff) for row in rows]


def test_calls_of_every_kind_occur(con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, f"from marts.rule_universal({THRESHOLD}, {CUTOFF}) where comparison = 'seeds' and not is_dead")
    assert {row["universal_call"] for row in rows} == {"yes", "no", "undecided"}
    undecided = [row for row in rows if row["universal_call"] == "undecided"]
    assert any(row["support"] < CUTOFF for row in undecided)
    assert any(row["excess_se"] is None for row in undecided)
    assert any(row["excess_low"] < THRESHOLD < row["excess_high"] for row in undecided if row["excess_se"])
    known = records(con, "select * from marts.neurons where n_partners is not null")
    calls = {(row["model"], row["layer"], row["neuron"]): row["universal_call"] for row in known}
    every = records(con, "from marts.neuron_universality where comparison = 'seeds'")
    assert calls == {(row["model"], row["layer"], row["neuron"]): row["universal_call"] for row in every}


@pytest.mark.parametrize("threshold", [0.5, 0.52, 0.0])
def test_partners_above_are_counted(built: Built, con: duckdb.DuckDBPyConnection, threshold: float) -> None:
    query = (
        "from marts.rule_universal($threshold, 30) where comparison = 'seeds' and model = 'c' order by layer, neuron"
    )
    found = [row["n_partners_above"] for row in records(con, query, threshold=threshold)]
    above = (gaps(built.facts["second"], "c") > threshold).sum(0)
    assert found == [above[i] if i in ALIVE else 0 for i in range(len(NEURONS))]


@pytest.mark.parametrize("model", SECOND)
def test_shares_have_intervals(built: Built, con: duckdb.DuckDBPyConnection, model: str) -> None:
    facts = built.facts["second"]
    (row,) = records(con, "from marts.universality where model = $model", model=model)
    everyone = list(range(len(NEURONS)))
    expected = share_interval(facts, model, THRESHOLD, everyone)
    assert (row["pct_low"], row["pct_high"]) == pytest.approx(expected, abs=1e-4)
    for layer in range(N_LAYERS):
        query = "from marts.layer_universality where model = $model and layer = $layer"
        (row,) = records(con, query, model=model, layer=layer)
        expected = share_interval(facts, model, THRESHOLD, [i for i in everyone if NEURONS[i][0] == layer])
        assert (row["pct_low"], row["pct_high"]) == pytest.approx(expected, abs=1e-4)


def test_some_share_is_uncertain(con: duckdb.DuckDBPyConnection) -> None:
    assert records(con, "from marts.universality where pct_low < pct_universal and pct_universal < pct_high")


@pytest.mark.parametrize("model", SECOND)
def test_halves_are_the_ceiling_and_the_twin_is_the_floor(
    built: Built, con: duckdb.DuckDBPyConnection, model: str
) -> None:
    facts = built.facts["second"]
    first, second = (partial(facts, model, groups) > THRESHOLD for groups in ((0, 8), (8, 16)))
    (row,) = records(con, "from marts.universality where model = $model", model=model)
    assert row["n_universal_first_half"] == first.sum()
    assert row["n_universal_second_half"] == second.sum()
    assert row["n_universal_both_halves"] == (first & second).sum()
    others = [other for other in SECOND if other != model]
    twin = np.mean([floors(facts, model, o)["twin"] - baselines(facts, model, o).mean(1) for o in others], axis=0)
    assert row["pct_universal_twin"] == 100 * np.nansum(twin > THRESHOLD) / len(NEURONS)


@pytest.mark.parametrize(("comparison", "run", "model"), [("seeds", "second", "b"), ("seeds@first", "first", "a")])
def test_the_curve_is_over_thresholds_and_text(
    built: Built, con: duckdb.DuckDBPyConnection, comparison: str, run: str, model: str
) -> None:
    facts = built.facts[run]
    query = "from marts.universality_curve where comparison = $comparison and model = $model"
    rows = {(r["n_positions"], r["threshold"]): r for r in records(con, query, comparison=comparison, model=model)}
    budgets = {40: (0, 4), 80: (0, 8), 120: (0, 12)} if run == "second" else {}
    assert set(rows) == set(product([*budgets, TOTAL], VARS["curve_thresholds"]))
    for (n_positions, threshold), row in rows.items():
        whole = n_positions == TOTAL
        values = excess(facts, model) if whole else partial(facts, model, budgets[n_positions])
        n_universal = int((values[ALIVE] > threshold).sum())
        assert (row["n_universal"], row["n_neurons"], row["run"]) == (n_universal, len(NEURONS), run)
        assert row["pct_universal"] == 100 * n_universal / len(NEURONS)
        if whole:
            expected = share_interval(facts, model, threshold, list(range(len(NEURONS))))
            assert (row["pct_low"], row["pct_high"]) == pytest.approx(expected, abs=1e-4)
        else:
            assert (row["pct_low"], row["pct_high"]) == (None, None)
        assert row["is_whole"] == whole
