"""How universal neurons are."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import (
    FAINT,
    HEIGHT,
    RULE,
    Drawing,
    across,
    at_value,
    clicked,
    decades,
    legend,
    neuron_clicked,
    universal_colour,
    up,
    with_kind,
)


def excess(bins: pl.DataFrame, threshold: float | None) -> Drawing:
    """Distribution of the excess correlation; a click picks a bar. Columns is_universal, low, high, n_neurons."""
    picked = clicked("is_universal", "low", "high")
    bars = (
        alt.Chart(with_kind(bins.group_by("is_universal", "low", "high").agg(pl.col("n_neurons").sum())))
        .mark_bar(binSpacing=0, cursor="pointer")
        .encode(
            x=alt.X("low:Q", bin="binned", title="excess correlation", scale=alt.Scale(zero=False, nice=False)),
            x2="high:Q",
            y=alt.Y(
                "n_neurons:Q",
                title="neurons (log scale)",
                axis=decades(),
                scale=alt.Scale(type="symlog", constant=1),
                stack="zero",
            ),
            color=universal_colour(),
            tooltip=[
                alt.Tooltip("low:Q", title="from", format=".2f"),
                alt.Tooltip("high:Q", title="to", format=".2f"),
                alt.Tooltip("n_neurons:Q", title="neurons", format=","),
                alt.Tooltip("kind:N", title=" "),
            ],
        )
        .add_params(picked)
    )
    layers = [bars] if threshold is None else [bars, *at_value(threshold, f"threshold {threshold:g}")]
    return alt.layer(*layers).properties(height=HEIGHT)


def scatter(neurons: pl.DataFrame, threshold: float | None) -> Drawing:
    """Mean best correlation against mean baseline; a click picks a neuron."""
    picked = neuron_clicked()
    baseline, best = pl.col("mean_baseline"), pl.col("mean_corr")
    ends = neurons.select(low=baseline.min(), high=baseline.max(), lowest=best.min(), highest=best.max())
    # The lines must not stretch the axis beyond the neurons.
    corr = alt.Scale(zero=False, domain=[ends["lowest"][0], ends["highest"][0]], nice=True)
    place = "'L' + datum.layer + '.N' + datum.neuron"
    points = (
        alt.Chart(with_kind(neurons))
        .transform_calculate(place=place)
        .mark_circle(size=32, opacity=FAINT, cursor="pointer")
        .encode(
            x=across("mean_baseline", "mean rotation baseline", zero=False),
            y=alt.Y("mean_corr:Q", title="mean best correlation", scale=corr),
            color=universal_colour(),
            tooltip=[
                alt.Tooltip("place:N", title="neuron"),
                alt.Tooltip("mean_corr:Q", title="correlation", format=".3f"),
                alt.Tooltip("mean_baseline:Q", title="baseline", format=".3f"),
                alt.Tooltip("excess_corr:Q", title="excess", format=".3f"),
                alt.Tooltip("universal_call:N", title="call"),
                alt.Tooltip("family:N"),
                alt.Tooltip("role:N"),
            ],
        )
        .add_params(picked)
    )
    line = alt.Chart(ends.unpivot(["low", "high"], value_name="x")).mark_line(
        color=RULE, strokeDash=[4, 3], size=1.5, clip=True
    )
    lines = [line.encode(x="x:Q", y=alt.Y("x:Q", scale=corr))]
    if threshold is not None:
        above = line.transform_calculate(y=f"datum.x + {threshold}")
        lines.append(above.encode(x="x:Q", y=alt.Y("y:Q", scale=corr)))
    return alt.layer(*lines, points).properties(height=HEIGHT * 1.4)


def shares_by_layer(layers: pl.DataFrame) -> Drawing:
    """Share of universal neurons of each layer with its interval; columns model, layer, pct_universal, pct_low/high."""
    base = alt.Chart(layers).encode(
        x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0)),
        xOffset="model:N",
        color=alt.Color("model:N"),
    )
    # Dots, not bars: on one scale with bars the intervals would stand at the bars' edges.
    shares = base.mark_point(filled=True, size=60, opacity=1).encode(
        y=up("pct_universal", "universal neurons, % of the layer"),
        tooltip=["model:N", "layer:O", *_share_tooltips()],
    )
    errors = base.mark_rule(size=1.5).encode(
        y="pct_low:Q", y2="pct_high:Q", tooltip=["model:N", "layer:O", *_share_tooltips()]
    )
    return alt.layer(errors, shares).properties(height=HEIGHT)


def share_curve(points: pl.DataFrame, threshold: float | None) -> Drawing:
    """Share of universal neurons over thresholds with its interval; columns model, threshold, pct_universal, ..."""
    base = alt.Chart(points).encode(
        x=across("threshold", "threshold of the excess correlation", zero=False),
        color=alt.Color("model:N", legend=legend("model")),
    )
    band = base.mark_area(opacity=0.15).encode(y="pct_low:Q", y2="pct_high:Q")
    line = base.mark_line(point=True).encode(
        y=up("pct_universal", "universal neurons, %"),
        tooltip=["model:N", alt.Tooltip("threshold:Q", format=".2f"), *_share_tooltips()],
    )
    layers = [band, line] if threshold is None else [band, line, *at_value(threshold, f"threshold {threshold:g}")]
    return alt.layer(*layers).properties(height=HEIGHT)


def depth_map(matches: pl.DataFrame) -> Drawing:
    """Where the best matches of each layer are; a click picks a cell.

    Args:
        matches: of one pair of models: model, other_model, layer, other_layer, n_best, share, mean_corr.
    """
    picked = clicked("layer", "other_layer")
    base = alt.Chart(matches).encode(
        x=alt.X("other_layer:O", title=f"layer of {matches['other_model'][0]}", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("layer:O", title=f"layer of {matches['model'][0]}", sort="descending"),
        tooltip=[
            "layer:O",
            alt.Tooltip("other_layer:O", title="layer of the partner"),
            alt.Tooltip("share:Q", format=".1%", title="share of best matches"),
            alt.Tooltip("n_best:Q", format=",", title="neurons"),
            alt.Tooltip("mean_corr:Q", format=".3f", title="mean correlation"),
        ],
    )
    shares = alt.Legend(title="share of best matches", orient="top", format="~%", titleLimit=400)
    cells = base.mark_rect(cursor="pointer").encode(color=alt.Color("share:Q", legend=shares)).add_params(picked)
    return alt.layer(cells).properties(height=max(HEIGHT * 0.8, 18 * matches["layer"].n_unique()))


def contrast(rows: pl.DataFrame) -> Drawing:
    """Median percentile of each property, universal neurons against the rest; columns property, *_median_pct."""
    long = rows.unpivot(["universal_median_pct", "rest_median_pct"], index=["model", "property"], value_name="pct")
    named = with_kind(long.with_columns((pl.col("variable") == "universal_median_pct").alias("is_universal")))
    order = rows["property"].unique(maintain_order=True).to_list()
    base = alt.Chart(named).encode(y=alt.Y("property:N", sort=order, title=None))
    lines = base.mark_line(color="#8C949C", opacity=0.4).encode(
        x=across("pct", "median percentile within the layer"), detail=["property:N", "model:N"]
    )
    points = base.mark_point(filled=True, size=70, opacity=0.85).encode(
        x="pct:Q",
        color=universal_colour(),
        shape=alt.Shape("model:N", title="model"),
        tooltip=["model:N", "property:N", alt.Tooltip("kind:N", title=" "), alt.Tooltip("pct:Q", format=".1f")],
    )
    return alt.layer(lines, points, *at_value(50, "")).properties(height=alt.Step(34))


def explained(cells: pl.DataFrame) -> Drawing:
    """Universal against explained, two by two; a click picks a cell. Columns is_universal, is_explained, counts."""
    picked = clicked("is_universal", "is_explained")
    named = cells.with_columns(
        pl.when(pl.col("is_universal")).then(pl.lit("universal")).otherwise(pl.lit("not universal")).alias("row"),
        pl.when(pl.col("is_explained")).then(pl.lit("has a family")).otherwise(pl.lit("none")).alias("column"),
    )
    base = alt.Chart(named).encode(
        x=alt.X("column:N", title=None, sort=["has a family", "none"], axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y("row:N", title=None, sort=["universal", "not universal"]),
    )
    rects = (
        base.mark_rect(stroke="white", strokeWidth=2, cursor="pointer")
        .encode(
            color=alt.Color("pct_neurons:Q", legend=None, scale=alt.Scale(domain=[0, 100])),
            tooltip=[
                alt.Tooltip("row:N", title=" "),
                alt.Tooltip("column:N", title=" "),
                alt.Tooltip("n_neurons:Q", title="neurons", format=","),
                alt.Tooltip("pct_neurons:Q", title="% of the row", format=".1f"),
            ],
        )
        .add_params(picked)
    )
    label = "format(datum.n_neurons, ',') + '  (' + format(datum.pct_neurons, '.1f') + ' %)'"
    dark = alt.condition("datum.pct_neurons > 50", alt.value("white"), alt.value("black"))
    texts = base.transform_calculate(label=label).mark_text(size=14).encode(text="label:N", color=dark)
    return alt.layer(rects, texts).properties(height=170)


def _share_tooltips() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("pct_universal:Q", title="universal, %", format=".2f"),
        alt.Tooltip("pct_low:Q", title="95% from", format=".2f"),
        alt.Tooltip("pct_high:Q", title="95% to", format=".2f"),
        alt.Tooltip("n_universal:Q", title="neurons", format=","),
    ]
