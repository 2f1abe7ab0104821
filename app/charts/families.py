"""How many neurons have each family or role."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import HEIGHT, Drawing, clicked, label_colour


def by_layer(counts: pl.DataFrame, column: str, title: str) -> Drawing:
    """Neurons of each family or role by layer, a bar per model; a click picks model, layer and label.

    Args:
        counts: model, layer, label, n_neurons, n_universal and the column to draw.
        column: what is drawn.
        title: of its axis.
    """
    picked = clicked("model", "layer", "label")
    names = sorted(counts["label"].unique().to_list())
    bars = (
        alt.Chart(counts)
        .mark_bar(cursor="pointer")
        .encode(
            x=alt.X("layer:O", title="layer, a bar per model", axis=alt.Axis(labelAngle=0)),
            xOffset="model:N",
            y=alt.Y(f"{column}:Q", title=title, stack="zero"),
            color=label_colour(names),
            opacity=alt.condition(picked, alt.value(1.0), alt.value(0.35), empty=True),
            tooltip=[
                "model:N",
                "layer:O",
                alt.Tooltip("label:N", title=" "),
                alt.Tooltip("n_neurons:Q", title="neurons", format=","),
                alt.Tooltip("n_universal:Q", title="universal", format=","),
                alt.Tooltip("pct_neurons:Q", title="% of the layer", format=".1f"),
            ],
        )
        .add_params(picked)
    )
    return alt.layer(bars).properties(height=HEIGHT * 0.85)


def stability(rows: pl.DataFrame) -> Drawing:
    """How often the best partner has the same family, against chance; columns model, family, pct_same, ..."""
    base = alt.Chart(rows).encode(
        x=alt.X("family:N", title=None, axis=alt.Axis(labelAngle=-20)), xOffset=alt.XOffset("model:N", bandPosition=0.5)
    )
    bars = base.mark_bar().encode(
        y=alt.Y("pct_same:Q", title="partners of the same family, %"),
        color=alt.Color("model:N", title="model"),
        tooltip=[
            "model:N",
            "family:N",
            alt.Tooltip("pct_same:Q", title="same family, %", format=".1f"),
            alt.Tooltip("pct_by_chance:Q", title="by chance, %", format=".1f"),
            alt.Tooltip("pct_same_feature:Q", title="same feature, %", format=".1f"),
            alt.Tooltip("n_pairs:Q", title="pairs", format=","),
        ],
    )
    chance = base.mark_tick(color="#6b7178", thickness=2, size=12).encode(y="pct_by_chance:Q")
    return alt.layer(bars, chance).properties(height=HEIGHT * 0.8)


def moves(counts: pl.DataFrame) -> Drawing:
    """Neurons that would change their family; columns family_now, family_then, n_neurons."""
    base = alt.Chart(counts).encode(
        x=alt.X("family_then:N", title="under the sliders' cut-offs", axis=alt.Axis(labelAngle=-20)),
        y=alt.Y("family_now:N", title="in the marts"),
        tooltip=[
            alt.Tooltip("family_now:N", title="now"),
            alt.Tooltip("family_then:N", title="then"),
            alt.Tooltip("n_neurons:Q", title="neurons", format=","),
            alt.Tooltip("n_universal:Q", title="universal", format=","),
        ],
    )
    rects = base.mark_rect().encode(
        color=alt.Color("n_neurons:Q", title="neurons", scale=alt.Scale(type="symlog"), legend=None)
    )
    texts = base.mark_text(stroke="white", strokeWidth=3, strokeJoin="round").encode(
        text=alt.Text("n_neurons:Q", format=",")
    )
    over = base.mark_text(color="black").encode(text=alt.Text("n_neurons:Q", format=","))
    return alt.layer(rects, texts, over).properties(height=HEIGHT * 0.8)
