"""Published: what others say about neurons, beside what was measured."""

from __future__ import annotations

import streamlit as st

from app.asking import ask
from app.charts.published import against
from app.showing import empty, open_clicked, section, table, told

_POINTS = 6000


def show() -> None:
    """The whole page."""
    st.title("Published", anchor=False)
    with told():
        imported = ask("imported_models")
        if imported.is_empty():
            empty("No published file has been taken in", "neurons import FRAME.csv --model stanford-gpt2-small-a")
            return
        with section("Imported models", "A universal subset says of the other neurons that they are not universal."):
            table(imported, "imported")
        compared = ask("published_against_measured")
        if compared.is_empty():
            empty("No imported model was measured here too", "neurons ingest STUDY.toml with a model of the same name")
            return
        model = st.selectbox("Model", compared["model"].unique().sort().to_list(), key="of", width=280)
        rows = compared.filter(model=model)
        with section("Ours against published", "Neuron by neuron; slope of ours on published."):
            table(rows.drop("model"), "compared")
        name = st.selectbox("Property", rows["property"].to_list(), key="property", width=280)
        pairs = ask("published_pairs", model=model, quantity=name)
        if pairs.height > _POINTS:
            st.caption(f"{_POINTS:,} of {pairs.height:,} neurons")
            pairs = pairs.sample(_POINTS, seed=0)
        open_clicked(against(pairs, name), "against")


if __name__ == "__main__":
    show()
