"""Ablation: what happens without some neurons, beside other sets of neurons."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.experiments import against_controls, changes, classes, sets
from app.showing import EXPERIMENTS, chart, empty, numbers, open_clicked, section, table, told

_MEASURES = {"loss": "loss, nats", "kl": "KL(clean || edited), nats", "agreement": "share of equal top tokens"}
_CONTROLS = {"energy": "sets that write the same energy", "random": "random sets of the same layers"}


def show() -> None:
    """The whole page."""
    st.title("Ablation", anchor=False)
    with told():
        contrasts, pairs = ask("ablation_contrasts"), ask("causally_universal")
        if contrasts.is_empty() and pairs.is_empty():
            empty("No neurons have been ablated", EXPERIMENTS)
            return
        if not contrasts.is_empty():
            _sets(contrasts)
        with section(
            "Do the same tokens suffer in two models?",
            "Each neuron and its best partner are ablated alone; a point is the correlation of the two changes of the "
            "loss over positions, beside that with a random neuron of the partner's layer. A click opens the neuron.",
        ):
            if pairs.is_empty():
                empty("No matched neurons have been ablated", 'neurons ingest STUDY.toml with [[experiments]] "pairs"')
            else:
                open_clicked(changes(pairs), "changes")
                numbers(pairs, "causally_universal")


def _sets(contrasts: pl.DataFrame) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        asked = contrasts["neurons"].unique(maintain_order=True).to_list()
        neurons = st.selectbox("Neurons", asked, key="neurons", width=220, bind="query-params")
        rows = contrasts.filter(neurons=neurons)
        modes = rows["mode"].unique(maintain_order=True).to_list()
        mode = st.selectbox("Set to", modes, key=f"mode-of-{neurons}", width=140)
        measure = st.selectbox(
            "Change of", list(_MEASURES), format_func=lambda each: _MEASURES[each], key="measure", width=260
        )
        known = [name for name in _CONTROLS if name in rows["control"].to_list()]
        control = st.selectbox("Beside", known, format_func=lambda each: _CONTROLS[each], key="control", width=280)
    with section(
        "More than other neurons?",
        "Effect of the set less the mean effect of its control sets; the line is the 95% interval over documents and "
        "controls. The first place is the whole set at once, the others its neurons of one layer.",
    ):
        shown = rows.filter(mode=mode, control=control)
        chart(against_controls(shown, measure, f"excess {_MEASURES[measure]}"), "contrasts")
        numbers(shown, "ablation_contrasts")
    left, right = st.columns(2, gap="large")
    with left, section("Every set", "A tick per set of neurons."):
        _every_set(rows.filter(mode=mode), neurons, mode)
    with right, section("Which next tokens suffer", "Filled: the set; open: the mean of the random sets."):
        _classes(rows, neurons, mode)
    with section("The ablated neurons"):
        table(ask("ablated_neurons").filter(neurons=neurons), "ablated_neurons", opens=True)


def _every_set(rows: pl.DataFrame, neurons: str, mode: str) -> None:
    with st.container(horizontal=True):
        model = st.selectbox("Model", rows["model"].unique(maintain_order=True).to_list(), key="of", width=180)
        scopes = rows.filter(model=model)["scope"].unique(maintain_order=True).sort(descending=True).to_list()
        scope = st.selectbox("In", scopes, key=f"scope-of-{model}-{neurons}", width=140)
    found = ask("ablation_sets", model=model, neurons=neurons, mode=mode, scope=scope)
    chart(sets(found, "delta_loss", "change of the loss, nats"), "sets")
    numbers(found, "ablation_sets")


def _classes(rows: pl.DataFrame, neurons: str, mode: str) -> None:
    model = st.selectbox("Model", rows["model"].unique(maintain_order=True).to_list(), key="classes-of", width=180)
    found = ask("ablation_by_class", model=model, neurons=neurons).filter(mode=mode)
    if found.is_empty():
        empty("The corpus has no classes of tokens", 'neurons ingest STUDY.toml with [corpus] syntax = "python"')
        return
    chart(classes(found), "classes")
    numbers(found, "ablation_by_class")


if __name__ == "__main__":
    show()
