"""Home: what is in the warehouse, and what is missing."""

from __future__ import annotations

import streamlit as st

from app.asking import ask
from app.charts.universality import shares_by_layer
from app.formats import number
from app.showing import chart, empty, jump_box, numbers, section, table, told


def show() -> None:
    """The whole page."""
    st.title("Neurons that trained models share", anchor=False)
    with told():
        models = ask("models")
        if models.is_empty():
            empty("No model is in this warehouse", "neurons ingest STUDY.toml")
            return
        _figures()
        jump_box(models["model"][0])
    with section("Models", "One row per model. The share of universal neurons is among other seeds of the same shape."):
        table(ask("models"), "models")
    with section("Universal neurons by layer", "The line is the share's 95% interval over groups of documents."):
        layers = ask("universal_share_by_layer")
        if layers.is_empty():
            empty("No model has partners among other seeds", "neurons ingest STUDY.toml with two or more [[models]]")
        else:
            chart(shares_by_layer(layers), "shares")
            numbers(layers, "universal_share_by_layer")
    with section("Runs", "What was measured, on how much text, how correlations were computed."):
        table(ask("runs"), "runs")
    with section("What is here, and what would fill the rest"):
        table(ask("contents"), "contents")


def _figures() -> None:
    models, runs = ask("models"), ask("runs").filter("is_speaking")
    steps = models["step"].drop_nulls().n_unique()
    figures = {
        "models": number(models.height),
        "seeds": number(models["seed"].drop_nulls().n_unique()),
        "checkpoints": number(steps),
        "neurons": f"{models['n_neurons'].sum():,}",
        # Experiments read the text of a measured run again.
        "tokens": f"{int(runs.filter(kind='ingest')['n_tokens'].fill_null(0).sum()):,}",
        "universal": f"{models['n_universal'].sum():,}" if models["n_universal"].count() else "not known",
    }
    with st.container(horizontal=True, gap="large"):
        for label, value in figures.items():
            st.metric(label, value, width="content")


if __name__ == "__main__":
    show()
