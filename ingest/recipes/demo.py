"""The demo: the shipped study on the shipped models, from text to a table of universal neurons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.formats import table
from app.sandbox import run_query
from ingest.recipes.build import build_marts
from ingest.recipes.ingest import ingest
from ingest.settings import STUDIES
from ingest.study import read_study

_SHARES = """
    select model, n_neurons, n_universal, pct_universal, mean_corr, mean_baseline
    from universality
    order by model
"""


def run_demo(warehouse: Path, say: Callable[[str], None]) -> None:
    """Ingest the demo study, build, and print each model's share of universal neurons.

    Args:
        warehouse: DuckDB file, made if it does not exist.
        say: called with lines for the user.

    Raises:
        NeuronsError: as `ingest` and `build_marts` do.
    """
    study = read_study(STUDIES / "demo.toml")
    outcome = ingest(study, warehouse, say)
    if outcome.was_finished:
        say(f"run {outcome.run} was finished before")
    build_marts(warehouse, say)
    say("")
    say(share_table(warehouse))
    say("Next: neurons sql universal_neurons -p model=demo-1   (neurons sql alone lists the questions)")


def share_table(warehouse: Path) -> str:
    """The models' shares of universal neurons, as text."""
    return table(run_query(warehouse, _SHARES))
