"""Roles: what neurons do to the logits, in which layers, and whether the seeds share it."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.families import by_layer
from app.keeping import keep_answer
from app.showing import clickable, empty, numbers, pick_model, section, table, told
from app.views.rule_sliders import role_sliders

_LISTED = 1000


def show() -> None:
    """The whole page."""
    st.title("Roles", anchor=False)
    with told():
        counts = ask("role_counts")
        if counts.is_empty():
            empty("Vocabulary effects were not measured", "neurons ingest STUDY.toml")
            return
        models = counts["model"].unique(maintain_order=True).to_list()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            model = pick_model("Model", models, "of", every=True)
            universal = st.toggle("universal neurons only", key="universal")
        shown = counts if model is None else counts.filter(model=model)
        with section("Roles by layer", "Above what random directions have. A click lists the neurons below."):
            column, title = ("n_universal", "universal neurons") if universal else ("n_neurons", "neurons")
            picked = clickable(by_layer(shown.rename({"role": "label"}), column, title), "by-layer")
            numbers(shown, "role_counts")
        with section("Role and universality", "The share of a role among universal neurons, and among all."):
            table(_shares(shown), "role_shares")
        with section("Neurons of a role", "The strongest first; a click opens the neuron."):
            if picked:
                st.session_state["role"] = picked["label"]
            role: str = st.selectbox(
                "Role", counts["role"].unique().sort().to_list(), key="role", width=200, bind="query-params"
            )
            where = {"model": picked["model"], "layer": picked["layer"]} if picked else {"model": model, "layer": None}
            asked = {**where, "role": role, "only_universal": universal}
            found = ask("role_members", **asked, n=_LISTED)
            if found.is_empty():
                st.info("No neuron has it.")
            else:
                table(found, "members", opens=True, height=360)
                keep_answer("members", "role_members", **asked)
        with section("Neurons that act on the same tokens", "A feature takes most of their effects' variance away."):
            table(ask("output_clusters", model=model), "output_clusters", height=300)
        with section("Other cut-offs", "Calls the rule of roles, marts.rule_role, with the sliders' values."):
            role_sliders(model or models[0])


def _shares(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.select(
        "model", "layer", "role", "n_neurons", "pct_neurons", "n_universal", "pct_of_universal", "n_published"
    )


if __name__ == "__main__":
    show()
