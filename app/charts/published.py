"""What was measured against what was published."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import HEIGHT, RULE, UNIVERSAL, Drawing, neuron_clicked


def against(pairs: pl.DataFrame, property_: str) -> Drawing:
    """A neuron per point, with the line on which both agree; a click opens the neuron.

    Args:
        pairs: model, layer, neuron, ours, published.
        property_: what is compared.
    """
    low, high = pairs.select(
        low=pl.min_horizontal("ours", "published").min(), high=pl.max_horizontal("ours", "published").max()
    )
    ends = pl.DataFrame({"published": [low.item(), high.item()], "ours": [low.item(), high.item()]})
    line = alt.Chart(ends).mark_line(color=RULE, strokeDash=[4, 3])
    points = (
        alt.Chart(pairs)
        .mark_circle(size=24, opacity=0.5, color=UNIVERSAL, cursor="pointer")
        .encode(tooltip=["model:N", "layer:Q", "neuron:Q", "published:Q", "ours:Q"])
    )
    axes = {
        "x": alt.X("published:Q", title=f"{property_}, published", scale=alt.Scale(zero=False)),
        "y": alt.Y("ours:Q", title=f"{property_}, measured", scale=alt.Scale(zero=False)),
    }
    drawn: Drawing = alt.layer(line.encode(**axes), points.encode(**axes).add_params(neuron_clicked())).properties(
        height=HEIGHT
    )
    return drawn
