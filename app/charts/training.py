"""Universality from checkpoint to checkpoint."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import HEIGHT, OTHER, RULE, UNIVERSAL, Drawing, dash_legend, legend, neuron_clicked, up

_BOUNDS = {
    "pct_ceiling": "the other half of the text",
    "pct_between_halves": "the other half, next checkpoint",
    "pct_floor": "chance",
}


def shares(steps: pl.DataFrame) -> Drawing:
    """Share of universal neurons over training steps, a line per seed, with its interval."""
    base = alt.Chart(steps).encode(
        x=alt.X("step:Q", title="training step", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=False)),
        color=alt.Color("seed:N", legend=legend("seed")),
    )
    band = base.mark_area(opacity=0.12).encode(y="pct_low:Q", y2="pct_high:Q")
    line = base.mark_line(point=True).encode(
        y=up("pct_universal", "universal neurons, %"),
        tooltip=[
            "model:N",
            "scope:N",
            alt.Tooltip("pct_universal:Q", title="universal, %", format=".2f"),
            alt.Tooltip("pct_low:Q", title="95% from", format=".2f"),
            alt.Tooltip("pct_high:Q", title="95% to", format=".2f"),
            alt.Tooltip("n_universal:Q", title="neurons", format=","),
        ],
    )
    return alt.layer(band, line).properties(height=HEIGHT)


def layers(steps: pl.DataFrame) -> Drawing:
    """Universal neurons of each layer over training steps; columns seed, step, layer, n_universal."""
    line = (
        alt.Chart(steps)
        .mark_line(point=True)
        .encode(
            x=alt.X("step:Q", title="training step", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(zero=False)),
            y=up("pct_universal", "universal neurons, % of the layer"),
            color=alt.Color("layer:O", legend=legend("layer")),
            strokeDash=alt.StrokeDash("seed:N", legend=dash_legend("seed")),
            detail="seed:N",
            tooltip=["model:N", "layer:O", "n_universal:Q", alt.Tooltip("pct_universal:Q", format=".2f")],
        )
    )
    return alt.layer(line).properties(height=HEIGHT)


def births(steps: pl.DataFrame) -> Drawing:
    """Neurons born, kept and died since the checkpoint before, as bars; columns model, n_kept, n_born, n_died."""
    names = {"n_kept": "kept", "n_born": "born", "n_died": "died"}
    long = steps.rename(names).unpivot(list(names.values()), index="model", variable_name="change", value_name="n")
    bars = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            x=alt.X("model:N", title="checkpoint", axis=alt.Axis(labelAngle=-40)),
            xOffset=alt.XOffset("change:N", sort=list(names.values())),
            y=up("n", "universal neurons"),
            color=alt.Color(
                "change:N",
                title=None,
                scale=alt.Scale(domain=list(names.values()), range=[RULE, UNIVERSAL, OTHER]),
            ),
            tooltip=["model:N", "change:N", alt.Tooltip("n:Q", title="neurons")],
        )
    )
    return alt.layer(bars).properties(height=HEIGHT)


def persistence(rows: pl.DataFrame) -> Drawing:
    """Persistence of each seed with its interval, beside ceiling and floor, from step to step.

    Columns seed, step_from, step_to, pct_persistent, pct_low, pct_high, pct_ceiling, pct_between_halves, pct_floor.
    """
    named = rows.with_columns(pl.format("{} to {}", "step_from", "step_to").alias("steps"))
    order = named.sort("step_from")["steps"].unique(maintain_order=True).to_list()
    base = alt.Chart(named).encode(
        x=alt.X("steps:N", sort=order, title="checkpoints", axis=alt.Axis(labelAngle=0)), xOffset="seed:N"
    )
    tips = ["seed:N", "steps:N", alt.Tooltip("n_from:Q", title="universal at first"), "n_kept:Q"]
    points = base.mark_point(filled=True, size=70, opacity=1, color=UNIVERSAL).encode(
        y=up("pct_persistent", "still universal, %"),
        tooltip=[*tips, alt.Tooltip("pct_persistent:Q", format=".1f", title="still universal, %")],
    )
    errors = base.mark_rule(size=1.5, color=UNIVERSAL).encode(y="pct_low:Q", y2="pct_high:Q")
    bounds = (
        alt.Chart(
            named.rename(_BOUNDS)
            .unpivot(list(_BOUNDS.values()), index=["seed", "steps"], variable_name="bound", value_name="pct")
            .drop_nulls("pct")
        )
        .mark_tick(thickness=2, size=16)
        .encode(
            x=alt.X("steps:N", sort=order),
            xOffset="seed:N",
            y="pct:Q",
            color=alt.Color(
                "bound:N",
                title="beside it",
                scale=alt.Scale(domain=list(_BOUNDS.values()), range=[RULE, "#009E73", OTHER]),
            ),
            tooltip=["bound:N", "seed:N", alt.Tooltip("pct:Q", format=".1f", title="%")],
        )
    )
    return alt.layer(bounds, errors, points).properties(height=HEIGHT)


def excesses(neurons: pl.DataFrame) -> Drawing:
    """Excess correlation before and after of the neurons that changed or stayed; a click picks one."""
    picked = neuron_clicked()
    points = (
        alt.Chart(neurons)
        .mark_circle(size=45, opacity=0.7, cursor="pointer")
        .encode(
            x=alt.X("excess_from:Q", title="excess correlation at the earlier checkpoint", scale=alt.Scale(zero=False)),
            y=alt.Y("excess_to:Q", title="at the later one", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "change:N",
                title=None,
                scale=alt.Scale(domain=["kept", "born", "died"], range=[RULE, UNIVERSAL, OTHER]),
            ),
            tooltip=[
                "model:N",
                "layer:O",
                "neuron:O",
                "change:N",
                alt.Tooltip("self_corr:Q", format=".3f", title="correlation with itself"),
            ],
        )
        .add_params(picked)
    )
    return alt.layer(points).properties(height=HEIGHT)
