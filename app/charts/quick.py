"""A chart of any result: what it shows is chosen by its user."""

from __future__ import annotations

from typing import Any, Literal

import altair as alt
import polars as pl
from polars import selectors

from app.charts.theme import HEIGHT


def quick(rows: pl.DataFrame, kind: str, x: str, y: str, colour: str | None) -> Any:
    """Points, lines or bars of two columns of a result.

    Args:
        rows: the result.
        kind: points, lines or bars.
        x: column of the horizontal axis.
        y: column of the vertical axis, numbers.
        colour: column of the colour, or None.
    """
    names = list(dict.fromkeys([x, y, *([colour] if colour else [])]))
    # Vega does not know decimals.
    shown = rows.select(names).with_columns(selectors.decimal().cast(pl.Float64))
    drawn = alt.Chart(shown)
    marked = {"points": drawn.mark_circle(opacity=0.6), "lines": drawn.mark_line(point=True), "bars": drawn.mark_bar()}
    encoding: dict[str, object] = {
        "x": alt.X(
            field=x,
            type=_type(rows[x].dtype),
            title=x,
            scale=alt.Scale(zero=False) if kind == "points" else alt.Undefined,
        ),
        "y": alt.Y(field=y, type="quantitative", title=y, scale=alt.Scale(zero=kind == "bars")),
        "tooltip": [alt.Tooltip(field=name, type=_type(shown[name].dtype), title=name) for name in shown.columns],
    }
    if colour:
        encoding["color"] = alt.Color(field=colour, type=_type(rows[colour].dtype), title=colour)
    return marked[kind].encode(**encoding).properties(height=HEIGHT)


def _type(kind: pl.DataType) -> Literal["temporal", "quantitative", "nominal"]:
    if kind.is_temporal():
        return "temporal"
    return "quantitative" if kind.is_numeric() else "nominal"
