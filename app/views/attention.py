"""Attention: which neurons turn heads to BOS, or away from it, and what those heads then write."""

from __future__ import annotations

import streamlit as st

from app.asking import ask
from app.charts.single_neurons import bos_heads, paths
from app.showing import EXPERIMENTS, chart, empty, numbers, open_clicked, pick_set, section, told


def show() -> None:
    """The whole page."""
    st.title("Attention", anchor=False)
    with told():
        asked = pick_set("attention")
        if asked is None:
            empty("No neuron was taken out of the query of a head", EXPERIMENTS)
            return
        with section(
            "Does the neuron turn the head to BOS?",
            "A head's attention to BOS in the clean pass less that without the neuron's write in its query, over all "
            "positions, with 1.96 standard errors over documents, against what its weights say. A click opens it.",
        ):
            found = ask("path_ablations", **asked)
            open_clicked(paths(found), "paths")
            numbers(found, "path_ablations")
        with section(
            "What heads write when they attend to BOS",
            "The norm of what a head would write of other tokens over that of BOS alone: a head that writes nothing of "
            "BOS is off while it attends there.",
        ):
            heads = ask("bos_heads", model=asked["model"])
            chart(bos_heads(heads), "bos-heads")
            numbers(heads, "bos_heads")


if __name__ == "__main__":
    show()
