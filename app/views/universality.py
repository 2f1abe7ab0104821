"""Universality: which neurons the seeds share, and how sure that is."""

from __future__ import annotations

from typing import Any

import polars as pl
import streamlit as st

from app.asking import ask
from app.charts.universality import (
    contrast,
    depth_map,
    excess,
    explained,
    scatter,
    share_curve,
    shares_by_layer,
)
from app.keeping import keep_answer
from app.rules import built_with
from app.showing import chart, clickable, empty, folded, numbers, open_clicked, pick_model, section, table, told
from app.views.rule_sliders import universal_sliders

_POINTS = 6000
_LISTED = 1000


def show() -> None:
    """The whole page."""
    st.title("Universality", anchor=False)
    with told():
        comparisons = ask("comparisons")
        if comparisons.is_empty():
            empty(
                "No models have been compared", "neurons ingest STUDY.toml with two or more [[models]] of other seeds"
            )
            return
        comparison, model, layer = _chosen(comparisons)
        threshold = built_with().get("universal_threshold")
        _neurons(comparison, model, layer, threshold)
        _shares(comparison, comparisons.filter(comparison=comparison)["model"].to_list(), threshold)
        _matches(model)
        _kinds(model)
        with section("Do neurons that fire alike write alike?", "Effects of best partners, beside random pairs."):
            table(ask("functional_universality", model=model), "functional_universality")
        with section(
            "Another threshold", "Calls the rule of universality, marts.rule_universal, with the sliders' values."
        ):
            universal_sliders(comparison, model)


def _chosen(comparisons: pl.DataFrame) -> tuple[str, str, int | None]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = comparisons["comparison"].unique(maintain_order=True).to_list()
        comparison = st.selectbox("Comparison", names, key="comparison", width=200, bind="query-params")
        models = comparisons.filter(comparison=comparison)["model"].to_list()
        model = pick_model("Model", models, "of") or models[0]
        depth = ask("models").filter(model=model)["n_layers"][0]
        layer = st.selectbox(
            "Layer",
            [None, *range(depth)],
            format_func=lambda each: "all layers" if each is None else str(each),
            key=f"layer-of-{depth}",
            width=160,
        )
    return comparison, model, layer


def _neurons(comparison: str, model: str, layer: int | None, threshold: float | None) -> None:
    where: dict[str, Any] = {"comparison": comparison, "model": model, "layer": layer}
    left, right = st.columns(2, gap="large")
    with (
        left,
        section(
            "Correlation against baseline",
            "A neuron per point; a click opens it. Dashed: no excess, and the threshold.",
        ),
    ):
        points = ask("correlation_scatter", **where, n=_POINTS)
        if points.is_empty():
            st.info("No neuron of this layer is alive and compared.")
        else:
            if points["n_all"][0] > points.height:
                st.caption(f"{points.height:,} of {points['n_all'][0]:,} neurons: all universal ones, and some others")
            open_clicked(scatter(points, threshold), "scatter")
    with (
        right,
        section(
            "Excess correlation", "Mean best correlation minus mean rotation baseline; a click lists a bar's neurons."
        ),
    ):
        _listed(clickable(excess(ask("excess_histogram", **where), threshold), "excess"), "excess_neurons", where)
    with folded("The universal neurons, the most universal first", "universal-open") as is_open:
        if not is_open:
            return
        table(ask("universal_neurons", model=model, layer=layer).head(_LISTED), "universal", opens=True)
        keep_answer("universal", "universal_neurons", model=model, layer=layer)


def _listed(picked: dict[str, Any] | None, name: str, where: dict[str, Any]) -> None:
    """The neurons of what was clicked in a chart above."""
    if picked is not None:
        table(ask(name, **where, **picked, n=_LISTED), name, opens=True, height=280)
        keep_answer(name, name, **where, **picked)


def _shares(comparison: str, models: list[str], threshold: float | None) -> None:
    left, right = st.columns(2, gap="large")
    with left, section("Share by layer", "The line is the 95% interval over groups of documents. Comparison: seeds."):
        layers = ask("universal_share_by_layer")
        chart(shares_by_layer(layers), "shares")
        numbers(layers, "universal_share_by_layer")
    with right, section("Share over thresholds", "The band is the 95% interval over groups of documents."):
        curve = ask("share_curve", comparison=comparison).filter(pl.col("model").is_in(models))
        chart(share_curve(curve.filter("is_whole"), threshold), "curve")
        numbers(curve, "universality_curve")


def _matches(model: str) -> None:
    left, right = st.columns(2, gap="large")
    with (
        left,
        section(
            "Where the best matches are",
            "Of the neurons of each layer, the layers of their best partners; a click lists a cell's neurons.",
        ),
    ):
        pairs = ask("match_pairs").filter(model=model)
        others = pairs["other_model"].to_list()
        other = st.selectbox("Partner model", others, key=f"other-of-{model}", width=200)
        found = ask("layer_matches", model=model, other_model=other)
        pair = {"model": model, "other_model": other}
        _listed(clickable(depth_map(found), f"depth-map-{model}-{other}"), "matched_neurons", pair)
        numbers(found, "layer_matches")
    with right, section("What sets universal neurons apart", "The eight properties of Gurnee et al. 2024."):
        every = st.toggle("all models", key="contrast-all")
        rows = ask("property_contrast", model=None if every else model)
        if rows["n_universal"].sum() == 0:
            st.info("No neuron of this model is universal under the threshold.")
        else:
            chart(contrast(rows), "contrast")
        numbers(rows, "property_contrast")


def _kinds(model: str) -> None:
    with section("Universal and explained", "Explained: it has a family. A click on a cell lists its neurons."):
        cells = ask("universal_against_explained", model=model)
        if cells.is_empty():
            empty("Families were not measured", "neurons ingest STUDY.toml with [measure] features = true")
            return
        left, right = st.columns(2, gap="large")
        with left:
            picked = clickable(explained(cells), "cells")
        with right:
            if picked is None:
                st.caption("Click a cell.")
                table(cells, "explained_universality")
            else:
                cell = {"is_universal": picked["is_universal"], "is_explained": picked["is_explained"]}
                table(ask("explained_neurons", model=model, **cell, n=_LISTED), "cell", opens=True, height=320)
                keep_answer("cell", "explained_neurons", model=model, **cell)


if __name__ == "__main__":
    show()
