"""What a figure of a report is, and how it gets its colours."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import altair as alt
import polars as pl

from app.charts.theme import Drawing
from ingest.settings import ROOT

GURNEE, NANDAN, LAD = "Gurnee et al. 2024", "Nandan et al. 2025", "Lad et al. 2024"
_WIDTH = 640


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
        source: paper and figure that it is drawn after; nothing if it is after none.
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


def models_of(frame: pl.DataFrame) -> list[str]:
    """Models in the order of the rows."""
    return frame["model"].unique(maintain_order=True).to_list()


def of(name: str, drawn: Callable[[pl.DataFrame], Drawing]) -> Callable[[Ask], Drawing | None]:
    """A figure whose question has no parameters to set."""

    def draw(ask: Ask) -> Drawing | None:
        rows = ask(name)
        return None if rows.is_empty() else drawn(rows)

    return draw
