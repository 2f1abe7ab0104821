"""Keeping what a filter or a query found as a named list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import polars as pl
import streamlit as st

from app.asking import Parameter, connection, question_of
from app.errors import BadList, ReaderError
from app.lists import MOST, NeuronList, keep
from app.opening import opened
from app.places import Place
from app.sandbox import run_query

_TIMEOUT_S = 60.0


def keep_answer(key: str, name: str, **parameters: Parameter) -> None:
    """Offers to keep all neurons of a named query's answer, not only those that a page has room for.

    Args:
        key: of the button on its page.
        name: of the query, as in `ask`.
        parameters: values of its parameters; one that is left out, such as a limit, is NULL.
    """
    keep_query(key, question_of(name).sql, parameters)


def keep_query(key: str, sql: str, parameters: Mapping[str, object]) -> None:
    """Offers to keep all neurons that a query finds; its rows have model, layer and neuron."""

    def found() -> list[Place]:
        answer = run_query(connection(), sql, parameters, _TIMEOUT_S, MOST)
        if answer.truncated:
            raise BadList(f"more than {MOST:,} rows were found: narrow the query")
        rows = answer.frame.select("model", "layer", "neuron").drop_nulls().unique()
        return places_of(rows)

    _keep(key, found, sql.strip(), parameters)


def keep_places(key: str, places: tuple[Place, ...], said: str) -> None:
    """Offers to keep neurons that follow from other lists; `said` tells how."""
    _keep(key, lambda: list(places), said, {})


def places_of(rows: pl.DataFrame) -> list[Place]:
    """The neurons of rows that have a model, a layer and a neuron."""
    return [Place(str(model), int(layer), int(neuron)) for model, layer, neuron in rows.iter_rows()]


def _keep(key: str, found: Callable[[], list[Place]], query: str, parameters: Mapping[str, object]) -> None:
    with st.popover("Keep as a list", icon=":material/bookmark_add:", type="tertiary", key=f"keep-{key}"):
        name = st.text_input("Name of the list", key=f"keep-name-{key}", placeholder="position-neurons")
        if not st.button("Keep", key=f"keep-button-{key}", type="primary"):
            return
        source, now = opened(), datetime.now(UTC).isoformat(timespec="seconds")
        version = f"{source.warehouse.stem}, version {source.identity.split('-')[0]}"
        try:
            kept = NeuronList(name or "", tuple(found()), query, parameters, version, now)
            keep(source.warehouse, kept)
        except ReaderError as error:
            st.warning(str(error), icon=":material/warning:")
            return
        st.success(f'{len(set(kept.neurons)):,} neurons are kept. In a study: `neurons = "list:{kept.name}"`')
