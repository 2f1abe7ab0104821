"""What every page is made of: sections that say what is missing, tables with downloads, links to neurons."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from app.asking import ask
from app.errors import ReaderError, UnknownNeuron
from app.formats import csv_text
from app.places import Place, typed

NEURON_PAGE = "views/neuron.py"
EXPERIMENTS = "neurons ingest ingest/studies/demo-experiments.toml"
_NEURON_COLUMNS = ("model", "layer", "neuron")
_OPENED = "neurons-opened"


@contextmanager
def section(title: str, about: str = "") -> Iterator[None]:
    """A part of a page with its title. What cannot be shown says why; the rest of the page stays."""
    st.subheader(title, anchor=False, help=about or None)
    with told():
        yield


@contextmanager
def told() -> Iterator[None]:
    """Shows an error of the reader's side as a line instead of ending the page."""
    try:
        yield
    except ReaderError as error:
        st.info(str(error), icon=":material/info:")


def empty(what: str, command: str) -> None:
    """Says what is not there and the command that would fill it."""
    st.info(f"{what}: `{command}`", icon=":material/info:")


def table(frame: pl.DataFrame, name: str, *, opens: bool = False, height: int | None = None, **columns: Any) -> None:
    """A table with its downloads.

    Args:
        frame: the rows.
        name: key of the table on its page, and name of the files.
        opens: whether a click on a row opens its neuron.
        height: in pixels; as high as its first ten rows without it.
        columns: Streamlit's configuration of columns, by name.
    """
    helps = column_helps()
    config = {column: columns.get(column) or _column(column, frame[column].dtype, helps) for column in frame.columns}
    event: Any = st.dataframe(
        frame,
        key=_fresh(name) if opens else name,
        hide_index=True,
        column_config=config,
        height=height or "auto",
        on_select="rerun" if opens else "ignore",
        selection_mode="single-row",
    )
    downloads(frame, name)
    if opens and (rows := event["selection"]["rows"]) and rows[0] < frame.height:
        open_neuron(place_of(frame.row(rows[0], named=True)))


@contextmanager
def folded(title: str, key: str) -> Iterator[bool]:
    """A part of a page that is asked for when it is unfolded; yields whether it is."""
    box = st.expander(title, key=key, on_change="rerun")
    with box:
        yield bool(box.open)


def numbers(frame: pl.DataFrame, name: str) -> None:
    """The rows that a chart shows, folded away."""
    with st.expander("Numbers"):
        table(frame, name)


def downloads(frame: pl.DataFrame, name: str) -> None:
    """Buttons that save rows as CSV and Parquet, and how many there are."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"downloads-{name}"):
        st.caption(f"{frame.height:,} row{'' if frame.height == 1 else 's'}", width="content")
        for label, suffix, mime, made in (
            ("CSV", "csv", "text/csv", partial(csv_text, frame)),
            ("Parquet", "parquet", "application/vnd.apache.parquet", partial(parquet_bytes, frame)),
        ):
            st.download_button(
                label,
                made,
                f"{name}.{suffix}",
                mime,
                key=f"{name}-{suffix}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """The frame as a Parquet file."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def chart(drawn: Any, key: str) -> None:
    """A chart as wide as its place, in the page's theme."""
    st.altair_chart(drawn, key=key, width="stretch")


def clickable(drawn: Any, key: str, *, opens: bool = False) -> dict[str, Any] | None:
    """A chart with a selection named `picked`; returns the fields of what was clicked, None before.

    Args:
        drawn: the chart.
        key: of the chart on its page.
        opens: whether a neuron is opened then.
    """
    shown_as = _fresh(key) if opens else key
    event: Any = st.altair_chart(drawn, key=shown_as, width="stretch", on_select="rerun", selection_mode="picked")
    picked = event["selection"].get("picked")
    return dict(picked[0]) if picked else None


def open_clicked(drawn: Any, key: str) -> None:
    """A chart of neurons with a selection named `picked`: a click opens the neuron."""
    picked = clickable(drawn, key, opens=True)
    if picked:
        open_neuron(place_of(picked))


def place_of(row: dict[str, Any]) -> Place:
    """The neuron of a row that has its model, layer and number."""
    return Place(str(row["model"]), int(row["layer"]), int(row["neuron"]))


def open_neuron(place: Place) -> None:
    """Goes to a neuron's page."""
    st.session_state[_OPENED] = st.session_state.get(_OPENED, 0) + 1
    st.switch_page(NEURON_PAGE, query_params=place.address)


def _fresh(key: str) -> str:
    """A key that is another one after a neuron was opened: what was clicked before must not be clicked again."""
    n = st.session_state.get(_OPENED, 0)
    return f"{key}-{n}" if n else key


def jump_box(model: str) -> None:
    """A field that goes to the neuron that is typed into it."""
    with (
        st.form("jump", border=False, clear_on_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        text = st.text_input("Go to a neuron", placeholder=f"L2.N117, 2/117 or {model} 2 117", key="jump-to", width=340)
        gone = st.form_submit_button("Go", icon=":material/arrow_forward:")
    if gone and text:
        try:
            open_neuron(typed(text, model))
        except UnknownNeuron as error:
            st.warning(str(error), icon=":material/warning:")


def pick_model(label: str, models: Sequence[str], key: str, *, every: bool = False) -> str | None:
    """A choice of a model; None stands for all of them."""
    options: list[str | None] = [None, *models] if every else [*models]
    return st.selectbox(
        label, options, format_func=lambda each: each or "all models", key=key, width=260, bind="query-params"
    )


def pick_set(kind: str) -> dict[str, str] | None:
    """A choice of a model, and of a set of its neurons that an experiment on single neurons was about.

    Args:
        kind: entropy or attention.

    Returns:
        model and neurons, as questions take them; None where there are none.
    """
    found = ask("single_neuron_sets").filter(kind=kind)
    if found.is_empty():
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        models = found["model"].unique(maintain_order=True).to_list()
        model = pick_model("Model", models, "of") or models[0]
        sets = found.filter(model=model)["neurons"].to_list()
        neurons: str = st.selectbox("Neurons", sets, key=f"neurons-of-{model}", width=220)
    return {"model": model, "neurons": neurons}


def column_helps() -> dict[str, str]:
    """What columns mean, by their name, from the comments in the warehouse."""
    try:
        described = ask("column_comments")
    except ReaderError:
        return {}
    return dict(described.iter_rows())


def _column(name: str, kind: pl.DataType, helps: dict[str, str]) -> Any:
    about = helps.get(name)
    if name.startswith("pct_") or name.endswith("_pct"):
        return st.column_config.NumberColumn(help=about, format="%.1f %%")
    if kind.is_float():
        return st.column_config.NumberColumn(help=about, format="%.4g")
    if kind.is_integer() and name not in {"seed", "step", *_NEURON_COLUMNS}:
        return st.column_config.NumberColumn(help=about, format="localized")
    if kind.is_temporal():
        return st.column_config.DatetimeColumn(help=about, format="YYYY-MM-DD HH:mm")
    return st.column_config.Column(help=about)
