"""How often a neuron's values fall into each bin."""

from __future__ import annotations

import altair as alt
import polars as pl

from app.charts.theme import HEIGHT, RULE, Drawing, decades


def histogram(bins: pl.DataFrame, *, what: str, counted: str, log: bool, marks: dict[str, float]) -> Drawing:
    """Counts per bin.

    Args:
        bins: low, high, n_positions.
        what: title of the axis of values, with its unit.
        counted: title of the axis of counts.
        log: whether that axis is logarithmic (below one count it is a straight line, so that empty bins stay empty).
        marks: values to mark, by their label.
    """
    # Room above the bars, where the marks have their labels.
    most = int(bins["n_positions"].max() or 1) * (8 if log else 1.25)  # type: ignore[arg-type]
    scale = alt.Scale(type="symlog", constant=1, domain=[0, most]) if log else alt.Scale(domain=[0, most])
    axis = decades() if log else alt.Axis(format="~s", tickCount=6)
    base = alt.Chart(bins).encode(
        x=alt.X("low:Q", bin="binned", title=what, scale=alt.Scale(zero=False, nice=False)),
        x2="high:Q",
    )
    bars = base.mark_bar(binSpacing=0).encode(
        y=alt.Y("n_positions:Q", title=counted, scale=scale, axis=axis),
        tooltip=[
            alt.Tooltip("low:Q", title="from", format=".3f"),
            alt.Tooltip("high:Q", title="to", format=".3f"),
            alt.Tooltip("n_positions:Q", title=counted, format=","),
        ],
    )
    layers: list[alt.Chart] = [bars]
    for i, (label, value) in enumerate(marks.items()):
        marked = alt.Chart(pl.DataFrame({"value": [value], "label": [f"{label} {value:.3g}"]})).encode(x="value:Q")
        layers.append(marked.mark_rule(color=RULE, strokeDash=[4, 3], size=1.5).encode(tooltip="label:N"))
        text = marked.mark_text(align="left", dx=4, baseline="top", color=RULE)
        layers.append(text.encode(y=alt.value(14 * i), text="label:N"))
    return alt.layer(*layers).properties(height=HEIGHT * 0.7)
