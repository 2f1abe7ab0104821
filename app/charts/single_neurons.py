"""What single neurons do: fixed at values, ablated, and taken out of the queries of heads."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import HEIGHT, OTHER, RULE, UNIVERSAL, Drawing, across, at_zero, dash_legend, neuron_clicked, up

_GROUPS = {"asked": UNIVERSAL, "of the same norm": RULE, "random": OTHER}
_NEURON = pl.format("L{}.N{}", "layer", "neuron").alias("name")


def sweep(rows: pl.DataFrame, measure: str, title: str) -> Drawing:
    """A measure over the value that a neuron is fixed at, a line per neuron; dashed: the mean of neurons of its norm.

    Args:
        rows: layer, neuron, value, delta_<measure>, and control_delta_<measure> if there are controls.
        measure: scale, entropy, loss or reciprocal_rank.
        title: of the axis.
    """
    own, control = f"delta_{measure}", f"control_delta_{measure}"
    columns = {own: "the neuron"} | ({control: "neurons of its norm"} if control in rows.columns else {})
    long = (
        rows.with_columns(_NEURON)
        .rename(columns)
        .unpivot(list(columns.values()), index=["name", "value"], variable_name="of", value_name="change")
        .drop_nulls("change")
    )
    lines = (
        alt.Chart(long)
        .mark_line(point=True)
        .encode(
            x=across("value", "post-activation fixed at", zero=False),
            y=up("change", title),
            color=alt.Color("name:N", title="neuron"),
            strokeDash=alt.StrokeDash("of:N", legend=dash_legend(""), sort=list(columns.values())),
            tooltip=[
                "name:N",
                "of:N",
                alt.Tooltip("value:Q", format=".3g", title="fixed at"),
                alt.Tooltip("change:Q", format=".4g", title=title),
            ],
        )
    )
    return alt.layer(*at_zero(), lines).properties(height=1.4 * HEIGHT)


def mediated(rows: pl.DataFrame) -> Drawing:
    """Share of an ablation's effect that goes through the final norm, with its interval; a click picks the neuron.

    Args:
        rows: as the question mediated_effects has them.
    """
    group = (
        pl.when("is_asked").then(pl.lit("asked")).when("is_norm_control").then(pl.lit("of the same norm"))
    ).otherwise(pl.lit("random"))
    shown = rows.drop_nulls("mediated_share").with_columns(_NEURON, group=group)
    order = shown.sort("mediated_share", descending=True)["name"].to_list()
    base = alt.Chart(shown).encode(
        y=alt.Y("name:N", title=None, sort=order, axis=alt.Axis(labelOverlap=False)),
        color=alt.Color("group:N", title=None, scale=alt.Scale(domain=list(_GROUPS), range=list(_GROUPS.values()))),
        tooltip=[
            "name:N",
            "group:N",
            alt.Tooltip("mediated_share:Q", format=".2f"),
            alt.Tooltip("mediated_share_low:Q", format=".2f", title="95% from"),
            alt.Tooltip("mediated_share_high:Q", format=".2f", title="95% to"),
            alt.Tooltip("total_effect:Q", format=".4f", title="change of the entropy, nats"),
        ],
    )
    # The intervals of weak effects reach far below zero, and would leave no room for the others.
    shares = alt.X("mediated_share:Q", title="share through the final norm", scale=alt.Scale(domain=[-2, 1.2]))
    points = base.mark_point(filled=True, size=60, opacity=1, clip=True, cursor="pointer").encode(x=shares)
    errors = base.mark_rule(size=1.5, clip=True).encode(x="mediated_share_low:Q", x2="mediated_share_high:Q")
    return alt.layer(errors, points.add_params(neuron_clicked())).properties(height=alt.Step(18))


def paths(rows: pl.DataFrame) -> Drawing:
    """Attention to BOS that a neuron's write makes, against its score from the weights; a click picks the neuron.

    Args:
        rows: as the question path_ablations has them.
    """
    base = alt.Chart(rows.with_columns(_NEURON)).encode(
        x=across("score", "score from the weights"),
        tooltip=[
            "name:N",
            "head_layer:O",
            "head:O",
            alt.Tooltip("score:Q", format=".3g"),
            alt.Tooltip("attention:Q", format=".3f", title="attention to BOS"),
            alt.Tooltip("delta_attention:Q", format=".4f", title="of it by the neuron"),
            alt.Tooltip("largest_control_delta:Q", format=".4f", title="largest of its controls"),
        ],
    )
    points = base.mark_point(filled=True, size=60, opacity=1, color=UNIVERSAL, cursor="pointer").encode(
        y=up("delta_attention", "attention to BOS by the neuron")
    )
    errors = base.mark_rule(size=1.5, color=UNIVERSAL).encode(y="delta_attention_low:Q", y2="delta_attention_high:Q")
    return alt.layer(*at_zero(), errors, points.add_params(neuron_clicked())).properties(height=HEIGHT)


def bos_heads(rows: pl.DataFrame) -> Drawing:
    """Attention to BOS against how much more heads write of other tokens than of BOS; as bos_heads has them."""
    points = (
        alt.Chart(rows.drop_nulls("other_to_bos"))
        .mark_point(filled=True, size=70, opacity=0.9)
        .encode(
            x=across("attention", "attention to BOS"),
            y=alt.Y("other_to_bos:Q", title="norm of other tokens / of BOS", scale=alt.Scale(type="log")),
            color=alt.Color("layer:O"),
            tooltip=[
                "layer:O",
                "head:O",
                alt.Tooltip("attention:Q", format=".3f"),
                alt.Tooltip("bos_norm:Q", format=".3f"),
                alt.Tooltip("other_norm:Q", format=".3f"),
            ],
        )
    )
    return alt.layer(points).properties(height=HEIGHT)
