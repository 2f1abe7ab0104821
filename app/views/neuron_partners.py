"""A neuron's partners in the other models, and the chosen one's examples beside its own."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import Parameter, ask, ask_ahead
from app.charts.partners import partners as partners_chart
from app.passages import chips_html
from app.places import Place
from app.showing import clickable, empty, folded, open_neuron, table
from app.views.neuron_examples import draw, legend_of, rows, scale_of

N_TOKENS = 20
_N_WRITTEN = 8


def partners(place: Place) -> None:
    """The partners as chart and table; a row that is chosen is shown beside the neuron."""
    found = ask("partners_of_neuron", model=place.model, layer=place.layer, neuron=place.neuron)
    if found.is_empty():
        empty("This model has been compared with no other", "neurons ingest STUDY.toml with two or more [[models]]")
        return
    alive = found.drop_nulls("other_neuron")
    if alive.is_empty():
        st.info("A dead neuron is like no other.")
        return
    named = alive.with_columns(pl.format("L{}.N{}", "other_layer", "other_neuron").alias("partner"))
    left, right = st.columns([2, 3], gap="large")
    with left:
        picked = clickable(partners_chart(named), "partners-chart", opens=True)
        if picked:
            open_neuron(Place(picked["other_model"], int(picked["other_layer"]), int(picked["other_neuron"])))
    with right:
        first = ["other_model", "partner", "max_corr", "corr_se", "baseline", "excess", "is_mutual", "relation"]
        more = [name for name in named.columns if name not in {*first, "other_layer", "other_neuron"}]
        table(named.select(*first, *more), "partners")
    labels = [f"{row['other_model']} {row['partner']}" for row in named.iter_rows(named=True)]
    chosen = st.segmented_control("Beside it", labels, default=labels[0], required=True, key="beside")
    row = named.row(labels.index(chosen) if chosen in labels else 0, named=True)
    _side_by_side(place, Place(row["other_model"], row["other_layer"], row["other_neuron"]))


def _side_by_side(place: Place, partner: Place) -> None:
    key: dict[str, Parameter] = {"model": partner.model, "layer": partner.layer, "neuron": partner.neuron}
    ask_ahead("example_windows", "tokens_of_neuron", **key, choice="top", n=N_TOKENS, by_weights=True)
    own, others = rows(place, "top", whole=False), rows(partner, "top", whole=False)
    if own.is_empty() or others.is_empty():
        empty("Examples were not measured for both", "neurons ingest STUDY.toml with [measure] features = true")
        return
    scale = scale_of([own, others])
    both = set(own["sequence"]) & set(others["sequence"])
    st.caption(
        f"The five strongest rows of each, one scale of colours up to {scale:.3g}. "
        f"{len(both)} of {own.height} rows are among the strongest of both."
    )
    st.html(legend_of([own, others], scale))
    for column, each, shown in zip(st.columns(2, gap="large"), (place, partner), (own, others), strict=True):
        with column:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{each.model} {each.label}**", width="content")
                if each is partner and st.button("open", icon=":material/open_in_new:", key="open-partner"):
                    open_neuron(partner)
            draw(shown.head(5), scale, marked=both)
            # Of its own the page has asked for all.
            _written(tokens_of(each, by_weights=True if each is partner else None))
    title = f"All neurons of {partner.model} that are much or little like it"
    with folded(title, f"matches-in-{partner.model}") as is_open:
        if not is_open:
            return
        matches = ask(
            "matches_of_neuron",
            model=place.model,
            layer=place.layer,
            neuron=place.neuron,
            other_model=partner.model,
        )
        names = {"other_model": "model", "other_layer": "layer", "other_neuron": "neuron"}
        table(matches.rename(names), "matches", opens=True)


def tokens_of(place: Place, by_weights: bool | None = None) -> pl.DataFrame:
    """Tokens that a neuron promotes, suppresses and fires at; by weights alone, the first two sides."""
    return ask(
        "tokens_of_neuron", model=place.model, layer=place.layer, neuron=place.neuron, n=N_TOKENS, by_weights=by_weights
    )


def _written(tokens: pl.DataFrame) -> None:
    """What it promotes and suppresses, on one line each."""
    for side in ("promoted", "suppressed"):
        shown = tokens.filter(pl.col("side") == side)["token"].head(_N_WRITTEN).to_list()
        if shown:
            st.html(f"<div class='tokens'>{side}: {chips_html(shown)}</div>")
