"""Examples of one neuron: rows of text coloured by its activation."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from app.asking import ask
from app.passages import Passage, legend_html, passages_html
from app.places import Place
from app.showing import downloads, empty

_TOP = "largest"
_LEVELS = ("near 90%", "near 50%", "near 10%")


def examples(place: Place, key: str) -> None:
    """The neuron's rows with what to show of them to choose."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        whole = st.segmented_control(
            "Text",
            ["snippet", "full row"],
            default="snippet",
            required=True,
            key=f"{key}-text",
            label_visibility="collapsed",
        )
        level = st.segmented_control(
            "Which",
            [_TOP, *_LEVELS],
            default=_TOP,
            required=True,
            key=f"{key}-level",
            label_visibility="collapsed",
        )
        n = st.selectbox(
            "How many",
            [5, 10, 20, 50],
            format_func="{} rows".format,
            key=f"{key}-n",
            width=110,
            label_visibility="collapsed",
        )
    shown = rows(place, "top" if level == _TOP else "quantile", whole=whole == "full row")
    if level != _TOP:
        shown = shown.filter(level=level)
    if shown.is_empty():
        empty("Examples were not measured", "neurons ingest STUDY.toml with [measure] features = true")
        return
    scale = scale_of([shown])
    st.html(legend_of([shown], scale))
    draw(shown.head(n), scale)
    downloads(shown, f"{key}-examples")


def rows(place: Place, choice: str, *, whole: bool) -> pl.DataFrame:
    """Rows of text of a neuron, with tokens, token_ids and activations as lists.

    Args:
        place: the neuron.
        choice: top or quantile.
        whole: whole rows instead of 33 tokens around the largest activation.
    """
    name = "example_rows" if whole else "example_windows"
    return ask(name, model=place.model, layer=place.layer, neuron=place.neuron, choice=choice)


def scale_of(frames: list[pl.DataFrame]) -> float:
    """The largest activation in all of these rows: what the strongest colour stands for."""
    return max((float(frame["activation"].abs().max() or 0.0) for frame in frames if frame.height), default=0.0)  # type: ignore[arg-type]


def legend_of(frames: list[pl.DataFrame], scale: float) -> str:
    """The scale of colours of these rows, as HTML."""
    lowest = [frame["activations"].list.min().min() for frame in frames]
    return legend_html(min(float(value) for value in lowest if value is not None), scale)  # type: ignore[arg-type]


def draw(shown: pl.DataFrame, scale: float, *, marked: set[int] | None = None) -> None:
    """Rows of text with one scale of colours.

    Args:
        shown: as `rows` returns them.
        scale: the activation with the strongest colour.
        marked: rows of the corpus to point out.
    """
    passages = [_passage(row, row["sequence"] in (marked or set())) for row in shown.iter_rows(named=True)]
    st.html(passages_html(passages, scale))


def _passage(row: dict[str, Any], is_marked: bool) -> Passage:
    where = " · ".join(str(part) for part in (row["path"], row["subset"]) if part)
    head = f"{row['rank']} · {row['activation']:.4g} · {where}, position {row['position']}"
    if row["quantile"] is not None:
        head = f"{100 * row['quantile']:.0f}% of rows are below · {head}"
    return Passage(
        row["tokens"],
        row["token_ids"],
        row["activations"],
        row["start"],
        row["position"],
        head + (" · also among the partner's" if is_marked else ""),
    )
