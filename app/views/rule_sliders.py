"""Sliders that call a rule live: what would enter, what would leave, and the values as dbt vars."""

from __future__ import annotations

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.families import moves
from app.rules import as_vars, built_with
from app.showing import chart, table, told

_LISTED = 500
_FAMILY_VARS = (
    "unigram_cutoff",
    "alphabet_cutoff",
    "previous_token_cutoff",
    "position_cutoff",
    "syntax_cutoff",
    "semantic_cutoff",
)


@st.fragment
@told()
def family_sliders(model: str) -> None:
    """Cut-offs of the families of one model."""
    st.caption(f"{model}, against the marts as they were built")
    columns = st.columns(3)
    values = {}
    for i, name in enumerate(_FAMILY_VARS):
        with columns[i % 3]:
            label = name.removesuffix("_cutoff").replace("_", " ")
            values[name] = _slider(name, f"{label}: reduction in variance above", 1.0)
    values["support_cutoff"] = _support(model)
    counts = ask("family_counts_then", model=model, **values)
    moved = counts.filter(pl.col("family_now") != pl.col("family_then"))
    if not _changed(values, moved.is_empty()):
        return
    chart(moves(counts), "moves")
    found = ask("family_changes", model=model, **values, n=_LISTED)
    for family in sorted({*moved["family_now"], *moved["family_then"]}):
        enter = moved.filter(family_then=family)["n_neurons"].sum()
        leave = moved.filter(family_now=family)["n_neurons"].sum()
        st.write(f"**{family}**: {enter:,} enter, {leave:,} leave")
    table(found, "family_changes", opens=True, height=320)


@st.fragment
@told()
def role_sliders(model: str) -> None:
    """Cut-offs of the roles of one model."""
    st.caption(f"{model}, against the marts as they were built")
    ranges = ask("score_ranges", model=model).row(0, named=True)
    sliders: dict[str, tuple[str, float | None]] = {
        "role_kurt_cutoff": ("prediction, suppression: kurtosis above", ranges["largest_kurt"]),
        "role_var_cutoff": ("partition: variance above", ranges["largest_var"]),
        "role_attention_cutoff": ("attention: score above", ranges["largest_attention"]),
        "role_entropy_l2_cutoff": ("entropy: l2_penalty from", ranges["largest_l2"]),
        "role_entropy_var_cutoff": ("entropy: variance up to", ranges["largest_var"]),
        "role_entropy_norm_share": ("entropy: share of smaller w_out", 1.0),
    }
    columns = st.columns(3)
    values: dict[str, float] = {}
    for i, (name, (label, largest)) in enumerate(sliders.items()):
        with columns[i % 3]:
            values[name] = _slider(name, label, largest or 0.0)
    choices = {
        "role_null_share": ("above this share of random directions", ask("null_shares")["share"].to_list()),
        "role_null_part": ("entropy: part of the null space", ask("null_parts")["part"].to_list()),
        "role_entropy_layers": ("entropy: in the last layers", list(range(1, int(ranges["n_layers"] or 1) + 1))),
    }
    for column, (name, (label, options)) in zip(st.columns(3), choices.items(), strict=True):
        with column:
            built = built_with().get(name)
            start = options.index(built) if built in options else 0
            values[name] = float(st.selectbox(label, options, start, key=f"choice-{name}") or 0.0)
    counts = ask("role_counts_then", model=model, **values)
    same = counts.filter(
        (pl.col("n_now") != pl.col("n_then")) | (pl.col("n_published_now") != pl.col("n_published_then"))
    ).is_empty()
    table(counts, "role_counts_then")
    if _changed(values, same):
        table(ask("role_changes", model=model, **values, n=_LISTED), "role_changes", opens=True, height=320)


@st.fragment
@told()
def universal_sliders(comparison: str, model: str) -> None:
    """Threshold of universality for one model."""
    st.caption(f"{model}, comparison {comparison}, against the marts as they were built")
    left, right = st.columns(2)
    with left:
        threshold = _slider("universal_threshold", "excess correlation above", 1.0)
    with right:
        support = _support(model)
    values = {"universal_threshold": threshold, "support_cutoff": support}
    counts = ask("universal_counts_then", comparison=comparison, model=model, **values).row(0, named=True)
    with st.container(horizontal=True, gap="large"):
        for name, label in (("", "universal"), ("_yes", "surely universal"), ("_undecided", "undecided")):
            now, then = counts[f"n{name}_now"], counts[f"n{name}_then"]
            st.metric(label, f"{then:,}", f"{then - now:+,}" if then != now else None, "off", width="content")
    found = ask("universal_changes", comparison=comparison, model=model, **values, n=_LISTED)
    if _changed(values, found.is_empty()):
        table(found, "universal_changes", opens=True, height=320)


def _slider(name: str, label: str, largest: float) -> float:
    """A slider from 0 to the largest score there is, starting where the marts were built."""
    built = built_with().get(name, 0.0)
    top = max(float(largest or 0.0), 2 * built) or 1.0
    # A hundred steps, of which one is where the marts are.
    step = built / max(1, round(100 * built / top)) if built else top / 100
    return float(st.slider(label, 0.0, top, built, step, key=f"slider-{name}", format="%.4g"))


def _support(model: str) -> float:
    largest = ask("score_ranges", model=model)["largest_support"][0]
    return _slider("support_cutoff", "support at least, positions", largest or 0.0)


def _changed(values: dict[str, float], same: bool) -> bool:
    """Says how to keep the values; whether any neuron changes."""
    command = as_vars(values)
    if not command:
        st.caption("The sliders are where the marts were built.")
        return False
    st.caption("To keep these cut-offs:")
    st.code(command, language="shell")
    if same:
        st.info("No neuron changes.")
    return not same
