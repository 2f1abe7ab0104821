"""Where a number comes from: from a mart's column back to the raw tables and the run."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import streamlit as st

from app.asking import ask, connection
from app.lineage import Lineage, read
from app.opening import opened
from app.showing import table, told

# The mart that each page is mostly about.
_FIRST = {
    "home": "universality",
    "neuron": "neurons",
    "universality": "neuron_universality",
    "depth": "layer_profiles",
    "families": "neuron_families",
    "roles": "neuron_roles",
    "ablation": "ablation_contrasts",
    "entropy": "entropy_mediation",
    "attention": "path_ablations",
    "stages": "layer_stages",
    "training": "persistence",
    "published": "published_comparison",
    "lists": "neurons",
    "sql": "neurons",
}


def provenance(page: str) -> None:
    """A folded panel below a page: a column is chosen, and its way from the raw tables is shown."""
    with st.expander("Where does a number come from?", icon=":material/account_tree:"), told():
        schema = ask("schema").filter(schema_name="marts")
        tables = schema["table_name"].unique(maintain_order=True).to_list()
        if not tables:
            return
        first = tables.index(_FIRST[page]) if _FIRST.get(page) in tables else 0
        with st.container(horizontal=True):
            name = st.selectbox("Table", tables, first, key="of-table", width=240)
            columns = schema.filter(table_name=name)["column_name"].to_list()
            column = st.selectbox(
                "Column", [None, *columns], format_func=lambda c: c or "choose", key="of-column", width=240
            )
        if column:
            _way(f"marts.{name}", column)


def _way(name: str, column: str) -> None:
    source = opened()
    known = _lineage(str(source.warehouse), source.identity)
    comments = ask("schema").select(
        pl.format("{}.{}", "schema_name", "table_name").alias("table"),
        pl.col("column_name").alias("column"),
        pl.col("column_comment").alias("meaning"),
    )
    way = pl.DataFrame(
        [(each.depth, each.table, each.column) for each in known.origins(name, column)],
        schema={"step": pl.Int32, "table": pl.String, "column": pl.String},
        orient="row",
    )
    shown = way.join(comments, on=["table", "column"], how="left", maintain_order="left")
    raw = way.filter(pl.col("table").str.starts_with("raw."))["table"].unique().sort()
    runs = ask("runs").filter("is_speaking")
    measured = ", ".join(f"{run} ({study})" for run, study in runs.select("run", "study").iter_rows())
    st.caption(f"Measured by {measured or 'no finished run'}, in {', '.join(raw) or 'no raw table'}.")
    table(shown.with_columns(pl.col("column").replace("", "the whole table")), "way", height=300)
    sql = known.sql.get(name)
    if sql:
        with st.popover("The SQL that dbt ran"):
            st.code(sql.strip(), language="sql")


@st.cache_resource(max_entries=2, show_spinner="Reading the SQL of the build")
def _lineage(warehouse: str, identity: str) -> Lineage:
    del identity  # another build has other SQL
    return read(connection(), Path(warehouse))
