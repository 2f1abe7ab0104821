"""Which figures of the papers a report has, and how each is drawn from its question."""

from __future__ import annotations

import polars as pl

from app.charts import depth, letters, published, universality
from app.charts.theme import Drawing
from ingest.recipes.report_drawing import GURNEE, Ask, Figure, models_of, of
from ingest.recipes.report_experiments import EXPERIMENT_FIGURES

_DRAWN_NEURONS = 4000


def _first(ask: Ask) -> str | None:
    """The first model with a share of universal neurons."""
    rows = ask("universal_share_by_layer")
    return None if rows.is_empty() else str(rows["model"][0])


def _excess(ask: Ask) -> Drawing | None:
    if (model := _first(ask)) is None:
        return None
    bins = ask("excess_histogram", comparison="seeds", model=model)
    return None if bins.is_empty() else universality.excess(bins, None)


def _scatter(ask: Ask) -> Drawing | None:
    if (model := _first(ask)) is None:
        return None
    rows = ask("correlation_scatter", comparison="seeds", model=model, n=_DRAWN_NEURONS)
    return None if rows["mean_corr"].count() == 0 else universality.scatter(rows, None)


def _partner_layers(ask: Ask) -> Drawing | None:
    rows = ask("layer_matches")
    if rows.is_empty():
        return None
    first = rows.row(0, named=True)
    return universality.depth_map(rows.filter(model=first["model"], other_model=first["other_model"]))


def _curve(rows: pl.DataFrame) -> Drawing:
    whole = rows.filter(pl.col("n_positions") == pl.col("n_positions").max().over("model"))
    return universality.share_curve(whole, None)


def _properties_by_layer(ask: Ask) -> Drawing | None:
    rows = ask("gurnee_fig14_properties_by_layer").filter(pl.col("property") == "vocab_skew")
    if rows.is_empty():
        return None
    return letters.by_layer(rows.filter(model=models_of(rows)[0]), "vocab_skew")


def _agreement(ask: Ask) -> Drawing | None:
    compared = ask("published_against_measured").filter(pl.col("property") == "excess_corr")
    if compared.is_empty():
        return None
    pairs = ask("published_pairs", model=compared["model"][0], quantity="excess_corr")
    return published.against(pairs.head(_DRAWN_NEURONS), "excess_corr")


FIGURES = (
    Figure(
        "excess_distribution",
        "Excess correlation",
        f"{GURNEE}, Figure 2a",
        "Mean best correlation less mean rotation baseline, of the first model; logarithmic counts.",
        _excess,
    ),
    Figure(
        "correlation_against_baseline",
        "Correlation against baseline",
        f"{GURNEE}, Figure 2",
        "A neuron per point, of the first model: every universal one, and as many of the others as can be drawn.",
        _scatter,
    ),
    Figure(
        "partner_layers",
        "Layers of the best partners",
        f"{GURNEE}, Figure 2c",
        "Share of a layer's neurons whose best partner lies in each layer of one other model.",
        _partner_layers,
    ),
    Figure(
        "property_percentiles",
        "Where universal neurons lie in their layers",
        f"{GURNEE}, Figure 3",
        "Letter values: the darkest box holds half of the universal neurons, each further one half of the rest.",
        of("gurnee_fig03_property_percentiles", letters.percentiles),
    ),
    Figure(
        "universal_by_layer",
        "Universal neurons by layer",
        f"{GURNEE}, Section 4",
        "With the 95% interval over documents where it was measured.",
        of("universal_share_by_layer", universality.shares_by_layer),
    ),
    Figure(
        "universal_over_thresholds",
        "Universal neurons over thresholds",
        "",
        "How much the share depends on the threshold.",
        of("universal_share_curve", _curve),
    ),
    Figure(
        "vocabulary_kurtosis_by_depth",
        "Kurtosis over the vocabulary",
        f"{GURNEE}, Figure 6a",
        "Quantiles over the neurons of each layer.",
        of("layer_profiles", lambda rows: depth.quantiles(rows, "vocab_kurt", "vocabulary kurtosis", log=True)),
    ),
    Figure(
        "vocabulary_skew_by_depth",
        "Skewness over the vocabulary",
        f"{GURNEE}, Figure 6b",
        "Quantiles over the neurons of each layer.",
        of("layer_profiles", lambda rows: depth.quantiles(rows, "vocab_skew", "vocabulary skewness", log=False)),
    ),
    Figure(
        "vocabulary_skew_of_universal",
        "Skewness over the vocabulary, universal neurons and the rest",
        f"{GURNEE}, Figure 14",
        "Letter values by layer, of the first model.",
        _properties_by_layer,
    ),
    *EXPERIMENT_FIGURES,
    Figure(
        "agreement",
        "Measured against published",
        "",
        "A neuron per point; on the dashed line both agree.",
        _agreement,
    ),
)
