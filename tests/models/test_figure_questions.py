"""The papers' figures against numpy, from the marts of the small warehouse."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest

from tests.models.harness import ROOT, records

Con = duckdb.DuckDBPyConnection


def figure(con: Con, name: str, **given: object) -> list[dict[str, Any]]:
    """Rows of a question for what is given."""
    return records(con, (ROOT / "sql" / f"{name}.sql").read_text(), **given)


def neurons(con: Con, model: str) -> list[dict[str, Any]]:
    return records(con, "from marts.neurons where model = $model order by layer, neuron", model=model)


def test_distributions_hold_every_living_neuron(con: Con) -> None:
    rows = figure(con, "gurnee_fig02a_excess_distribution", model="b", width=0.125)
    values = [row["excess_corr"] for row in neurons(con, "b") if not row["is_dead"]]
    bins = {row["bin_low"]: row for row in rows if row["property"] == "excess_corr"}
    assert sum(row["n_neurons"] for row in bins.values()) == len(values)
    assert sum(row["density"] * 0.125 for row in bins.values()) == pytest.approx(1)
    for low, row in bins.items():
        assert row["n_neurons"] == sum(low <= value < row["bin_high"] for value in values)
    assert sum(row["n_universal"] for row in bins.values()) == sum(value > 0.5 for value in values)


def test_the_red_line_is_a_mean_over_neurons(con: Con) -> None:
    rows = figure(con, "gurnee_fig02b_partner_range", model="b", width=0.125)
    living = [row for row in neurons(con, "b") if not row["is_dead"]]
    assert sum(row["n_neurons"] for row in rows) == len(living)
    for row in rows:
        column = [n["max_corr"] for n in living if 0 <= n["min_corr"] - row["min_corr_low"] < 0.125]
        assert row["mean_max_corr"] == pytest.approx(np.mean(column))


def test_shares_of_layers_are_means_over_partners(con: Con) -> None:
    for row in figure(con, "gurnee_fig02c_partner_layers", model="b"):
        query = (
            "from marts.layer_matches where model = 'b' and relation = 'seed' and layer = $layer "
            "and other_layer = $other_layer"
        )
        place = {name: row[name] for name in ("layer", "other_layer")}
        shares = [match["share"] for match in records(con, query, **place)]
        assert row["pct_of_partners"] == pytest.approx(100 * np.mean(shares))
        assert row["n_partners"] == len(shares)


def test_letters_are_quantiles_of_the_percentiles_of_universal_neurons(con: Con) -> None:
    rows = figure(con, "gurnee_fig03_property_percentiles", model="b")
    query = (
        "from marts.neuron_percentiles join marts.neurons using (model, layer, neuron) "
        "where model = 'b' and is_universal"
    )
    universal = records(con, query)
    assert [row["letter"] for row in rows] == ["M", "F"] * 8
    for row in rows:
        values = [each[f"{row['property']}_pct"] for each in universal]
        assert row["n_universal"] == len(values)
        assert (row["low"], row["high"]) == pytest.approx(np.quantile(values, [row["tail"], 1 - row["tail"]]))


def test_letters_by_layer_are_quantiles_of_both_groups(con: Con) -> None:
    rows = figure(con, "gurnee_fig14_properties_by_layer", model="b", layer=0)
    assert {row["is_universal"] for row in rows} == {True, False}
    for row in rows:
        values = [
            each[row["property"]]
            for each in neurons(con, "b")
            if (each["layer"], each["is_universal"]) == (0, row["is_universal"]) and each[row["property"]] is not None
        ]
        assert row["n_neurons"] == len(values)
        assert (row["low"], row["high"]) == pytest.approx(np.quantile(values, [row["tail"], 1 - row["tail"]]))


def test_a_letter_needs_neurons_beyond_it(con: Con) -> None:
    query = (ROOT / "sql" / "gurnee_fig14_properties_by_layer.sql").read_text()
    many = "(select 'm' as model, 0 as layer, range % 2 = 0 as is_universal, * from range(4096), "
    many += "(select range::double as vocab_kurt, 0.0 as vocab_skew, 0.0 as in_out_sim, 0.0 as l2_penalty, "
    many += "0.0 as sparsity, 0.0 as skew, 0.0 as kurt))"
    with duckdb.connect() as made:
        rows = records(made, query.replace("marts.neurons", many), model=None, layer=None)
    letters = [row for row in rows if row["property"] == "vocab_kurt" and row["is_universal"]]
    assert [row["letter"] for row in letters] == list("MFEDCBAZ")
    assert all(row["tail"] * row["n_neurons"] >= 8 for row in letters)


def test_bands_go_from_seed_to_seed(con: Con) -> None:
    rows = figure(con, "gurnee_fig06_vocabulary_by_depth", model_family="growing")
    assert {row["n_models"] for row in rows} == {2}
    for row in rows:
        points = [
            np.quantile(
                [n[row["property"]] for n in neurons(con, f"{seed}@{row['step']}") if n["layer"] == row["layer"]],
                row["percentile"] / 100,
            )
            for seed in "ef"
        ]
        assert (row["low"], row["mean"], row["high"]) == pytest.approx((min(points), np.mean(points), max(points)))


def test_densities_are_gaussian_kernels(con: Con) -> None:
    rows = figure(con, "gurnee_fig06c_skew_of_high_kurtosis", model_family="growing", at_least=1)
    assert sum(row["mean_density"] for row in rows if (row["step"], row["layer"]) == (1, 0)) / 10 == pytest.approx(1)
    row = next(row for row in rows if (row["step"], row["layer"], row["vocab_skew"]) == (3, 1, 0.5))
    densities = []
    for seed in "ef":
        skews = np.array([n["vocab_skew"] for n in neurons(con, f"{seed}@3") if n["layer"] == 1])
        densities.append(np.mean(np.exp(-(((0.5 - skews) / 0.5) ** 2) / 2) / (0.5 * np.sqrt(2 * np.pi))))
    assert (row["low"], row["mean_density"], row["high"]) == pytest.approx(
        (min(densities), np.mean(densities), max(densities))
    )


def test_the_line_is_that_of_all_neurons(con: Con) -> None:
    rows = figure(con, "gurnee_fig09_frequency_against_cosine", model="b", width=0.1)
    frequency, cosine = np.array([(row["sparsity"], row["in_out_sim"]) for row in neurons(con, "b")]).T
    slope, intercept = np.polyfit(frequency, cosine, 1)
    assert sum(row["n_neurons"] for row in rows) == len(frequency)
    for row in rows:
        assert row["corr"] == pytest.approx(np.corrcoef(frequency, cosine)[0, 1])
        assert (row["slope"], row["intercept"]) == pytest.approx((slope, intercept))


def test_bins_hold_the_vocabulary(con: Con) -> None:
    rows = figure(con, "gurnee_fig05_vocabulary_effects", model="b", layer=0, neuron=1, effect="out")
    assert [(row["bin_low"], row["bin_high"], row["n_tokens"]) for row in rows] == [
        (-0.5, -0.25, 1), (-0.25, 0.0, 5), (0.0, 0.25, 3), (0.25, 0.5, 1),
    ]  # fmt: skip
    assert {(row["n_below"], row["n_above"]) for row in rows} == {(0, 1)}


def test_tails_are_complete_where_all_kept_pairs_lie_below(con: Con) -> None:
    kept = records(con, "from marts.neuron_heads where model = 'b' and kind = 'bos'")
    last = max(row["rank"] for row in kept)
    bound = max(abs(row["score"]) for row in kept if row["rank"] == last)
    rows = figure(con, "gurnee_fig08a_head_scores", model="b", width=0.1)
    assert sum(row["n_pairs"] for row in rows) == len(kept)
    for row in rows:
        assert row["is_complete"] == (min(abs(row["bin_low"]), abs(row["bin_high"])) >= bound)


def test_tokens_are_relative_to_the_strongest(con: Con) -> None:
    rows = figure(con, "gurnee_fig04c_strongest_tokens", model="b", layer=0, neuron=1, n=2, at_least=None)
    assert [row["rank"] for row in rows] == [1, 2]
    assert rows[0]["relative_activation"] == 1
    assert rows[1]["relative_activation"] == rows[1]["mean_activation"] / rows[0]["mean_activation"] <= 1


def test_nothing_is_said_of_a_layer_whose_universal_neurons_alone_are_known() -> None:
    values = "('m', 0, 0, true, 12.0, 1.0, 0.5, 0.25), ('m', 0, 1, false, null, null, null, null)"
    names = "model, layer, neuron, is_universal, vocab_kurt, vocab_skew, sparsity, in_out_sim"
    with duckdb.connect() as made:
        made.execute("create schema marts")
        made.execute(f"create table marts.neurons as from (values {values}) as made ({names})")
        made.execute("create table marts.models as select 'm' as model, 'f' as model_family, 0 as step, 1 as n_layers")
        given: dict[str, object] = {"model": None, "at_least": None}
        assert figure(made, "gurnee_fig22_vocabulary_percentiles", **given) == []
        assert figure(made, "gurnee_fig06_vocabulary_by_depth", model_family=None) == []
        assert figure(made, "gurnee_fig06c_skew_of_high_kurtosis", model_family=None, at_least=2) == []
        assert figure(made, "gurnee_fig09_frequency_against_cosine", model=None, width=None) == []
        made.execute("update marts.neurons set vocab_kurt = 3, vocab_skew = 0, sparsity = 0.5, in_out_sim = 0")
        assert figure(made, "gurnee_fig22_vocabulary_percentiles", **given)
        assert figure(made, "gurnee_fig06_vocabulary_by_depth", model_family=None)
        assert figure(made, "gurnee_fig06c_skew_of_high_kurtosis", model_family=None, at_least=2)
        assert figure(made, "gurnee_fig09_frequency_against_cosine", model=None, width=None)
