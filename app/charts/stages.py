"""What layers do, one after the other."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import HEIGHT, OTHER, RULE, UNIVERSAL, Drawing, dash_legend, legend, up

_KINDS = {"prediction": "#009E73", "suppression": UNIVERSAL, "random": OTHER}


def by_depth(rows: pl.DataFrame, column: str, title: str, *, depth: str, log: bool = False) -> Drawing:
    """A measure over the layers, a line per model, with a band where rows have its interval.

    Args:
        rows: model, layer, relative_depth, the column, and <column>_low and <column>_high if there are any.
        column: what is shown.
        title: of the axis.
        depth: layer or relative_depth.
        log: whether the axis is logarithmic.
    """
    base = alt.Chart(rows.drop_nulls(column)).encode(x=_across(depth), color=_models())
    scale = alt.Scale(type="log") if log else alt.Undefined
    line = base.mark_line(point=True).encode(
        y=alt.Y(f"{column}:Q", title=title, scale=scale), tooltip=_tips(column, title)
    )
    if f"{column}_low" not in rows.columns:
        return alt.layer(line).properties(height=HEIGHT)
    band = base.mark_area(opacity=0.15).encode(y=f"{column}_low:Q", y2=f"{column}_high:Q")
    return alt.layer(band, line).properties(height=HEIGHT)


def several(rows: pl.DataFrame, columns: dict[str, str], title: str, *, depth: str, log: bool = False) -> Drawing:
    """Several measures of one unit over the layers: a colour per model, a dash per measure.

    Args:
        rows: model, layer, relative_depth and the columns.
        columns: with what the legend calls them.
        title: of the axis.
        depth: layer or relative_depth.
        log: whether the axis is logarithmic.
    """
    long = (
        rows.rename(columns)
        .unpivot(list(columns.values()), index=["model", "layer", "relative_depth"], variable_name="of")
        .drop_nulls("value")
    )
    line = (
        alt.Chart(long)
        .mark_line(point=True)
        .encode(
            x=_across(depth),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(type="log") if log else alt.Undefined),
            color=_models(),
            strokeDash=alt.StrokeDash("of:N", legend=dash_legend("")),
            tooltip=["of:N", *_tips("value", title)],
        )
    )
    return alt.layer(line).properties(height=HEIGHT)


def interventions(rows: pl.DataFrame, column: str, title: str, *, depth: str) -> Drawing:
    """What interventions on each layer do, a dash per kind, with the band of <column>_low to <column>_high."""
    base = alt.Chart(rows).encode(x=_across(depth), color=_models())
    kinds = alt.StrokeDash("intervention:N", legend=dash_legend(""), sort=["delete", "swap", "repeat"])
    line = base.mark_line(point=True).encode(
        y=up(column, title), strokeDash=kinds, tooltip=["intervention:N", *_tips(column, title)]
    )
    band = base.mark_area(opacity=0.1).encode(
        y=f"{column}_low:Q", y2=f"{column}_high:Q", detail=["intervention:N", "model:N"]
    )
    return alt.layer(band, line).properties(height=HEIGHT)


def heads(rows: pl.DataFrame, column: str, title: str) -> Drawing:
    """A measure of every head, layers down the page; columns layer, head and the measure."""
    squares = (
        alt.Chart(rows)
        .mark_rect()
        .encode(
            x=alt.X("head:O", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("layer:O"),
            color=alt.Color(f"{column}:Q", legend=alt.Legend(title=None, gradientLength=90)),
            tooltip=["layer:O", "head:O", alt.Tooltip(f"{column}:Q", title=title, format=".3f")],
        )
    )
    # The height holds axis and title too.
    return alt.layer(squares).properties(height=80 + 24 * rows["layer"].n_unique(), title=title)


def probes(rows: pl.DataFrame) -> Drawing:
    """Accuracy of probes over the neurons that they read, with its interval, beside the model itself.

    Columns kind, n_neurons, pct_right, pct_low, pct_high; the model itself has no neurons.
    """
    read = rows.filter(pl.col("n_neurons") > 0)
    colours = alt.Scale(domain=list(_KINDS), range=list(_KINDS.values()))
    base = alt.Chart(read).encode(
        x=alt.X("n_neurons:Q", title="neurons (log scale)", scale=alt.Scale(type="log", base=2)),
        color=alt.Color("kind:N", scale=colours, legend=legend("neurons")),
    )
    tips = ["kind:N", "n_neurons:Q", alt.Tooltip("pct_right:Q", format=".1f", title="right, %")]
    band = base.mark_area(opacity=0.12).encode(y="pct_low:Q", y2="pct_high:Q")
    line = base.mark_line(point=True).encode(
        y=alt.Y("pct_right:Q", title="right, % of the examples", scale=alt.Scale(zero=False)), tooltip=tips
    )
    own = alt.Chart(rows.filter(kind="model")).mark_rule(color=RULE, strokeDash=[4, 3])
    return alt.layer(band, line, own.encode(y="pct_right:Q", tooltip=tips)).properties(height=HEIGHT)


def _across(depth: str) -> alt.X:
    title = "layer" if depth == "layer" else "relative depth"
    step = alt.Axis(tickMinStep=1) if depth == "layer" else alt.Axis(format=".1f")
    return alt.X(f"{depth}:Q", title=title, axis=step, scale=alt.Scale(zero=False))


def _models() -> alt.Color:
    return alt.Color("model:N", legend=legend("model"))


def _tips(column: str, title: str) -> list[alt.Tooltip | str]:
    return ["model:N", "layer:O", alt.Tooltip(f"{column}:Q", title=title, format=".4g")]
