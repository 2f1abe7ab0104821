"""Entropy: single neurons fixed at values, and how much of what they do goes through the final norm."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.single_neurons import mediated, sweep
from app.showing import EXPERIMENTS, chart, empty, numbers, open_clicked, pick_set, section, table, told

_MEASURES = {
    "entropy": "change of the entropy, nats",
    "scale": "change of what the final norm divides by",
    "loss": "change of the loss, nats",
    "reciprocal_rank": "change of the true token's 1 / (1 + rank)",
}


def show() -> None:
    """The whole page."""
    st.title("Entropy", anchor=False)
    with told():
        asked = pick_set("entropy")
        if asked is None:
            empty("No single neurons have been fixed at values", EXPERIMENTS)
            return
        _sweep(ask("entropy_sweep", **asked))
        effects = ask("mediated_effects", **asked)
        with section(
            "How much goes through the final norm?",
            "Each neuron set to its mean: 1 less the effect on the entropy with the norm's scale held, over the whole "
            "effect; with its 95% interval over documents. Neurons whose whole effect may be zero have no share. "
            "A click opens the neuron.",
        ):
            if effects["mediated_share"].null_count() == effects.height:
                st.info("The interval of every neuron's effect holds zero: more text would tell.")
            else:
                open_clicked(mediated(effects), "mediated")
            numbers(effects, "mediated_effects")
        with section(
            "Neurons along the frequencies of tokens",
            "Set to their means, with the logits' component along the log frequency free and held.",
        ):
            table(ask("frequency_neurons", model=asked["model"]), "frequency_neurons", opens=True)


def _sweep(rows: pl.DataFrame) -> None:
    with section(
        "Fixed at a value",
        "The neuron's post-activation is one value at every position. Dashed: the mean of neurons of its layer whose "
        "output weights have nearly its norm.",
    ):
        with st.container(horizontal=True):
            measure = st.selectbox(
                "Measure", list(_MEASURES), format_func=lambda each: _MEASURES[each], key="measure", width=320
            )
            kinds = rows["kind"].unique(maintain_order=True).to_list()
            kind = st.segmented_control("Values", kinds, default=kinds[0], required=True, key="kind")
        chart(sweep(rows.filter(kind=kind), measure, _MEASURES[measure]), "sweep")
        numbers(rows, "entropy_sweep")


if __name__ == "__main__":
    show()
