"""Questions in Spark's SQL: `in_spark` of docs/spark.md translates all but those that it lists, and only those.

sqlglot leaves what it does not know as it is, without an error; Spark 4.3 refused each of the forms that are looked for
here, or took it for something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from app.questions import Question, questions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "spark.md").read_text(encoding="utf-8")
LISTED = set(re.findall(r"^\| `(\w+)` \|", PAGE.split("## What does not translate")[1], flags=re.MULTILINE))
# Seen to give DuckDB's rows. Before a new one is added here, it is run on Spark.
FUNCTIONS = frozenset(
    {
        *("ABS", "ANY_VALUE", "ARRAY", "ARRAY_POSITION", "ARRAY_SORT", "AVG", "BOOL_AND", "BOOL_OR", "CAST"),
        *("COALESCE", "COLLECT_LIST", "CORR", "COUNT", "EXP", "EXPLODE", "FILTER", "FLOOR", "GREATEST", "IF"),
        *("LEAST", "LISTAGG", "LN", "LOG", "MAX", "MAX_BY", "MIN", "MIN_BY", "NULLIF", "PERCENTILE", "PI"),
        *("POWER", "REGR_INTERCEPT", "REGR_SLOPE", "REPLACE", "ROUND", "ROW_NUMBER", "SEQUENCE", "SIZE", "SLICE"),
        *("SQRT", "STARTSWITH", "SUM", "UNPIVOT"),
    }
)
_BOUNDED = (exp.Literal, exp.Coalesce)


def translation() -> Callable[[str], str]:
    """`in_spark` as the page has it."""
    (block,) = (code for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL) if "def in_spark" in code)
    names: dict[str, Any] = {}
    exec(block, names)
    translate: Callable[[str], str] = names["in_spark"]
    return translate


in_spark = translation()


def untranslated(sql: str) -> list[str]:
    """What Spark would refuse of a question, or take for something else."""
    translated = in_spark(sql)
    bare = re.sub(r"/\*.*?\*/|'[^']*'", "", translated, flags=re.DOTALL)
    unknown = sorted(set(re.findall(r"\b([A-Za-z_]\w*)\(", bare)) - FUNCTIONS)
    return [*unknown, *_odd_here(sqlglot.parse_one(sql, read="duckdb")), *_odd_there(translated)]


def _odd_here(query: exp.Expr) -> Iterator[str]:
    """Forms of DuckDB that are translated to something else without a word."""
    if any(found.find(exp.Order) for found in query.find_all(exp.ArrayAgg)):
        yield "list(... order by ...) loses its order: write list_sort(list(...))"
    for bracket in query.find_all(exp.Bracket):
        if not all(isinstance(index, exp.Literal) or index.find(exp.Cast) for index in bracket.expressions):
            yield "lists begin at 0 there, which sqlglot sees to for whole numbers only: write x[i::integer]"


def _odd_there(translated: str) -> Iterator[str]:
    """Forms that Spark refuses."""
    query = sqlglot.parse_one(translated, read="spark")
    ordered = [order.parent for order in query.find_all(exp.Order) if isinstance(order.parent, exp.AggFunc)]
    if not all(isinstance(aggregate, exp.GroupConcat) for aggregate in ordered):
        yield "an order within an aggregate"
    if query.find(exp.Slice):
        yield "a slice in brackets: write array_slice"
    for select in query.find_all(exp.Select):
        generators = [found for column in select.expressions for found in column.find_all(exp.Explode)]
        if len(generators) > 1:
            yield "two unnest in one select"
        if any(not isinstance(found.parent, (exp.Alias, exp.Select)) for found in generators):
            yield "unnest within an expression"
    for limit in query.find_all(exp.Limit):
        if not isinstance(limit.expression, _BOUNDED):
            yield "a limit that may be NULL"


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_every_question_translates_or_is_listed(question: Question) -> None:
    assert bool(untranslated(question.sql)) == (question.name in LISTED), untranslated(question.sql)


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_parameters_stay(question: Question) -> None:
    # The ones in comments stay as they are.
    said = re.sub(r"/\*.*?\*/", "", in_spark(question.sql), flags=re.DOTALL)
    assert set(re.findall(r"(?<!:):(\w+)", said)) == set(question.parameters)


def test_what_is_listed_is_a_question() -> None:
    assert {question.name for question in questions()} >= LISTED


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("select list_zip(a, b) from t", "LIST_ZIP"),
        ("select percentile_cont(0.5) within group (order by a) from t", "PERCENTILE_APPROX"),
        ("select len(a) from t", "LENGTH"),
        ("select list(a order by b) from t", "loses its order"),
        ("select a[b] from t", "begin at 0"),
        ("select a[:8] from t", "slice"),
        ("select any_value(a order by b) from t", "an order within"),
        ("select max_by(a, b), string_agg(a, '' order by b) from t", None),
        ("select unnest(a) as a, unnest(b) as b from t", "two unnest"),
        ("select unnest(a) / 10 as a from t", "within an expression"),
        ("select a from t limit $n::integer", "may be NULL"),
        ("select * from t unpivot (v for p in (columns(* exclude (a))))", "COLUMNS"),
    ],
)
def test_what_spark_refuses_is_seen(query: str, found: str | None) -> None:
    seen = " ".join(untranslated(query))
    assert (found in seen) if found else not seen


def test_forms_that_sqlglot_leaves_are_translated() -> None:
    assert in_spark("select avg(a order by b) as a from t") == "SELECT AVG(a) AS a FROM t"
    assert in_spark("select corr(a, b order by c) as r from t") == "SELECT CORR(a, b) AS r FROM t"
    assert in_spark("select quantile_cont(a, [0.1]) as q from t") == "SELECT PERCENTILE(a, ARRAY(0.1)) AS q FROM t"
    kept = "SELECT LISTAGG(a, '') WITHIN GROUP (ORDER BY b NULLS LAST) AS s FROM t"
    assert in_spark("select string_agg(a, '' order by b) as s from t") == kept
