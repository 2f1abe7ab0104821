"""Depth profile: how vocabulary effects and roles change from layer to layer."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.depth import quantiles, role_shares
from app.showing import chart, empty, section, table, told

_FIRST_MODELS = 3


def show() -> None:
    """The whole page."""
    st.title("Depth profile", anchor=False)
    with told():
        profiles = ask("layer_profiles")
        if profiles.is_empty():
            empty("Vocabulary effects were not measured", "neurons ingest STUDY.toml")
            return
        names = profiles["model"].unique(maintain_order=True).to_list()
        chosen = st.multiselect("Models", names, names[:_FIRST_MODELS], key="models", bind="query-params")
        shown = profiles.filter(pl.col("model").is_in(chosen))
        if shown.is_empty():
            st.info("Choose a model.")
            return
        _charts(shown)
        with section("All numbers"):
            table(shown, "layer_profiles")


def _charts(shown: pl.DataFrame) -> None:
    about = "Of the cosines of a neuron's output weights with the unembedding, over the vocabulary; 3 for a Gaussian."
    left, right = st.columns(2, gap="large")
    with left, section("Kurtosis over the vocabulary", about):
        chart(quantiles(shown, "vocab_kurt", "kurtosis (log scale)", log=True), "kurt")
    with right, section("Skew over the vocabulary", "Positive: a few tokens are promoted; negative: suppressed."):
        chart(quantiles(shown, "vocab_skew", "skewness", log=False), "skew")
    with section("Prediction and suppression neurons"):
        kinds = {"_calibrated": "above what random directions have", "": "above the published cut-offs"}
        ending = st.segmented_control(
            "Cut-off",
            list(kinds),
            format_func=lambda each: kinds[each],
            default="_calibrated",
            required=True,
            key="cutoff",
        )
        chart(role_shares(shown, ending), "role-shares")


if __name__ == "__main__":
    show()
