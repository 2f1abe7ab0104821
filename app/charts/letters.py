"""Letter values: boxes of 1/2, 1/4, 1/8, ... of the neurons, as many as their number bears."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import UNIVERSAL, Drawing, across, at_value, universal_colour, with_kind


def percentiles(rows: pl.DataFrame) -> Drawing:
    """Where universal neurons lie within their layers, by property and model.

    Args:
        rows: model, place, property, tail, low, high, n_universal: percentiles between which all but the share `tail`
            on either side lies; of tail 1/2 the median.
    """
    order = rows.sort("place")["property"].unique(maintain_order=True).to_list()
    base = alt.Chart(rows).encode(
        y=alt.Y("property:N", sort=order, title=None),
        yOffset=alt.YOffset("model:N"),
        tooltip=[
            *("model:N", "property:N"),
            alt.Tooltip("tail:Q", title="share beyond, on either side", format=".2~%"),
            alt.Tooltip("low:Q", format=".1f"),
            alt.Tooltip("high:Q", format=".1f"),
            alt.Tooltip("n_universal:Q", format=",", title="universal neurons"),
        ],
    )
    boxes = (
        base.transform_filter("datum.tail < 0.5")
        .mark_bar(opacity=0.3)
        .encode(x=across("low", "percentile within the layer, universal neurons"), x2="high:Q", color="model:N")
    )
    medians = base.transform_filter("datum.tail == 0.5").mark_tick(thickness=2, color=UNIVERSAL).encode(x="low:Q")
    height = len(order) * max(24, 12 * rows["model"].n_unique())
    return alt.layer(boxes, medians, *at_value(50, "")).properties(height=height)


def by_layer(rows: pl.DataFrame, property_: str) -> Drawing:
    """A property of universal neurons and the rest, layer by layer.

    Args:
        rows: layer, is_universal, tail, low, high, as the question gurnee_fig14_properties_by_layer has them.
        property_: what is shown.
    """
    base = alt.Chart(with_kind(rows)).encode(
        x=alt.X("layer:O", axis=alt.Axis(labelAngle=0)), xOffset="kind:N", color=universal_colour()
    )
    boxes = base.transform_filter("datum.tail < 0.5").mark_bar(opacity=0.3)
    medians = base.transform_filter("datum.tail == 0.5").mark_tick(thickness=2)
    drawn: Drawing = alt.layer(
        boxes.encode(y=alt.Y("low:Q", title=property_), y2="high:Q"), medians.encode(y="low:Q")
    ).properties(height=240)
    return drawn
