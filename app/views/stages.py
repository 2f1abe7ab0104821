"""Stages: what the layers do one after the other, and what is missed without them."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.stages import by_depth, heads, interventions, probes, several
from app.showing import EXPERIMENTS, chart, empty, numbers, pick_model, section, told

_FIRST_MODELS = 5
_ALL = 100_000
_DEPTHS = {"layer": "layer", "relative_depth": "relative depth"}
_MEASURES = {"delta_loss": "change of the loss, nats", "kl": "KL(clean || edited), nats"}
_ROLES = {"pct_prediction_calibrated": "prediction", "pct_suppression_calibrated": "suppression"}
_NORMS = {"mlp_norm": "MLP", "attention_norm": "attention", "stream_norm": "residual stream"}


def show() -> None:
    """The whole page."""
    st.title("Stages", anchor=False)
    with told():
        stages, edited = ask("layer_stages"), ask("layer_interventions")
        if stages.is_empty() and edited.is_empty():
            empty("No layers have been read or left out", EXPERIMENTS)
            return
        names = sorted({*stages["model"], *edited["model"]})
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.multiselect("Models", names, names[:_FIRST_MODELS], key="models", bind="query-params")
            depth = st.segmented_control(
                "Over",
                list(_DEPTHS),
                format_func=lambda each: _DEPTHS[each],
                default="layer",
                required=True,
                key="over",
            )
        if not chosen:
            st.info("Choose a model.")
            return
        _interventions(edited.filter(pl.col("model").is_in(chosen)), depth)
        _stages(stages.filter(pl.col("model").is_in(chosen)), depth)
        _words(chosen)
        _probes(chosen)


def _interventions(rows: pl.DataFrame, depth: str) -> None:
    with section(
        "Without a layer, in another order, twice", "The band is the 95% interval over documents, by a bootstrap."
    ):
        if rows.is_empty():
            empty("No layers of these models have been left out", EXPERIMENTS)
            return
        measure = st.segmented_control(
            "Measure",
            list(_MEASURES),
            format_func=lambda m: _MEASURES[m],
            default="delta_loss",
            required=True,
            key="measure",
        )
        chart(interventions(rows, measure, _MEASURES[measure], depth=depth), "interventions")
        numbers(rows, "layer_interventions")


def _stages(rows: pl.DataFrame, depth: str) -> None:
    if rows.is_empty():
        empty("The layers of these models have not been read", EXPERIMENTS)
        return
    left, right = st.columns(2, gap="large")
    with left, section("How far from the prediction", "KL(model || lens), the lens being norm and unembedding there."):
        chart(by_depth(rows, "lens_kl", "KL to the prediction, nats", depth=depth), "lens-kl")
    with right, section("How sure", "Entropy of the lens."):
        chart(by_depth(rows, "lens_entropy", "entropy of the lens, nats", depth=depth), "lens-entropy")
    left, right = st.columns(2, gap="large")
    with left, section("Who predicts", "Prediction and suppression neurons, above what random directions have."):
        chart(several(rows, _ROLES, "neurons, % of the layer", depth=depth), "roles")
    with right, section("How much is written", "Mean norms over positions."):
        chart(several(rows, _NORMS, "norm (log scale)", depth=depth, log=True), "norms")
    with section("Looking near", "Attention to the five positions before, the first position of a row left out."):
        left, right = st.columns(2, gap="large")
        with left:
            column = "attention_to_previous_5"
            chart(by_depth(rows, column, "attention to the five before", depth=depth), "near")
        with right:
            model = pick_model("Heads of", rows["model"].unique(maintain_order=True).to_list(), "heads-of")
            found = ask("head_attention", model=model)
            if found.is_empty():
                st.info("This model's attention shows no weights.")
            else:
                chart(heads(found, column, "attention to the five before"), "heads")
    numbers(rows, "layer_stages")


def _words(chosen: list[str]) -> None:
    with section(
        "Heads that merge the pieces of a word",
        "Attention of the last piece of words of several tokens to the pieces before, less that of words of one token "
        "to as many positions before.",
    ):
        model = pick_model("Heads of", chosen, "words-of")
        found = ask("subword_heads", model=model, n=_ALL)
        if found.is_empty():
            empty("This was not measured of this model", 'neurons ingest STUDY.toml with [[experiments]] kind = "lens"')
            return
        chart(heads(found, "difference", "more attention to pieces"), "words")
        numbers(found, "subword_heads")


def _probes(chosen: list[str]) -> None:
    with section(
        "Ensembles that know a suffix",
        "Does the next token end in it? Linear probes on the best prediction, suppression and random neurons of the "
        "training documents, scored on others; dashed: the model's own most probable token. Half of the examples do.",
    ):
        found = ask("suffix_probes").filter(pl.col("model").is_in(chosen))
        if found.is_empty():
            empty("No suffix was probed", 'neurons ingest STUDY.toml with [[experiments]] kind = "probe"')
            return
        with st.container(horizontal=True):
            model = pick_model("Probes of", found["model"].unique(maintain_order=True).to_list(), "probes-of")
            found = found.filter(model=model)
            suffixes = found["suffix"].unique(maintain_order=True).to_list()
            suffix = st.selectbox("Suffix", suffixes, key=f"suffix-of-{model}", width=140)
        shown = found.filter(suffix=suffix)
        chart(probes(shown), "probes")
        numbers(shown, "suffix_probes")


if __name__ == "__main__":
    show()
