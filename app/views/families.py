"""Families: what makes neurons fire, in which layers, in how many seeds, and where the cut-offs lie."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.families import by_layer, stability
from app.keeping import keep_answer
from app.showing import chart, clickable, empty, numbers, pick_model, section, table, told
from app.views.rule_sliders import family_sliders

_LISTED = 1000


def show() -> None:
    """The whole page."""
    st.title("Families", anchor=False)
    with told():
        counts = ask("families")
        if counts.is_empty():
            empty("Families were not measured", "neurons ingest STUDY.toml with [measure] features = true")
            return
        models = counts["model"].unique(maintain_order=True).to_list()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            model = pick_model("Model", models, "of", every=True)
            universal = st.toggle("universal neurons only", key="universal")
        shown = counts if model is None else counts.filter(model=model)
        picked = _layers(shown, universal=universal)
        _members(models, model, universal=universal, picked=picked)
        with section("The same family in another seed?", "Of a neuron and its best partner; the tick is chance."):
            stable = ask("family_stability", model=model)
            if stable.is_empty():
                empty(
                    "No model has partners among other seeds", "neurons ingest STUDY.toml with two or more [[models]]"
                )
            else:
                chart(stability(stable), "stability")
                numbers(stable, "family_stability")
        with section("Other cut-offs", "Calls the rule of families, marts.rule_family, with the sliders' values."):
            family_sliders(model or models[0])


def _layers(counts: pl.DataFrame, *, universal: bool) -> dict[str, Any] | None:
    with section("Families by layer", "A click on a part of a bar lists its neurons below."):
        kinds = (
            {"n_universal": "universal neurons"}
            if universal
            else {"n_neurons": "neurons", "pct_neurons": "% of the layer"}
        )
        column = st.segmented_control(
            "Count",
            list(kinds),
            format_func=lambda each: kinds[each],
            default=next(iter(kinds)),
            required=True,
            key=f"count-{universal}",
        )
        hidden = st.toggle("with neurons of no family", key="with-none")
        shown = counts if hidden else counts.filter(pl.col("family") != "none")
        picked = clickable(by_layer(shown.rename({"family": "label"}), column, kinds[column]), "by-layer")
        numbers(counts, "layer_families")
        return picked
    return None


def _members(models: list[str], model: str | None, *, universal: bool, picked: dict[str, Any] | None) -> None:
    with section("Members with their evidence", "The strongest first; a click opens the neuron."):
        names = ask("families")["family"].unique().sort().to_list()
        if picked:
            st.session_state["family"] = picked["label"]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            family = st.selectbox("Family", names, key="family", width=200, bind="query-params")
            if picked:
                st.caption(f"{picked['model']}, layer {picked['layer']}", width="content")
        where = {"model": picked["model"], "layer": picked["layer"]} if picked else {"model": model, "layer": None}
        asked = {**where, "family": family, "only_universal": universal}
        found = ask("family_members", **asked, n=_LISTED)
        if found.is_empty():
            st.info("No neuron is in it.")
            return
        first = ["model", "layer", "neuron", "feature", "lag", "strength", "heldout_strength"]
        table(found.select(*first, pl.exclude(first)), "members", opens=True, height=360)
        keep_answer("members", "family_members", **asked)


if __name__ == "__main__":
    show()
