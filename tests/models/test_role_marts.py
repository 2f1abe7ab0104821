"""Roles, heads and neighbours on the small warehouse against the rules written out in Python."""

from __future__ import annotations

import duckdb
import pytest

from tests.models.activations import NEURONS
from tests.models.harness import records
from tests.models.raw_weights import N_DIRECTIONS, NULL_BOS, NULL_LOGIT_VAR, NULL_PART, PARTS


def test_roles_follow_the_rule(con: duckdb.DuckDBPyConnection) -> None:
    """Every role by hand; entropy and attention by what random directions have in the small warehouse."""
    properties = {(p["model"], p["layer"], p["neuron"]): p for p in records(con, "from marts.neurons")}
    heads = {
        (h["model"], h["layer"], h["neuron"]): h
        for h in records(con, "from marts.neuron_heads where kind = 'bos' and rank = 1")
    }
    rows = records(con, "from marts.neuron_roles")
    assert len(rows) == 4 * len(properties) + len(heads)
    seen = set()
    for key, own in properties.items():
        kurt, skew, var = own["vocab_kurt"], own["vocab_skew"], own["vocab_var"]
        smaller = sum(p["w_out_norm"] < own["w_out_norm"] for p in properties.values() if p["model"] == own["model"])
        is_large = smaller >= 0.9 * (len(NEURONS) - 1)
        expected = {
            "prediction": (kurt > 1.8 and skew > 0, False),
            "suppression": (kurt > 1.8 and skew < 0, False),
            "partition": (var > 0.04, var > 0.005),
            "entropy": (
                is_large
                and own["logit_var"] / own["w_out_norm"] ** 2 < NULL_LOGIT_VAR
                and own["null_share_05"] + PARTS[0.05] / N_DIRECTIONS > NULL_PART,
                own["l2_penalty"] >= 1 and kurt <= 10 and var <= 0.001,
            ),
        }
        if key in heads:
            expected["attention"] = (abs(heads[key]["score"]) > NULL_BOS, abs(heads[key]["score"]) > 1.6)
        found = {r["role"]: r for r in rows if (r["model"], r["layer"], r["neuron"]) == key}
        assert {role: (r["passes"], r["passes_published"]) for role, r in found.items()} == expected
        passing = [role for role, (passes, _) in expected.items() if passes]
        assert own["role"] == (passing[0] if passing else None)
        seen |= set(passing)
    assert seen == {"prediction", "suppression", "partition", "entropy", "attention"}


def test_entropy_is_looked_for_in_the_last_layers(con: duckdb.DuckDBPyConnection) -> None:
    rule = "from marts.rule_role(10, 0.005, 0.999, {part}, {layers}, 0, 0, 1, 1.6) where role = 'entropy'"
    rows = records(con, rule.format(part=0.05, layers=1))
    assert {row["layer"] for row in rows if row["passes"]} == {row["layer"] for row in rows if row["passes_published"]}
    assert {row["layer"] for row in rows if row["passes"]} == {1}
    shares = {(n["model"], n["layer"], n["neuron"]): n["null_share_02"] for n in records(con, "from marts.neurons")}
    for row in records(con, rule.format(part=0.02, layers=2)):
        assert row["score"] == shares[row["model"], row["layer"], row["neuron"]]
        assert row["null_quantile"] == pytest.approx(0.01 - PARTS[0.02] / N_DIRECTIONS)


def test_heads_and_neighbours_of_the_run_that_speaks(con: duckdb.DuckDBPyConnection) -> None:
    norms = {(n["model"], n["layer"], n["neuron"]): n["w_out_norm"] for n in records(con, "from marts.neurons")}
    heads = records(con, "from marts.neuron_heads")
    # Two heads of each kind, five kinds in the first layer and one in the last.
    assert len(heads) == 2 * sum(5 if layer == 0 else 1 for _, layer, _ in norms)
    for row in heads:
        raw = row["score"] * norms[row["model"], row["layer"], row["neuron"]] if row["kind"] == "bos" else None
        assert row["raw_score"] == raw
        assert row["null_quantile"] == NULL_BOS
    assert len(records(con, "from marts.neuron_neighbours")) == 4 * len(norms)
