"""The demo: the shipped study on the shipped models, from text to a table of universal neurons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.formats import table
from app.sandbox import run_query
from ingest.recipes.build import build_marts
from ingest.recipes.ingest import ingest
from ingest.recipes.train_demo import Training, train_all
from ingest.settings import STUDIES
from ingest.study import Model, Study, read_study

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
    measure_shares(read_study(STUDIES / "demo.toml"), warehouse, say)
    say("Next: neurons sql universal_neurons -p model=demo-1   (neurons sql alone lists the questions)")


def train_and_measure(plans: list[Training], *, threads: int, say: Callable[[str], None]) -> None:
    """Train demo models, then measure their share of universal neurons in a warehouse of their own.

    Args:
        plans: one per seed.
        threads: CPU threads; the bits of the result depend on their number.
        say: called with lines for the user.

    Raises:
        NeuronsError: as `ingest` and `build_marts` do.
    """
    train_all(plans, threads=threads, say=say)
    if len(plans) < 2:
        return
    models = [
        Model(name=f"demo-{p.seed}", path=str(p.last_folder.resolve()), model_family="demo", seed=p.seed, step=p.steps)
        for p in plans
    ]
    study = read_study(STUDIES / "demo.toml").model_copy(update={"models": models})
    measure_shares(study, plans[0].state / "neurons.duckdb", say)


def measure_shares(study: Study, warehouse: Path, say: Callable[[str], None]) -> None:
    """Ingest a study, build, and print each model's share of universal neurons.

    Args:
        study: of models that are each other's seeds.
        warehouse: DuckDB file, made if it does not exist.
        say: called with lines for the user.

    Raises:
        NeuronsError: as `ingest` and `build_marts` do.
    """
    outcome = ingest(study, warehouse, say)
    if outcome.was_finished:
        say(f"run {outcome.run} was finished before")
    build_marts(warehouse, say)
    say("")
    say(table(run_query(warehouse, _SHARES)))
