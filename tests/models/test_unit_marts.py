"""Sites other than the MLP have marts of their own, from the latest run that measured them."""

from __future__ import annotations

from itertools import permutations

import duckdb
import numpy as np
import pytest

from tests.models.activations import DEAD_UNIT, UNITS, correlations
from tests.models.harness import Built, records

ALIVE = [i for i, place in enumerate(UNITS) if place != DEAD_UNIT]


@pytest.mark.parametrize(("model", "other"), list(permutations("abc", 2)))
def test_partners_are_those_of_the_correlation_matrix(
    built: Built, con: duckdb.DuckDBPyConnection, model: str, other: str
) -> None:
    resid = built.facts["first"].resid
    rho = correlations(resid[model], resid[other])
    query = "from marts.unit_partners where model = $model and other_model = $other order by layer, unit"
    rows = records(con, query, model=model, other=other)
    assert [(row["layer"], row["unit"]) for row in rows] == UNITS
    for i, row in enumerate(rows):
        assert (row["site"], row["relation"], row["run"], row["baseline"]) == ("resid", "seed", "first", None)
        if i not in ALIVE:
            assert (row["max_corr"], row["min_corr"], row["other_unit"], row["corr_se"]) == (0, 0, None, None)
            continue
        assert row["max_corr"] == pytest.approx(np.nanmax(rho[i]), abs=1e-6)
        assert row["min_corr"] == pytest.approx(np.nanmin(rho[i]), abs=1e-6)
        best = int(np.nanargmax(rho[i]))
        assert UNITS[best] == (row["other_layer"], row["other_unit"])
        assert row["is_mutual"] == (int(np.nanargmax(rho[:, best])) == i)


def test_matches_are_sorted_by_correlation(built: Built, con: duckdb.DuckDBPyConnection) -> None:
    resid = built.facts["first"].resid
    expected = np.sort(correlations(resid["a"], resid["b"])[5][ALIVE])
    query = "from marts.unit_matches where model = 'a' and other_model = 'b' and layer = 1 and unit = 2 order by rank"
    for side, order in (("top", expected[::-1]), ("bottom", expected)):
        found = [row["corr"] for row in records(con, query) if row["side"] == side]
        assert found == pytest.approx(order, abs=1e-6)


def test_neurons_come_from_the_later_run_all_the_same(con: duckdb.DuckDBPyConnection) -> None:
    runs = "select distinct run from marts.neuron_partners where relation = 'seed' and model = 'a'"
    assert [row["run"] for row in records(con, runs)] == ["second"]
    assert [row["run"] for row in records(con, "select distinct run from marts.unit_matches")] == ["first"]
