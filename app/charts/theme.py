"""Colours with a meaning, the same on every page; all others come from app/.streamlit/config.toml."""

from __future__ import annotations

import altair as alt
import polars as pl

# Okabe and Ito's colours, but for the greys: they can be told apart with any colour vision, on light and on dark.
UNIVERSAL = "#D55E00"
OTHER = "#8C949C"
RULE = "#3E92CC"
FAINT = 0.55
Drawing = alt.LayerChart | alt.FacetChart
HEIGHT = 320

_LABELS = {
    "prediction": "#3E92CC",
    "suppression": "#D55E00",
    "partition": "#009E73",
    "entropy": "#E69F00",
    "attention": "#CC79A7",
    "unigram": "#E69F00",
    "alphabet": "#56B4E9",
    "previous_token": "#009E73",
    "position": "#CC79A7",
    "syntax": "#3E7CB1",
    "semantic": "#D55E00",
    "none": "#8C949C",
}


def universal_colour(title: str = "") -> alt.Color:
    """Colour of the column `kind`: universal or not."""
    scale = alt.Scale(domain=["universal", "not universal"], range=[UNIVERSAL, OTHER])
    return alt.Color("kind:N", scale=scale, title=title, legend=alt.Legend(orient="top"))


def with_kind(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with a column `kind` that says of the column `is_universal` in words what it is."""
    kind = pl.when(pl.col("is_universal")).then(pl.lit("universal")).otherwise(pl.lit("not universal"))
    return rows.with_columns(kind.alias("kind"))


def label_colour(names: list[str]) -> alt.Color:
    """Colour of the column `label`, a family or a role; one that the set does not know is grey."""
    known = [name for name in _LABELS if name in names]
    unknown = [name for name in names if name not in _LABELS]
    colours = [_LABELS[name] for name in known] + [OTHER] * len(unknown)
    return alt.Color("label:N", scale=alt.Scale(domain=known + unknown, range=colours), title=None)


def across(field: str, title: str, *, zero: bool = True) -> alt.X:
    """A horizontal axis of numbers."""
    return alt.X(f"{field}:Q", title=title, scale=alt.Scale(zero=zero))


def up(field: str, title: str, *, zero: bool = True) -> alt.Y:
    """A vertical axis of numbers."""
    return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(zero=zero))


def at_value(value: float, label: str) -> list[alt.Chart]:
    """A line up the chart at one value, with its label."""
    rows = pl.DataFrame({"value": [value], "label": [label]})
    line = alt.Chart(rows).mark_rule(color=RULE, strokeDash=[4, 3], size=1.5).encode(x="value:Q")
    text = alt.Chart(rows).mark_text(align="left", color=RULE, dx=4, dy=8)
    return [line, text.encode(x="value:Q", y=alt.value(0), text="label:N")]


def clicked(*fields: str) -> alt.Parameter:
    """The selection by a click that pages read, of rows with these fields."""
    return alt.selection_point(name="picked", fields=[*fields], on="click", clear=False)


def neuron_clicked() -> alt.Parameter:
    """The selection of a neuron by a click."""
    return clicked("model", "layer", "neuron")


def at_zero() -> list[alt.Chart]:
    """A line across the chart at zero."""
    line = alt.Chart(pl.DataFrame({"none": [0.0]})).mark_rule(color=RULE, strokeDash=[4, 3])
    return [line.encode(y="none:Q")]


def legend(title: str) -> alt.Legend:
    """A legend whose symbols are as strong as the lines, beside faint bands."""
    return alt.Legend(title=title, symbolOpacity=1, symbolType="stroke", symbolSize=250, symbolStrokeWidth=2)


def dash_legend(title: str) -> alt.Legend:
    """A legend of dashes above the chart, on light and on dark, where lines have points too."""
    return alt.Legend(
        title=title,
        orient="top",
        symbolType="stroke",
        symbolSize=400,
        symbolStrokeColor=OTHER,
        symbolFillColor=OTHER,
        symbolStrokeWidth=2,
        symbolOpacity=1,
    )


def decades() -> alt.Axis:
    """Ticks of an axis of counts that is logarithmic from 1 on."""
    return alt.Axis(values=[0, *(10**power for power in range(10))], labelExpr="format(datum.value, ',')")
