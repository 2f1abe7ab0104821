"""A neuron's best partners in other models."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import OTHER, UNIVERSAL, Drawing, clicked


def partners(rows: pl.DataFrame) -> Drawing:
    """Correlation with the best partner of each model, its 95% interval and the rotation baseline; a click picks one.

    Args:
        rows: other_model, other_layer, other_neuron, partner, max_corr, corr_low, corr_high, baseline, baseline_sd,
            is_mutual.
    """
    place = ["other_model", "other_layer", "other_neuron"]
    picked = clicked(*place)
    base = alt.Chart(rows).encode(
        y=alt.Y("other_model:N", title=None, sort=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[
            alt.Tooltip("other_model:N", title="model"),
            alt.Tooltip("partner:N"),
            alt.Tooltip("max_corr:Q", title="correlation", format=".4f"),
            alt.Tooltip("corr_low:Q", title="95% from", format=".4f"),
            alt.Tooltip("corr_high:Q", title="95% to", format=".4f"),
            alt.Tooltip("baseline:Q", format=".4f"),
            alt.Tooltip("is_mutual:N", title="mutual"),
        ],
    )
    between = base.mark_rule(color=OTHER, size=1, opacity=0.6).encode(x="baseline:Q", x2="max_corr:Q")
    interval = base.mark_rule(color=UNIVERSAL, size=4, opacity=0.5).encode(x="corr_low:Q", x2="corr_high:Q")
    kinds = alt.Scale(domain=["best partner", "rotation baseline"], range=[UNIVERSAL, OTHER])
    points = (
        base.transform_calculate(kind="'best partner'")
        .mark_point(filled=True, size=90, cursor="pointer")
        .encode(
            x=alt.X("max_corr:Q", title="correlation of post-activations", scale=alt.Scale(zero=True)),
            color=alt.Color("kind:N", scale=kinds, title=None, legend=alt.Legend(orient="top")),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds.domain, range=["circle", "diamond"]), title=None),
        )
        .add_params(picked)
    )
    floor = (
        base.transform_calculate(kind="'rotation baseline'")
        .mark_point(filled=True, size=70)
        .encode(x="baseline:Q", color="kind:N", shape="kind:N")
    )
    return alt.layer(between, interval, floor, points).properties(height=alt.Step(34))
