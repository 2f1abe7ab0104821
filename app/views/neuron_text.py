"""Try a text: this neuron's activation at each token, and the neurons that fire most at one of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import streamlit as st

from app.asking import ask
from app.errors import NoWeights
from app.passages import Passage, legend_html, passages_html
from app.places import Place
from app.showing import downloads, table
from app.views.neuron_examples import rows, scale_of
from app.weights import tried

if TYPE_CHECKING:
    from ingest.recipes.trying import TriedText

_LISTED = 100
_ORDERS = {"deviation": "standard deviations above their mean", "activation": "activation"}


def try_text(place: Place) -> None:
    """A field for a text; once one was typed, it is read for every neuron that is opened."""
    with st.form("try", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_area(
            "Text to try", key="text-to-try", height=80, placeholder="A sentence or a few lines of code"
        )
        st.form_submit_button("Try it", icon=":material/play_arrow:")
    if not text:
        return
    folder = st.session_state.get(f"weights-of-{place.model}") or None
    try:
        found = tried(place.model, text, folder)
    except NoWeights as error:
        st.info(f"{str(error)[0].upper()}{str(error)[1:]}.", icon=":material/info:")
        st.text_input(
            f"Folder with the weights of {place.model}, as Hugging Face models are saved",
            key=f"weights-of-{place.model}",
        )
        return
    _passage(place, found)
    _firing(place, found)


def _passage(place: Place, found: TriedText) -> None:
    own = [float(value) for value in found.activations[:, place.layer, place.neuron]]
    peak = max(range(len(own)), key=own.__getitem__)
    # The strongest colour is the largest example's, unless the typed text goes beyond it.
    scale = max(scale_of([rows(place, "top", whole=False)]), *map(abs, own))
    st.html(legend_html(min(own), scale))
    st.html(passages_html([Passage(found.tokens, found.token_ids, own, 0, peak)], scale))
    if found.n_left_out:
        st.caption(f"The first {len(own)} tokens; {found.n_left_out} more were left out.")
    downloads(
        pl.DataFrame({"token": found.tokens, "token_id": found.token_ids, "activation": own}), f"text-{place.label}"
    )


def _firing(place: Place, found: TriedText) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at = st.selectbox(
            "Neurons that fire most at",
            range(len(found.tokens)),
            format_func=lambda i: f"{i}: {found.tokens[i]!r}",
            key=f"at-token-{len(found.tokens)}",
            width=240,
        )
        by = st.segmented_control(
            "by",
            list(_ORDERS),
            format_func=lambda each: _ORDERS[each],
            default="deviation",
            required=True,
            key="fire-by",
        )
    activations = json.dumps([[round(value, 5) for value in layer] for layer in found.activations[at].tolist()])
    firing = ask("neurons_at_token", model=place.model, activations=activations, by=by, n=_LISTED)
    table(firing, "firing", opens=True, height=320)
