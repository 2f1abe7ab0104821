"""The marts against a calculation from the activations themselves, without power sums and without SQL."""

from __future__ import annotations

from itertools import product

import duckdb
import numpy as np
import pytest

from tests.models.activations import DEAD, N_LAYERS, N_PARTS, NEURONS, Array, correlations
from tests.models.by_hand import ALIVE, baselines, best_partners, excess
from tests.models.harness import Built, records

THRESHOLD = 0.5
SECOND = ("a", "b", "c", "d")


def standardised_moment(x: Array, power: int) -> float:
    return float((((x - x.mean()) / x.std()) ** power).mean())


@pytest.mark.parametrize("model", ["b", "c", "d"])
def test_moments_are_those_of_the_activations(built: Built, con: duckdb.DuckDBPyConnection, model: str) -> None:
    facts = built.facts["second"]
    pre = np.concatenate(list(facts.pre[model].values()), axis=1)
    post = facts.post(model)
    rows = records(con, "from marts.neurons where model = $model order by layer, neuron", model=model)
    assert [(row["layer"], row["neuron"]) for row in rows] == NEURONS
    for row, x, y in zip(rows, pre, post, strict=True):
        assert row["mean"] == pytest.approx(x.mean())
        assert row["sparsity"] == (x > 0).mean()
        assert row["post_mean"] == pytest.approx(y.mean())
        if (row["layer"], row["neuron"]) == DEAD:
            assert (row["is_dead"], row["is_universal"]) == (True, False)
            assert (row["skew"], row["kurt"], row["post_kurt"], row["support"]) == (None,) * 4
            assert (row["max_corr"], row["mean_corr"], row["min_corr"], row["excess_corr"]) == (0, 0, 0, 0)
            continue
        assert not row["is_dead"]
        assert row["var"] == pytest.approx(x.var())
        assert row["skew"] == pytest.approx(standardised_moment(x, 3), abs=1e-9)
        assert row["kurt"] == pytest.approx(standardised_moment(x, 4))
        assert row["post_var"] == pytest.approx(y.var())
        assert row["post_kurt"] == pytest.approx(standardised_moment(y, 4))
        assert row["support"] == pytest.approx(len(y) / standardised_moment(y, 4))


@pytest.mark.parametrize("model", SECOND)
def test_partners_are_those_of_the_correlation_matrix(built: Built, con: duckdb.DuckDBPyConnection, model: str) -> None:
    facts = built.facts["second"]
    for other in (name for name in SECOND if name != model):
        best, partner = best_partners(facts, model, other)
        _, back = best_partners(facts, other, model)
        baseline = baselines(facts, model, other)
        rows = records(
            con,
            "from marts.neuron_partners where model = $model and other_model = $other order by layer, neuron",
            model=model,
            other=other,
        )
        for i, row in enumerate(rows):
            assert (row["relation"], row["run"]) == ("seed", "second")
            if i not in ALIVE:
                assert (row["max_corr"], row["min_corr"], row["baseline"], row["other_neuron"]) == (0, 0, 0, None)
                assert not row["is_mutual"]
                continue
            assert row["max_corr"] == pytest.approx(best[i], abs=1e-6)
            assert NEURONS[int(partner[i])] == (row["other_layer"], row["other_neuron"])
            assert row["baseline"] == pytest.approx(baseline[i].mean(), abs=1e-6)
            assert row["baseline_sd"] == pytest.approx(baseline[i].std(ddof=1), abs=1e-6)
            assert row["is_mutual"] == (back[int(partner[i])] == i)


@pytest.mark.parametrize(
    ("comparison", "run", "model"),
    [
        *product(["seeds"], ["second"], SECOND),
        *product(["seeds@first"], ["first"], "abc"),
        *product(["steps"], ["steps"], ["a", "a@50"]),
    ],
)
def test_universality_is_that_of_the_comparison(
    built: Built, con: duckdb.DuckDBPyConnection, comparison: str, run: str, model: str
) -> None:
    rows = records(
        con,
        "from marts.neuron_universality where comparison = $comparison and model = $model order by layer, neuron",
        comparison=comparison,
        model=model,
    )
    expected = excess(built.facts[run], model)
    assert [row["excess_corr"] for row in rows] == pytest.approx(expected, abs=1e-6)
    assert [row["is_universal"] for row in rows] == list(expected > THRESHOLD)
    assert {row["n_partners"] for row in rows} == {len(built.facts[run].models) - 1}


def test_universality_counts_the_primary_comparison(built: Built, con: duckdb.DuckDBPyConnection) -> None:
    rows = {row["model"]: row for row in records(con, "from marts.universality")}
    growing = built.facts["training"].models
    assert set(rows) == {*SECOND, *growing, "a@50", "w"}
    for model in SECOND:
        n_universal = int((excess(built.facts["second"], model) > THRESHOLD).sum())
        assert 0 < n_universal < len(NEURONS)
        assert (rows[model]["n_universal"], rows[model]["n_dead"]) == (n_universal, 1)
        assert rows[model]["pct_universal"] == 100 * n_universal / len(NEURONS)


