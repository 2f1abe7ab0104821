"""Errors and intervals against a jackknife of the activations, and the quantiles they use."""

from __future__ import annotations

import math
from itertools import product

import duckdb
import numpy as np
import pytest
from jinja2 import Environment
from numpy.typing import NDArray

from tests.models.activations import DOC_GROUPS, FLOORS, is_followed, without_a_group
from tests.models.by_hand import ALIVE, N_GROUPS, T_QUANTILES, best_partners, errors, excess, floors, z_influences
from tests.models.harness import ROOT, Built, records

SECOND = ("a", "b", "c", "d")


def known(value: float) -> object:
    """What the marts hold for a number: NULL for what is not known."""
    return None if np.isnan(value) else pytest.approx(value, abs=2e-6)


def effective_t(influence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles for as many groups as would vary like these if they were equal, a straight line between whole ones."""
    squares = np.nan_to_num(influence) ** 2
    with np.errstate(invalid="ignore"):
        groups = squares.sum(1) ** 2 / (squares**2).sum(1)
    df = np.clip(groups - 1, 1, N_GROUPS - 1)
    return np.asarray(np.interp(df, range(1, len(T_QUANTILES) + 1), T_QUANTILES))


@pytest.mark.parametrize(("model", "other"), [("a", "b"), ("b", "a"), ("d", "c")])
def test_a_partner_has_an_error_and_an_interval(
    built: Built, con: duckdb.DuckDBPyConnection, model: str, other: str
) -> None:
    facts = built.facts["second"]
    best, _ = best_partners(facts, model, other)
    influence = z_influences(facts, model, other)
    z_error = np.sqrt((influence**2).sum(1))
    t = effective_t(influence)
    rows = records(
        con,
        "from marts.neuron_partners where model = $model and other_model = $other order by layer, neuron",
        model=model,
        other=other,
    )
    for i, row in enumerate(rows):
        assert row["corr_se"] == known((1 - best[i] ** 2) * z_error[i])
        assert row["corr_low"] == known(np.tanh(np.arctanh(best[i]) - t[i] * z_error[i]))
        assert row["corr_high"] == known(np.tanh(np.arctanh(best[i]) + t[i] * z_error[i]))
        assert row["n_groups"] == (N_GROUPS if i in ALIVE and is_followed(other, i) else None)


def test_floors_are_means_over_draws_and_null_where_not_measured(built: Built, con: duckdb.DuckDBPyConnection) -> None:
    expected = floors(built.facts["second"], "a", "b")
    neurons = "where model = 'a' and other_model = 'b' order by layer, neuron"
    for i, row in enumerate(records(con, f"from marts.neuron_partners {neurons}")):
        for kind in FLOORS:
            assert row[f"{kind}_corr"] == (known(expected[kind][i]) if i in ALIVE else 0)
    means = {kind: np.mean([floors(built.facts["second"], "a", o)[kind] for o in "bcd"], axis=0) for kind in FLOORS}
    neurons = "where model = 'a' and comparison = $comparison order by layer, neuron"
    for i, row in enumerate(records(con, f"from marts.neuron_universality {neurons}", comparison="seeds")):
        for kind in FLOORS:
            assert row[f"mean_{kind}"] == (known(means[kind][i]) if i in ALIVE else 0)
    for row in records(con, f"from marts.neuron_universality {neurons}", comparison="seeds@first"):
        assert (row["mean_shift"], row["mean_noise"], row["mean_twin"]) == (None,) * 3


@pytest.mark.parametrize(
    ("comparison", "run", "model"),
    [*product(["seeds"], ["second"], SECOND), ("seeds@first", "first", "c"), ("steps", "steps", "a@50")],
)
def test_the_excess_has_errors_of_three_sources(
    built: Built, con: duckdb.DuckDBPyConnection, comparison: str, run: str, model: str
) -> None:
    facts = built.facts[run]
    found, value = errors(facts, model), excess(facts, model)
    t = effective_t(found.influence)
    rows = records(
        con,
        "from marts.neuron_universality where comparison = $comparison and model = $model order by layer, neuron",
        comparison=comparison,
        model=model,
    )
    for i, row in enumerate(rows):
        if i not in ALIVE:
            assert (row["se_tokens"], row["excess_se"], row["excess_low"], row["excess_high"]) == (None,) * 4
            continue
        assert row["se_tokens"] == known(found.tokens[i])
        assert row["se_draws"] == known(found.draws[i])
        assert row["sd_partners"] == known(found.partners[i])
        assert row["excess_se"] == known(found.excess[i])
        assert row["excess_low"] == known(value[i] - t[i] * found.excess[i])
        assert row["excess_high"] == known(value[i] + t[i] * found.excess[i])


@pytest.mark.parametrize("model", SECOND)
def test_the_error_over_the_text_is_that_of_leaving_documents_out(built: Built, model: str) -> None:
    """The way through Fisher's z changes little: signs and scales of the parts are right."""
    facts = built.facts["second"]
    others = [other for other in facts.models if other != model]
    partners = {other: best_partners(facts, model, other)[1] for other in others}
    found = errors(facts, model)
    for i in (0, 1, 8, 9):  # with rare large signals, four groups are too few for the way to be straight
        left = [without_a_group(facts.post(model)[i], facts.post(o)[int(partners[o][i])]) for o in others]
        mean = np.mean(left, axis=0)
        parts = np.sqrt((N_GROUPS - 1) / N_GROUPS) * (mean.mean() - mean)
        assert found.influence[i][list(DOC_GROUPS)] == pytest.approx(parts, rel=0.1, abs=0.2 * found.tokens[i])


def student_t(quantile: float, df: int) -> float:
    """Share of Student's distribution below a quantile: Simpson's rule over its density."""
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    x = np.linspace(0, quantile, 20001)
    density = scale * (1 + x**2 / df) ** (-(df + 1) / 2)
    weights = np.where(np.arange(x.size) % 2, 4.0, 2.0)
    weights[[0, -1]] = 1.0
    return 0.5 + float(weights @ density * x[1] / 3)


def test_quantiles_are_those_of_student() -> None:
    macro = Environment().from_string((ROOT / "sql" / "macros" / "t_quantile.sql").read_text()).module
    quantile = str(vars(macro)["t_quantile"]("df"))
    with duckdb.connect() as con:
        rows = dict(con.execute(f"select df, ({quantile})::double from range(-1, 40) as asked (df)").fetchall())
    for df in range(1, 31):
        assert student_t(rows[df], df) == pytest.approx(0.975, abs=1e-7)
    assert [rows[df] for df in (-1, 0)] == [None, None]
    assert {rows[df] for df in range(30, 40)} == {rows[30]}
