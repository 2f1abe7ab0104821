"""Which figures of the papers a report has, and how each is drawn from its question."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import altair as alt
import polars as pl

from app.charts import depth, experiments, letters, published, single_neurons, stages, training, universality
from app.charts.theme import Drawing
from ingest.settings import ROOT

_WIDTH = 640
_DRAWN_NEURONS = 4000


class Ask(Protocol):
    """Rows of a question of sql/ or sql/app/."""

    def __call__(self, name: str, **parameters: object) -> pl.DataFrame:
        """Rows."""


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        name: of its files.
        title: what it shows.
        source: paper and figure that it is drawn after.
        about: how to read it.
        draw: the chart from the warehouse's rows; None where there are none.
    """

    name: str
    title: str
    source: str
    about: str
    draw: Callable[[Ask], Drawing | None]


def themed(chart: Drawing) -> dict[str, Any]:
    """The chart's specification with its data, a width and the explorer's colours, on white."""
    theme = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    ranges = {
        "category": theme["chartCategoricalColors"],
        "ramp": theme["chartSequentialColors"],
        "heatmap": theme["chartSequentialColors"],
        "diverging": theme["chartDivergingColors"],
    }
    with alt.data_transformers.disable_max_rows():
        spec: dict[str, Any] = chart.properties(width=_WIDTH).to_dict()
    spec["config"] = {"background": "white", "font": "sans-serif", "range": ranges}
    return spec


def _models(frame: pl.DataFrame) -> list[str]:
    return frame["model"].unique(maintain_order=True).to_list()


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


def _of(name: str, drawn: Callable[[pl.DataFrame], Drawing]) -> Callable[[Ask], Drawing | None]:
    """A figure whose question has no parameters to set."""

    def draw(ask: Ask) -> Drawing | None:
        rows = ask(name)
        return None if rows.is_empty() else drawn(rows)

    return draw


def _curve(rows: pl.DataFrame) -> Drawing:
    whole = rows.filter(pl.col("n_positions") == pl.col("n_positions").max().over("model"))
    return universality.share_curve(whole, None)


def _properties_by_layer(ask: Ask) -> Drawing | None:
    rows = ask("gurnee_fig14_properties_by_layer").filter(pl.col("property") == "vocab_skew")
    if rows.is_empty():
        return None
    return letters.by_layer(rows.filter(model=_models(rows)[0]), "vocab_skew")


def _through_training(ask: Ask) -> Drawing | None:
    rows = ask("universality_through_training")
    return None if rows["step"].n_unique() < 2 else training.shares(rows)


def _ablation(ask: Ask) -> Drawing | None:
    rows = ask("ablation_contrasts")
    if rows.is_empty():
        return None
    shown = rows.filter(pl.col("scope") == "model", pl.col("control") == rows["control"].sort()[0])
    if shown.is_empty():
        return None
    name, mode = shown["neurons"].sort()[-1], shown["mode"].sort()[0]
    return experiments.against_controls(shown.filter(neurons=name, mode=mode), "loss", "excess loss, nats")


def _sweep(ask: Ask) -> Drawing | None:
    rows = ask("entropy_sweep").filter(pl.col("kind") == "value")
    if rows.is_empty():
        return None
    return single_neurons.sweep(rows.filter(model=_models(rows)[0]), "entropy", "change of the entropy, nats")


def _paths(ask: Ask) -> Drawing | None:
    rows = ask("path_ablations")
    if rows.is_empty():
        return None
    return single_neurons.paths(rows.filter(model=_models(rows)[0]))


def _agreement(ask: Ask) -> Drawing | None:
    compared = ask("published_against_measured").filter(pl.col("property") == "excess_corr")
    if compared.is_empty():
        return None
    pairs = ask("published_pairs", model=compared["model"][0], quantity="excess_corr")
    return published.against(pairs.head(_DRAWN_NEURONS), "excess_corr")


_GURNEE, _NANDAN, _LAD = "Gurnee et al. 2024", "Nandan et al. 2025", "Lad et al. 2024"
FIGURES = (
    Figure(
        "excess_distribution",
        "Excess correlation",
        f"{_GURNEE}, Figure 2a",
        "Mean best correlation less mean rotation baseline, of the first model; logarithmic counts.",
        _excess,
    ),
    Figure(
        "correlation_against_baseline",
        "Correlation against baseline",
        f"{_GURNEE}, Figure 2",
        "A neuron per point, of the first model: every universal one, and as many of the others as can be drawn.",
        _scatter,
    ),
    Figure(
        "partner_layers",
        "Layers of the best partners",
        f"{_GURNEE}, Figure 2c",
        "Share of a layer's neurons whose best partner lies in each layer of one other model.",
        _partner_layers,
    ),
    Figure(
        "property_percentiles",
        "Where universal neurons lie in their layers",
        f"{_GURNEE}, Figure 3",
        "Letter values: the darkest box holds half of the universal neurons, each further one half of the rest.",
        _of("gurnee_fig03_property_percentiles", letters.percentiles),
    ),
    Figure(
        "universal_by_layer",
        "Universal neurons by layer",
        f"{_GURNEE}, Section 4",
        "With the 95% interval over documents where it was measured.",
        _of("universal_share_by_layer", universality.shares_by_layer),
    ),
    Figure(
        "universal_over_thresholds",
        "Universal neurons over thresholds",
        "this report",
        "How much the share depends on the threshold.",
        _of("universal_share_curve", _curve),
    ),
    Figure(
        "vocabulary_kurtosis_by_depth",
        "Kurtosis over the vocabulary",
        f"{_GURNEE}, Figure 6a",
        "Quantiles over the neurons of each layer.",
        _of("layer_profiles", lambda rows: depth.quantiles(rows, "vocab_kurt", "vocabulary kurtosis", log=True)),
    ),
    Figure(
        "vocabulary_skew_by_depth",
        "Skewness over the vocabulary",
        f"{_GURNEE}, Figure 6b",
        "Quantiles over the neurons of each layer.",
        _of("layer_profiles", lambda rows: depth.quantiles(rows, "vocab_skew", "vocabulary skewness", log=False)),
    ),
    Figure(
        "vocabulary_skew_of_universal",
        "Skewness over the vocabulary, universal neurons and the rest",
        f"{_GURNEE}, Figure 14",
        "Letter values by layer, of the first model.",
        _properties_by_layer,
    ),
    Figure(
        "entropy_sweep",
        "Entropy neurons fixed at values",
        f"{_GURNEE}, Figure 7e",
        "Dashed: the mean of neurons of the same layer and nearly the same norm.",
        _sweep,
    ),
    Figure(
        "attention_paths",
        "Neurons that turn heads to BOS",
        f"{_GURNEE}, Figure 8",
        "What a neuron adds to a head's attention to BOS, against its score from the weights.",
        _paths,
    ),
    Figure(
        "ablation",
        "Sets of neurons ablated",
        _NANDAN,
        "Change of the loss beyond that of control sets, with its 95% interval.",
        _ablation,
    ),
    Figure(
        "universal_through_training",
        "Universal neurons through training",
        _NANDAN,
        "Share by checkpoint.",
        _through_training,
    ),
    Figure(
        "lens",
        "The logit lens",
        f"{_LAD}, Figure 8",
        "KL divergence of the model from the lens behind each layer, the norm recomputed there.",
        _of("logit_lens", lambda rows: stages.by_depth(rows, "lens_kl", "KL to the prediction, nats", depth="layer")),
    ),
    Figure(
        "agreement",
        "Measured against published",
        "this report",
        "A neuron per point; on the dashed line both agree.",
        _agreement,
    ),
)
