"""What happens when neurons are ablated."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import (
    HEIGHT,
    OTHER,
    RULE,
    UNIVERSAL,
    Drawing,
    across,
    at_value,
    at_zero,
    legend,
    neuron_clicked,
    up,
)

_SETS = {"asked": "the set itself", "random": "random", "energy": "of the same energy"}


def against_controls(contrasts: pl.DataFrame, measure: str, title: str) -> Drawing:
    """Excess over control sets with its interval, a point per model and scope.

    Args:
        contrasts: model, scope, excess_<measure>, excess_<measure>_low and _high, control_<measure> if there is one.
        measure: loss, kl or agreement.
        title: of the axis.
    """
    name = f"excess_{measure}"
    base = alt.Chart(contrasts).encode(
        x=alt.X("scope:N", title="ablated in", sort=_scopes(contrasts), axis=alt.Axis(labelAngle=0)),
        xOffset="model:N",
        color=alt.Color("model:N"),
        tooltip=[
            "model:N",
            "scope:N",
            alt.Tooltip("n_neurons:Q", title="neurons"),
            alt.Tooltip("n_controls:Q", title="control sets"),
            alt.Tooltip(f"{name}:Q", title=title, format=".4f"),
            alt.Tooltip(f"{name}_low:Q", title="95% from", format=".4f"),
            alt.Tooltip(f"{name}_high:Q", title="95% to", format=".4f"),
        ],
    )
    points = base.mark_point(filled=True, size=60, opacity=1).encode(y=up(name, title))
    errors = base.mark_rule(size=1.5).encode(y=f"{name}_low:Q", y2=f"{name}_high:Q")
    return alt.layer(*at_zero(), errors, points).properties(height=HEIGHT)


def sets(rows: pl.DataFrame, measure: str, title: str) -> Drawing:
    """The effect of every set, a tick each; columns control, draw, n_neurons and the measure."""
    named = rows.with_columns(pl.col("control").replace_strict(_SETS).alias("set"))
    colour = alt.Scale(domain=list(_SETS.values()), range=[UNIVERSAL, OTHER, RULE])
    ticks = (
        alt.Chart(named)
        .mark_tick(thickness=2, size=26)
        .encode(
            x=across(measure, title, zero=False),
            y=alt.Y("set:N", title=None, sort=list(_SETS.values())),
            color=alt.Color("set:N", scale=colour, legend=None),
            tooltip=["set:N", "draw:O", "n_neurons:Q", alt.Tooltip(f"{measure}:Q", title=title, format=".4f")],
        )
    )
    return alt.layer(ticks).properties(height=150)


def classes(rows: pl.DataFrame) -> Drawing:
    """Change of the loss by the class of the next token, beside that of random sets, as ablation_by_class has them."""
    order = rows["next_class"].to_list()
    base = alt.Chart(rows).encode(y=alt.Y("next_class:N", sort=order, title=None))
    tips = [
        alt.Tooltip("next_class:N", title="next token"),
        alt.Tooltip("n_positions:Q", format=",", title="positions"),
        alt.Tooltip("delta_loss:Q", format=".4f", title="change of the loss"),
        alt.Tooltip("delta_loss_se:Q", format=".4f", title="standard error"),
        alt.Tooltip("control_delta_loss:Q", format=".4f", title="of random sets"),
    ]
    own = base.mark_point(filled=True, size=70, opacity=1, color=UNIVERSAL).encode(
        x=across("delta_loss", "change of the loss, nats"), tooltip=tips
    )
    controls = base.mark_point(size=60, color=OTHER).encode(x="control_delta_loss:Q", tooltip=tips)
    return alt.layer(controls, own, *at_value(0, "")).properties(height=alt.Step(24))


def changes(pairs: pl.DataFrame) -> Drawing:
    """Correlation of the changes of two models' losses against that of the neurons; a click picks a neuron."""
    picked = neuron_clicked()
    long = pairs.unpivot(
        ["loss_corr", "random_loss_corr"],
        index=["model", "layer", "neuron", "other_model", "max_corr"],
        variable_name="partner",
        value_name="corr",
    ).with_columns(pl.col("partner").replace_strict({"loss_corr": "best partner", "random_loss_corr": "random neuron"}))
    points = (
        alt.Chart(long.drop_nulls("corr"))
        .mark_circle(size=50, opacity=0.7, cursor="pointer")
        .encode(
            x=across("max_corr", "correlation with the best partner", zero=False),
            y=up("corr", "correlation of the changes of the loss"),
            color=alt.Color(
                "partner:N",
                legend=legend("ablated beside it"),
                scale=alt.Scale(domain=["best partner", "random neuron"], range=[UNIVERSAL, OTHER]),
            ),
            tooltip=["model:N", "layer:O", "neuron:O", "other_model:N", alt.Tooltip("corr:Q", format=".3f")],
        )
        .add_params(picked)
    )
    return alt.layer(points).properties(height=HEIGHT)


def _scopes(rows: pl.DataFrame) -> list[str]:
    ordered = rows.select("scope", "layer").unique().sort("layer", nulls_last=False)
    return ordered["scope"].to_list()