def test_weights_alone_leave_the_rest_unknown(con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, "from marts.neurons where model = 'w'")
    assert len(rows) == len(NEURONS)
    for row in rows:
        unknown = ("mean", "kurt", "support", "mean_corr", "is_universal", "n_partners", "is_dead")
        assert all(row[column] is None for column in unknown)
        assert row["l2_penalty"] == pytest.approx(row["w_in_norm"] ** 2 + row["w_out_norm"] ** 2)
        assert row["vocab_kurt"] > 1
    assert len(records(con, "from marts.neuron_percentiles where model = 'w'")) == len(NEURONS)


def test_percentiles_are_mean_ranks(con: duckdb.DuckDBPyConnection) -> None:
    doubles = "where schema_name = 'marts' and table_name = $table and data_type = 'DOUBLE'"
    names = f"select column_name from duckdb_columns() {doubles} order by column_index"
    properties = [row["column_name"] for row in records(con, names, table="neurons")]
    percentiles = [row["column_name"] for row in records(con, names, table="neuron_percentiles")]
    assert percentiles == [f"{name}_pct" for name in properties]
    rows = records(con, "from marts.neurons join marts.neuron_percentiles using (model, layer, neuron)")
    for model, layer, name in product([*SECOND, "w"], range(N_LAYERS), properties):
        known = [r for r in rows if (r["model"], r["layer"]) == (model, layer) and r[name] is not None]
        for row in known:
            smaller = sum(other[name] < row[name] for other in known)
            equal = sum(other[name] == row[name] for other in known)
            assert row[f"{name}_pct"] == pytest.approx(100 * (smaller + 0.5 * (equal + 1)) / len(known))


def test_layer_matches_count_best_partners(built: Built, con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, "from marts.layer_matches where relation = 'seed' and not contains(model, '@')")
    assert len(rows) == 12 * N_LAYERS**2
    for row in rows:
        best, partner = best_partners(built.facts["second"], row["model"], row["other_model"])
        own = [i for i in ALIVE if NEURONS[i][0] == row["layer"]]
        chosen = [i for i in own if NEURONS[int(partner[i])][0] == row["other_layer"]]
        assert (row["n_best"], row["share"]) == (len(chosen), len(chosen) / len(own))
        if chosen:
            assert row["mean_corr"] == pytest.approx(best[chosen].mean(), abs=1e-6)


def test_matches_are_sorted_by_correlation(built: Built, con: duckdb.DuckDBPyConnection) -> None:
    rho = correlations(built.facts["second"].post("a"), built.facts["second"].post("d"))
    neuron = "model = 'a' and layer = 0 and neuron = 2 and other_model = 'd'"
    query = f"from marts.neuron_matches where {neuron} order by rank"
    matches = {side: [row["corr"] for row in records(con, query) if row["side"] == side] for side in ("top", "bottom")}
    expected = np.sort(rho[2][ALIVE])
    assert matches["bottom"] == pytest.approx(expected, abs=1e-6)
    assert matches["top"] == pytest.approx(expected[::-1], abs=1e-6)


def test_unfinished_runs_appear_in_runs_only(con: duckdb.DuckDBPyConnection) -> None:
    rows = {row["run"]: row for row in records(con, "from marts.runs")}
    going = rows["unfinished"]
    assert (going["status"], going["parts_done"], going["n_parts"], going["n_passes"]) == ("running", 1, N_PARTS, 1)
    speaking = {"first", "second", "steps", "training", "weights", "ablation", "layers", "lens", "pairs", "probe"}
    speaking |= {"entropy", "attention", "other heads", "simulated-finished"}
    assert {run for run, row in rows.items() if row["is_speaking"] and row["kind"] != "import"} == speaking
    marts = "select distinct table_name from duckdb_columns() where schema_name = 'marts' and column_name = 'run'"
    for table in (row["table_name"] for row in records(con, marts)):
        if table != "runs":
            assert not records(con, f"from marts.{table} where run in ('unfinished', 'going')"), table


def test_parts_of_every_pass_are_counted(con: duckdb.DuckDBPyConnection) -> None:
    (run,) = records(con, "from marts.runs where run = 'steps'")
    assert (run["n_parts"], run["n_passes"], run["parts_done"]) == (N_PARTS, 2, 2 * N_PARTS)
    assert (run["method"], run["buckets"], run["n_candidates"]) == ("refined", 4096, 2.5)
    assert (run["probe_bias"], run["probe_sd"], run["probe_max_error"]) == (0.0625, 1.25, 0.5)


def test_a_checkpoint_is_compared_with_itself(built: Built, con: duckdb.DuckDBPyConnection) -> None:
    facts = built.facts["steps"]
    itself = np.diag(correlations(facts.post("a"), facts.post("a@50")))
    rows = records(con, "from marts.neuron_partners where model = 'a' and relation = 'step' order by layer, neuron")
    for i, row in enumerate(rows):
        assert row["self_corr"] == (pytest.approx(itself[i], abs=1e-6) if i in ALIVE else None)
    assert not records(con, "from marts.neuron_partners where relation <> 'step' and self_corr is not null")
