"""Two halves of the documents side by side, against numpy on the activations of the small warehouse."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest
from scipy.stats import kurtosis, skew, spearmanr

from ingest.tables import STRATA
from tests.models.activations import DOC_GROUPS, POSITIONS, Array, Facts
from tests.models.by_hand import ALIVE
from tests.models.harness import ROOT, Built, records
from tests.models.raw_pairs import partial_excess

Con = duckdb.DuckDBPyConnection
STATISTICS = ("mean", "var", "skew", "kurt", "sparsity")
THRESHOLD = 0.5


def half_of(facts: Facts, model: str, *, second: bool) -> Array:
    """Pre-activations of the living neurons, all strata: the parts whose group of documents is in that half."""
    chosen = []
    for stratum in STRATA:
        there = np.repeat([(group >= 8) == second for group in DOC_GROUPS], POSITIONS[stratum])
        chosen.append(facts.pre[model][stratum][ALIVE][:, there])
    return np.concatenate(chosen, axis=1)


def described(x: Array) -> dict[str, Array]:
    return {
        "mean": x.mean(1),
        "var": x.var(1),
        "skew": skew(x, axis=1),
        "kurt": kurtosis(x, axis=1, fisher=False),
        "sparsity": (x > 0).mean(1),
    }


def excess_of(facts: Facts, model: str, groups: tuple[int, int]) -> Array:
    parts = [partial_excess(facts, model, other, groups) for other in facts.models if other != model]
    return np.asarray(np.mean([best - baseline for best, baseline in parts], axis=0)[ALIVE])


def rows_of(con: Con, model: str) -> dict[str, dict[str, Any]]:
    rows = records(con, "from marts.split_half where model = $model", model=model)
    return {row["statistic"]: row for row in rows}


def check(row: dict[str, Any], first: Array, second: Array, tolerance: float) -> None:
    assert row["n_neurons"] == len(ALIVE)
    assert row["r"] == pytest.approx(np.corrcoef(first, second)[0, 1], abs=tolerance)
    assert row["rank_r"] == pytest.approx(spearmanr(first, second).statistic, abs=tolerance)
    assert row["mean_difference"] == pytest.approx((second - first).mean(), abs=tolerance)
    assert row["sd_difference"] == pytest.approx((second - first).std(ddof=1), abs=tolerance)


@pytest.mark.parametrize("model", ["b", "c", "d"])
def test_moments_of_the_halves(built: Built, con: Con, model: str) -> None:
    facts = built.facts["second"]
    halves = [half_of(facts, model, second=second) for second in (False, True)]
    first, second = map(described, halves)
    rows = rows_of(con, model)
    assert set(rows) == {*STATISTICS, "excess_corr"}
    for statistic in STATISTICS:
        check(rows[statistic], first[statistic], second[statistic], 1e-9)
        assert (rows[statistic]["n_first"], rows[statistic]["n_second"]) == tuple(half.shape[1] for half in halves)
        assert (rows[statistic]["pct_same_label"], rows[statistic]["jaccard"]) == (None, None)
    assert rows["mean"]["run"] == "second"


@pytest.mark.parametrize("model", ["a", "b", "c", "d"])
def test_labels_of_the_halves(built: Built, con: Con, model: str) -> None:
    first, second = (excess_of(built.facts["second"], model, groups) for groups in ((0, 8), (8, 16)))
    row = rows_of(con, model)["excess_corr"]
    check(row, first, second, 1e-6)  # correlations are stored in single precision
    here, there = first > THRESHOLD, second > THRESHOLD
    assert row["pct_same_label"] == pytest.approx(100 * (here == there).mean())
    assert row["jaccard"] == pytest.approx((here & there).sum() / (here | there).sum())


def test_a_run_without_halves_of_correlations_has_moments(con: Con) -> None:
    assert set(rows_of(con, "a@50")) == set(STATISTICS)
    assert rows_of(con, "a@50")["mean"]["run"] == "steps"
    assert not rows_of(con, "w")


def test_the_halves_differ_somewhere(con: Con) -> None:
    rows = records(con, "from marts.split_half where statistic = 'excess_corr'")
    assert any(0 < row["jaccard"] < 1 for row in rows)


def test_the_question_keeps_to_the_sequence_of_statistics(con: Con) -> None:
    rows = records(con, (ROOT / "sql" / "split_half.sql").read_text(), model="b")
    assert [row["statistic"] for row in rows] == [*STATISTICS, "excess_corr"]
