"""What neurons write to the vocabulary, by layer."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import HEIGHT, Drawing, dash_legend, legend

_LEVELS = ("p05", "p10", "p50", "p90", "p95")


def quantiles(profiles: pl.DataFrame, statistic: str, title: str, *, log: bool) -> Drawing:
    """Quantiles of a statistic over the neurons of each layer, a line per model and quantile.

    Args:
        profiles: model, layer and <statistic>_p05, _p10, _p50, _p90, _p95.
        statistic: such as vocab_kurt.
        title: of the axis.
        log: whether the axis is logarithmic.
    """
    columns = [f"{statistic}_{level}" for level in _LEVELS]
    long = profiles.unpivot(columns, index=["model", "layer"], variable_name="quantile").with_columns(
        pl.col("quantile").str.slice(len(statistic) + 2).cast(pl.Int32)
    )
    wide = profiles.select("model", "layer", low=f"{statistic}_p10", high=f"{statistic}_p90")
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    layer = alt.X("layer:Q", title="layer", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=False))
    band = (
        alt.Chart(wide)
        .mark_area(opacity=0.12)
        .encode(x=layer, y="low:Q", y2="high:Q", color=alt.Color("model:N", legend=legend("model")))
    )
    lines = (
        alt.Chart(long)
        .mark_line()
        .encode(
            x=layer,
            y=alt.Y("value:Q", title=title, scale=scale),
            color=alt.Color("model:N", legend=legend("model")),
            strokeDash=alt.StrokeDash(
                "quantile:O",
                legend=dash_legend("quantile, %"),
                sort=[50, 10, 90, 5, 95],
                scale=alt.Scale(domain=[50, 10, 90, 5, 95], range=[[1, 0], [6, 3], [6, 3], [2, 3], [2, 3]]),
            ),
            tooltip=["model:N", "layer:O", "quantile:O", alt.Tooltip("value:Q", title=title, format=".4g")],
        )
    )
    return alt.layer(band, lines).properties(height=HEIGHT)


def role_shares(profiles: pl.DataFrame, ending: str) -> Drawing:
    """Share of prediction and suppression neurons by layer; columns pct_prediction<ending>, pct_suppression<ending>."""
    names = {f"pct_prediction{ending}": "prediction", f"pct_suppression{ending}": "suppression"}
    long = (
        profiles.rename(names)
        .unpivot(list(names.values()), index=["model", "layer"], variable_name="role", value_name="pct")
        .drop_nulls("pct")
    )
    line = (
        alt.Chart(long)
        .mark_line()
        .encode(
            x=alt.X("layer:Q", title="layer", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=False)),
            y=alt.Y("pct:Q", title="neurons, % of the layer"),
            color=alt.Color("model:N", legend=legend("model")),
            strokeDash=alt.StrokeDash("role:N", legend=dash_legend("role")),
            tooltip=["model:N", "layer:O", "role:N", alt.Tooltip("pct:Q", format=".2f", title="% of the layer")],
        )
    )
    return alt.layer(line).properties(height=HEIGHT)
