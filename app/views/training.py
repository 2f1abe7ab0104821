"""Training: which neurons become universal, and which stay so, from checkpoint to checkpoint."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.training import births, excesses, layers, persistence, shares
from app.showing import chart, empty, numbers, open_clicked, section, table, told

_STUDY = "neurons ingest ingest/studies/demo-training.toml"
_LISTED = 1000


def show() -> None:
    """The whole page."""
    st.title("Training", anchor=False)
    with told():
        steps = ask("checkpoints")
        if steps.is_empty():
            empty("Each seed has one step here", _STUDY)
            return
        families = steps["model_family"].unique(maintain_order=True).to_list()
        family = st.selectbox("Models", families, key="family", width=220, bind="query-params")
        steps = steps.filter(model_family=family)
        _shares(steps)
        _persistence(family, steps)
        _neurons(family)


def _shares(steps: pl.DataFrame) -> None:
    left, right = st.columns(2, gap="large")
    with (
        left,
        section(
            "Universal neurons through training", "Among other seeds of the same step; the band is the 95% interval."
        ),
    ):
        chart(shares(steps.filter(scope="model")), "shares")
    with right, section("Layer by layer"):
        chart(layers(steps.filter(pl.col("layer").is_not_null())), "layers")
    numbers(steps, "step_universality")


def _persistence(family: str, steps: pl.DataFrame) -> None:
    rows = ask("persistence_of_seeds").filter(model_family=family)
    if rows.is_empty():
        empty("No seed was compared with others at two steps", _STUDY)
        return
    left, right = st.columns(2, gap="large")
    with (
        left,
        section(
            "Still universal at the next checkpoint",
            "A place per seed, with the 95% interval over groups of documents. Beside it: what of one half of the text "
            "is universal on the other half, at the same checkpoint (threshold noise) and at the next one; and chance.",
        ),
    ):
        scopes = rows["scope"].unique().sort(descending=True).to_list()
        scope = st.selectbox("Of", scopes, key="scope", width=160)
        chart(persistence(rows.filter(scope=scope)), "persistence")
    with right, section("Born, kept, died", "Since the checkpoint before."):
        known = steps.filter(scope="model").drop_nulls("n_born")
        chart(births(known), "births")
    numbers(rows, "persistence")
    with section(
        "Do neurons keep themselves and their partners?", "Universal ones at the earlier checkpoint, and the rest."
    ):
        table(ask("kept_partners", model_family=family), "kept_partners")


def _neurons(family: str) -> None:
    with section("The neurons", "A click opens the neuron, at the later checkpoint."):
        change = st.segmented_control(
            "Change", ["born", "died", "kept"], default=None, selection_mode="single", key="change"
        )
        found = ask("births_and_deaths", model_family=family, change=change, n=_LISTED)
        if found.is_empty():
            st.info("There are none.")
            return
        open_clicked(excesses(found), "excesses")
        table(found, "births_and_deaths", opens=True)


if __name__ == "__main__":
    show()
