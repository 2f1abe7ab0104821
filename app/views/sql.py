"""SQL: the questions, or any read-only query, with the tables beside it."""

from __future__ import annotations

import time
from typing import Any

import polars as pl
import streamlit as st

from app.asking import ask, connection
from app.charts.quick import quick
from app.console import Asked, parameters_of, start
from app.errors import ReaderError
from app.keeping import keep_query
from app.questions import Question, questions
from app.sandbox import Result, parameter_value
from app.showing import chart, section, table, told

_FIRST = """select model, layer, neuron, excess_corr, family, role
from neurons
where is_universal
order by excess_corr desc"""
_LONGEST_LINK = 6000
_SOON_S = 0.5
_PLACE = {"model", "layer", "neuron"}


def show() -> None:
    """The whole page."""
    st.title("SQL", anchor=False)
    _from_link()
    left, right = st.columns([3, 2], gap="large")
    with right:
        _schema()
    with left:
        _editor()
        _answer()


def _from_link() -> None:
    """A link's query stands in the editor and is run, once per session."""
    linked = st.query_params.get("sql")
    if "sql" not in st.session_state:
        st.session_state["sql"] = linked or _FIRST
        if linked:
            for name, value in st.query_params.items():
                if name.startswith("p_"):
                    st.session_state[f"given-{name[2:]}"] = value
            st.session_state["run-at-once"] = True


def _editor() -> None:
    known = {each.name: each for each in questions()}
    st.selectbox(
        "Question",
        [None, *known],
        format_func=lambda name: known[name].title if name else "a query of your own",
        key="question",
        on_change=_load,
        args=(known,),
    )
    sql = st.text_area("Query", key="sql", height=230, help="Read-only; schema `marts` is looked in first.") or ""
    described = known[st.session_state["question"]].parameters if st.session_state.get("question") else {}
    values = {}
    with told():
        for name in parameters_of(connection(), sql):
            text = st.text_input(f"${name}", key=f"given-{name}", help=described.get(name), placeholder="not given")
            if text:
                values[name] = parameter_value(text)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pressed = st.button("Run", type="primary", icon=":material/play_arrow:", shortcut="Ctrl+Enter", key="run")
        n = st.selectbox("rows at most", [1_000, 10_000, 100_000], key="rows", width=130)
        seconds = st.selectbox("seconds at most", [10, 60, 300], 1, key="seconds", width=140)
    if pressed or st.session_state.pop("run-at-once", False):
        with told():
            _stop_the_last()
            st.session_state["asked"] = start(connection(), sql, values, float(seconds), n)
            _to_link(sql, values)


def _load(known: dict[str, Question]) -> None:
    name = st.session_state["question"]
    if name:
        st.session_state["sql"] = known[name].sql


def _to_link(sql: str, values: dict[str, object]) -> None:
    fits = len(sql) <= _LONGEST_LINK
    st.query_params.from_dict({"sql": sql} | {f"p_{k}": str(v) for k, v in values.items()} if fits else {})
    st.session_state["link-holds-it"] = fits


def _stop_the_last() -> None:
    last: Asked | None = st.session_state.get("asked")
    if last is not None and not last.is_done():
        last.stop.press()


def _answer() -> None:
    asked: Asked | None = st.session_state.get("asked")
    if asked is None:
        return
    if not asked.is_done(_SOON_S):
        _running()
        return
    try:
        result = asked.result()
    except ReaderError as error:
        st.error("This query was not answered.", icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)
        return
    _shown(asked, result)


@st.fragment(run_every=0.5)
def _running() -> None:
    asked: Asked = st.session_state["asked"]
    if asked.is_done():
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(f"running for {time.monotonic() - asked.started:.0f} s", icon=":material/hourglass_top:", width=260)
        if st.button("Cancel", icon=":material/stop:", key="cancel"):
            asked.stop.press()


def _shown(asked: Asked, result: Result) -> None:
    frame = result.frame
    with section("Answer"):
        if result.truncated:
            st.caption(f"The first {frame.height:,} rows; there are more. Raise the limit, or aggregate.")
        holds = st.session_state.get("link-holds-it", True)
        st.caption("The address of this page holds the query." if holds else "The query is too long for a link.")
        opens = set(frame.columns) >= _PLACE
        table(frame, "answer", opens=opens, height=360 if frame.height > 9 else None)
        if opens:
            st.caption("A click on a row opens its neuron.")
            keep_query("answer", asked.sql, asked.values)
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    if numbers and frame.height > 1:
        with st.expander("Chart"):
            _quick_chart(frame, numbers)


def _quick_chart(frame: pl.DataFrame, numbers: list[str]) -> None:
    flat = [name for name, kind in frame.schema.items() if not kind.is_nested()]
    with st.container(horizontal=True):
        kind = st.selectbox("as", ["points", "lines", "bars"], key="chart-kind", width=120)
        x = st.selectbox("across", flat, key="chart-x", width=180)
        y = st.selectbox("up", numbers, len(numbers) - 1, key="chart-y", width=180)
        colour: Any = st.selectbox(
            "colour", [None, *flat], key="chart-colour", width=180, format_func=lambda n: n or "one"
        )
    chart(quick(frame, kind, x, y, colour), "quick")


def _schema() -> None:
    with section("Tables", "Every table and column has a comment in the warehouse itself."):
        schema = ask("schema")
        schemas = [name for name in ("marts", "intermediate", "staging", "raw") if name in schema["schema_name"]]
        if not schemas:
            st.info("There are no tables: run `neurons build`.")
            return
        chosen = st.segmented_control("Schema", schemas, default=schemas[0], required=True, key="schema")
        of_schema = schema.filter(schema_name=chosen)
        names = of_schema["table_name"].unique(maintain_order=True).to_list()
        first = names.index("neurons") if "neurons" in names else 0
        name = st.selectbox("Table", names, first, key=f"table-{chosen}")
        columns = of_schema.filter(table_name=name)
        if columns["table_comment"][0]:
            st.caption(columns["table_comment"][0])
        shown = columns.select(column="column_name", type="data_type", meaning="column_comment")
        st.dataframe(shown, key="columns", hide_index=True, height=min(480, 38 + 35 * shown.height))


if __name__ == "__main__":
    show()
