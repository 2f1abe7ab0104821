"""The one door to a model's weights: a typed text is run through them. torch comes in with the first text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app.asking import ask
from app.errors import NoWeights
from app.opening import opened

if TYPE_CHECKING:
    from ingest.recipes.trying import OpenModel, TriedText


def tried(model: str, text: str, folder: str | None) -> TriedText:
    """Activations of a model's neurons on a text.

    Args:
        model: its name.
        text: what was typed.
        folder: of its weights, where they are not where the study had them.

    Raises:
        NoWeights: they are not at hand.
        NoText: the text has no token.
    """
    found = ask("weights_of_model", model=model)
    if found.is_empty():
        raise NoWeights(f"this warehouse does not say where the weights of {model} were")
    row = found.row(0, named=True)
    place = (model, row["source"], row["revision"], row["weights_hash"], str(opened().warehouse), folder)
    return _read(place, text, has_bos=row["bos"] == "row")


@st.cache_data(max_entries=8, show_spinner="Reading the text")
def _read(place: tuple[str, str, str | None, str, str, str | None], text: str, *, has_bos: bool) -> TriedText:
    return _opened(place).read(text, bos=has_bos)


# One at a time: a reader of several models in turn does not fill the memory with them.
@st.cache_resource(max_entries=1, show_spinner="Loading the weights")
def _opened(place: tuple[str, str, str | None, str, str, str | None]) -> OpenModel:
    from ingest.recipes.trying import open_model

    name, source, revision, measured, warehouse, folder = place
    return open_model(name, source, revision, measured, [Path(warehouse).parent, Path.cwd()], folder)
