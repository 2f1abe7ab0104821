"""Neuron lists: what was kept, with its query; two of them compared; as the neurons of a study."""

from __future__ import annotations

import json
from typing import get_args

import polars as pl
import streamlit as st

from app.asking import ask
from app.errors import UnknownList
from app.keeping import keep_places
from app.lists import Algebra, NeuronList, combined, names, read_list, remove
from app.opening import opened
from app.places import Place
from app.showing import downloads, empty, section, table, told

_LISTED = 1000
_HOW = "Find neurons on the pages Universality, Families, Roles or SQL, and press `Keep as a list` below their table."


def show() -> None:
    """The whole page."""
    st.title("Neuron lists", anchor=False)
    with told():
        kept = _read()
        if not kept:
            empty("No list has been kept beside this warehouse", "neurons app")
            st.caption(_HOW)
            return
        with section("Kept lists", "Small files beside the warehouse; the warehouse itself is never written."):
            table(_overview(kept), "lists")
        _one(kept)
        with section("Compare two lists"):
            _two(kept)


def _read() -> dict[str, NeuronList]:
    """All lists; a file that is none is said to be, and left out."""
    warehouse, kept = opened().warehouse, {}
    for name in names(warehouse):
        try:
            kept[name] = read_list(warehouse, name)
        except UnknownList as error:
            st.warning(str(error), icon=":material/warning:")
    return kept


def _overview(kept: dict[str, NeuronList]) -> pl.DataFrame:
    return pl.DataFrame(
        [(n.name, len(n.neurons), ", ".join(n.models), n.kept_at, n.warehouse, n.query) for n in kept.values()],
        schema=["name", "n_neurons", "models", "kept_at", "warehouse", "query"],
        orient="row",
    )


def _one(kept: dict[str, NeuronList]) -> None:
    with section("One list", "Its neurons with what is known of them now; a click opens the neuron."):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox("List", list(kept), key="list", width=260, bind="query-params")
            if st.button("Remove this list", icon=":material/delete:", key="remove"):
                remove(opened().warehouse, name)
                st.rerun()
        chosen = kept[name]
        _members(chosen.neurons, "list")
        st.caption("Its neurons in a study's [[experiments]]:")
        st.code(f'neurons = "list:{name}"', language="toml")
        st.caption(f"Found by this query of {chosen.warehouse or 'a warehouse that is not named'}:")
        given = "".join(f"-- ${key} = {value}\n" for key, value in chosen.parameters.items() if value is not None)
        st.code(given + chosen.query, language="sql", wrap_lines=True)


def _two(kept: dict[str, NeuronList]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = kept[st.selectbox("First", list(kept), 0, key="first", width=260)]
        second = kept[st.selectbox("Second", list(kept), min(1, len(kept) - 1), key="second", width=260)]
        ways: tuple[Algebra, ...] = get_args(Algebra)
        how: Algebra = st.segmented_control("Neurons", ways, default=ways[0], required=True, key="how")
    with st.container(horizontal=True, gap="large"):
        for each in ways:
            st.metric(each, f"{len(combined(first, second, each)):,}", width="content")
    result = combined(first, second, how)
    if not result:
        st.info(f"No neuron is {how}.")
        return
    _members(result, "compared")
    keep_places("compared", result, f"list:{first.name} and list:{second.name}: the neurons {how}")


def _members(places: tuple[Place, ...], key: str) -> None:
    """The first neurons with their statistics, and all of them to download."""
    shown = [[place.model, place.layer, place.neuron] for place in places[:_LISTED]]
    table(ask("list_members", places=json.dumps(shown)), f"{key}-members", opens=True, height=320)
    if len(places) > _LISTED:
        st.caption(f"The first {_LISTED:,} of {len(places):,} neurons. All of them, without statistics:")
        columns = {"model": pl.String, "layer": pl.Int64, "neuron": pl.Int64}
        rows = [(place.model, place.layer, place.neuron) for place in places]
        downloads(pl.DataFrame(rows, schema=columns, orient="row"), f"{key}-all")


if __name__ == "__main__":
    show()
