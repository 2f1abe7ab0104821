"""Families, features, roles and tokens against numpy on the small warehouse's activations."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models.activations import NEURONS
from tests.models.harness import Built, records
from tests.models.raw_profiles import FEATURES, Array, Profiled, profiled

RUN = "second"
FAMILY_OF = {"unigram": "unigram", "letter": "alphabet", "topic": "semantic", "subset": "semantic", "syntax": "syntax"}


@pytest.fixture(scope="module")
def known(built: Built) -> Profiled:
    return profiled(built.facts[RUN])


def reduction(values: Array, holds: NDArray[np.bool_]) -> float:
    return float(1 - (holds.mean() * values[holds].var() + (~holds).mean() * values[~holds].var()) / values.var())


def test_every_feature_takes_away_what_it_explains(known: Profiled, con: duckdb.DuckDBPyConnection) -> None:
    found = records(con, "select * from intermediate.int_feature_scores where run = $run", run=RUN)
    n_lags = {"token": 3, "subset": 1, "syntax": 2}
    alive = sum(len(f) * n_lags[s] for s, f in FEATURES.items()) * len(NEURONS) * len(known.post)
    assert len(found) == alive
    for row in found:
        values = known.post[row["model"]][NEURONS.index((row["layer"], row["neuron"]))]
        holds = known.holds[row["feature"], row["lag"]]
        if values.std() == 0:
            assert row["variance_reduction"] is None
            continue
        assert row["variance_reduction"] == pytest.approx(reduction(values, holds), abs=1e-6)
        scores = []
        for half in (0, 1):
            chosen, there = known.half == half, known.half != half
            means = [values[chosen & kind].mean() for kind in (holds, ~holds)]
            left = values[there] - np.where(holds[there], *means)
            scores.append(1 - (left**2).sum() / ((values[there] - values[chosen].mean()) ** 2).sum())
        assert row["heldout_reduction"] == pytest.approx(np.mean(scores), abs=1e-6)


def test_syntax_beyond_the_token_and_by_chance(known: Profiled, con: duckdb.DuckDBPyConnection) -> None:
    rows = records(con, "from marts.neuron_variables where run = $run", run=RUN)
    by_key = {(row["model"], row["layer"], row["neuron"], row["variable"]): row for row in rows}
    seen = 0
    for (model, layer, neuron, variable), row in by_key.items():
        token = by_key[model, layer, neuron, "token"]
        if variable != "token_and_syntax":
            assert (row["beyond_token"], row["beyond_token_by_chance"]) == (None, None)
        elif known.post[model][NEURONS.index((layer, neuron))].std() == 0:
            assert (row["eta_squared"], row["beyond_token"], row["beyond_token_by_chance"]) == (None, None, None)
        else:
            # Five tokens that are told apart and all others make six classes, which the pairs make nine of.
            chance = (1 - token["eta_squared"]) * (9 - 6) / (len(known.half) - 6)
            assert row["beyond_token"] == pytest.approx(row["eta_squared"] - token["eta_squared"], abs=1e-12)
            assert row["beyond_token"] == pytest.approx(row["eta_squared"] / 3)
            assert row["beyond_token_by_chance"] == pytest.approx(chance)
            seen += 1
    assert seen > 10


def test_the_best_five_features_of_a_neuron(known: Profiled, con: duckdb.DuckDBPyConnection) -> None:
    kinds = {name: kind for features in FEATURES.values() for name, kind in features}
    for model, index in (("a", 0), ("b", 6), ("d", 12)):
        layer, neuron = NEURONS[index]
        found = records(
            con,
            "select * from marts.neuron_features "
            "where side = 'input' and model = $model and layer = $layer and neuron = $neuron order by rank",
            model=model, layer=layer, neuron=neuron,
        )  # fmt: skip
        all_of_them = {key: reduction(known.post[model][index], holds) for key, holds in known.holds.items()}
        best = sorted(all_of_them.items(), key=lambda item: -item[1])[:5]
        assert [(row["feature"], row["lag"]) for row in found] == [key for key, _ in best]
        assert [row["variance_reduction"] for row in found] == pytest.approx([value for _, value in best], abs=1e-6)
        assert [row["feature_kind"] for row in found] == [kinds[name] for (name, _), _ in best]


def test_families_follow_the_rule(known: Profiled, con: duckdb.DuckDBPyConnection) -> None:
    """By hand with low cut-offs, so that every family is there."""
    cutoffs = {"unigram": 0.3, "alphabet": 0.3, "previous_token": 0.1, "position": 0.9, "syntax": 0.1, "semantic": 0.1}
    names = ", ".join(f"{family}_cutoff := {cutoff}" for family, cutoff in cutoffs.items())
    found = records(con, f"from marts.rule_family({names}, support_cutoff := 0)")
    scores = records(con, "from intermediate.int_family_scores")
    order = list(cutoffs)
    seen = set()
    for row in found:
        key = (row["run"], row["model"], row["layer"], row["neuron"])
        own = [s for s in scores if (s["run"], s["model"], s["layer"], s["neuron"]) == key and s["score"] is not None]
        judged = {"unigram": "score", "alphabet": "score", "position": "score"}
        passing = [
            s for s in own if (s[judged.get(s["family"], "heldout_score")] or -1.0) > cutoffs[s["family"]]
        ]  # fmt: skip
        best = max(passing, key=lambda s: (s["score"], -order.index(s["family"])), default=None)
        dead = known.post[row["model"]][NEURONS.index((row["layer"], row["neuron"]))].std() == 0
        assert row["family"] == (best["family"] if best else None if dead else "none")
        assert row["feature"] == (best and best["feature"])
        seen.add(row["family"])
    assert seen >= {"unigram", "alphabet", "previous_token", "syntax", "semantic", "none", None}


def test_counts_are_those_of_the_families(con: duckdb.DuckDBPyConnection) -> None:
    families = records(con, "select * from marts.neuron_families where family is not null")
    for row in records(con, "from marts.family_counts"):
        members = [f for f in families if (f["model"], f["family"]) == (row["model"], row["family"])]
        assert (row["n_neurons"], row["n_universal"]) == (len(members), sum(bool(f["is_universal"]) for f in members))
    totals = records(con, "select model, sum(pct_neurons) as whole from marts.family_counts group by model")
    assert totals
    assert [row["whole"] for row in totals] == pytest.approx([100.0] * len(totals))
    shares = records(con, "select sum(n_neurons) as n from marts.explained_universality")
    assert shares[0]["n"] == len(families)


def test_stability_compares_with_the_best_partner(con: duckdb.DuckDBPyConnection) -> None:
    families = {
        (f["model"], f["layer"], f["neuron"]): f["family"] for f in records(con, "from marts.neuron_families")
    }  # fmt: skip
    partners = records(con, "select * from marts.neuron_partners where relation = 'seed' and run = $run", run=RUN)
    for row in records(con, "from marts.family_stability"):
        pairs = [
            (
                families[p["model"], p["layer"], p["neuron"]],
                families[p["other_model"], p["other_layer"], p["other_neuron"]],
            )
            for p in partners
            if (p["model"], p["other_model"]) == (row["model"], row["other_model"]) and p["other_layer"] is not None
        ]
        members = [other for own, other in pairs if own == row["family"] and other is not None]
        assert (row["n_neurons"], row["n_same"]) == (len(members), members.count(row["family"]))


def test_tokens_examples_and_histograms(con: duckdb.DuckDBPyConnection) -> None:
    where = "where model = 'b' and layer = 1 and neuron = 2"
    sides: dict[str, list[tuple[object, ...]]] = {}
    for row in records(con, f"select * from marts.neuron_tokens {where} order by side, rank"):
        sides.setdefault(row["side"], []).append((row["token"], row["value"], row["n"]))
    assert sides == {
        "promoted": [("t4", 0.75, None), ("t2", 0.5, None)], "suppressed": [("t7", -0.25, None)],
        "mean_activation": [("t3", 2.0, 9), ("t1", 1.5, 7)], "max_activation": [("t1", 4.0, 2)],
    }  # fmt: skip
    first, last = (
        records(con, f"select * from marts.neuron_examples {where} and rank = {rank}")[0] for rank in (1, 52)
    )
    assert (first["choice"], first["activation"], first["sequence"], first["token_id"]) == ("top", 4.0, 1, 1)
    assert first["activations"] == [None] * 16 + [4.0] * 17
    assert first["token_ids"] == [None] * 16 + [(1 + k) % 11 if k < 10 else None for k in range(17)]
    assert (last["choice"], last["quantile"], last["path"]) == ("quantile", pytest.approx(0.1), "d3")
    histogram = records(con, f"select * from marts.neuron_histograms {where}")[0]
    assert histogram["bin_edges"] == [-1.0, -0.5, 0.0, 0.5]
    assert (histogram["n_below"], histogram["bin_counts"], histogram["n_above"]) == (1, [2, 3, 4], 5)


def test_what_a_neuron_writes_is_explained_by_the_tokens_with_a_feature(con: duckdb.DuckDBPyConnection) -> None:
    sums = {(r["model"], r["layer"], r["neuron"]): r for r in records(con, "from raw.output_sums")}
    spread = {
        (r["model"], r["layer"], r["neuron"]): r
        for r in records(con, "from raw.vocabulary_sums where effect = 'out' and run = $run", run=RUN)
    }
    found = records(con, "from marts.neuron_features where side = 'output' order by model, layer, neuron, rank")
    assert len(found) == 3 * len(sums)
    for key, own in sums.items():
        n, total = spread[key]["n"], spread[key]["sum_1"]
        within = spread[key]["sum_2"] - total**2 / n
        expected = {
            name: (value**2 + (total - value) ** 2 / (n - 1) - total**2 / n) / within
            for (name, _), value in zip(FEATURES["token"], own["sums"], strict=True)
        }
        mine = [row for row in found if (row["model"], row["layer"], row["neuron"]) == key]
        assert [row["feature"] for row in mine] == sorted(expected, key=lambda name: -expected[name])
        assert [row["variance_reduction"] for row in mine] == pytest.approx(
            sorted(expected.values(), reverse=True), abs=1e-6
        )


def test_clusters_gather_neurons_with_one_feature_and_direction(con: duckdb.DuckDBPyConnection) -> None:
    written = records(con, "from marts.neuron_features where side = 'output' and rank = 1")
    for cutoff in (0.0, 0.2):
        found = records(con, f"from marts.rule_output_cluster({cutoff})")
        gathered: dict[tuple[str, str, bool], list[str]] = {}
        for row in sorted(written, key=lambda row: -row["variance_reduction"]):
            if row["variance_reduction"] > cutoff:
                key = (row["model"], row["feature"], row["mean_true"] > row["mean_false"])
                gathered.setdefault(key, []).append(f"L{row['layer']}.N{row['neuron']}")
        assert {(r["model"], r["feature"], r["action"] == "promotes"): r["neurons"] for r in found} == gathered


def test_matched_neurons_stand_beside_random_pairs(con: duckdb.DuckDBPyConnection) -> None:
    pairs = records(con, "from marts.neuron_partners where effect_corr is not null and run = $run", run=RUN)
    universal = {
        (r["model"], r["layer"], r["neuron"])
        for r in records(con, "from marts.neuron_universality where comparison = 'seeds' and is_universal")
    }
    found = records(con, "from marts.functional_universality where run = $run", run=RUN)
    assert {row["is_universal"] for row in found} == {True, False}
    for row in found:
        mine = [
            p for p in pairs
            if (p["model"], p["other_model"]) == (row["model"], row["other_model"])
            and ((p["model"], p["layer"], p["neuron"]) in universal) == row["is_universal"]
        ]  # fmt: skip
        assert row["n_pairs"] == len(mine)
        assert row["effect_corr"] == pytest.approx(np.mean([p["effect_corr"] for p in mine]))
        assert row["random_effect_corr"] == pytest.approx(np.mean([p["layer"] / 8 for p in mine]))
        assert row["free_effect_z"] == pytest.approx(
            np.mean([(p["free_effect_corr"] - p["other_layer"] / 8) / 0.25 for p in mine])
        )
