"""The command `neurons`. Every command imports what it needs when it runs: a process start stays cheap."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

import click

from app.errors import ReaderError
from ingest.errors import InputError, NeuronsError, is_out_of_memory
from ingest.settings import DEMO_MODELS, DEMO_TRAINING, warehouse_path

_WAREHOUSE = click.option(
    "--warehouse",
    help="DuckDB file, or an exported folder, here or in object storage (s3://...); default: $NEURONS_WAREHOUSE, else "
    "warehouse/neurons.duckdb.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="neuron-warehouse")
def cli() -> None:
    """Which neurons do independently trained language models share? Measure, build, ask."""


@cli.command()
@_WAREHOUSE
def demo(warehouse: str | None) -> None:
    """The demo study: ingest, dbt build, printed result."""
    from ingest.recipes.demo import run_demo

    run_demo(warehouse_path(warehouse), click.echo)


@cli.command("train-demo")
@click.option("--seed", "seeds", type=int, multiple=True, help="Only these seeds; default: 1 to 5, one after another.")
@click.option("--tokens", type=click.IntRange(min=2048 * 100), default=25_000_000, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="torch device.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
@click.option("--out", type=click.Path(path_type=Path), default=DEMO_MODELS, help="Folder of the finished models.")
@click.option("--state", type=click.Path(path_type=Path), default=DEMO_TRAINING, help="Folder of resumable states.")
def train_demo(seeds: tuple[int, ...], tokens: int, device: str, threads: int, out: Path, state: Path) -> None:
    """Train the demo models again and measure their share of universal neurons; may be stopped and started."""
    from ingest.recipes.demo import train_and_measure
    from ingest.recipes.train_demo import Training

    plans = [Training(seed, tokens, out, state, device) for seed in seeds or range(1, 6)]
    train_and_measure(plans, threads=threads, say=click.echo)


@cli.command()
@click.argument("study", type=click.Path(path_type=Path))
@_WAREHOUSE
@click.option("--on", metavar="WHERE", help="Share the measures out: devices, ray, or ray://HOST:PORT.")
@click.option("--workers", type=click.IntRange(min=1), help="With --on devices or ray: how many. [default: as fit]")
def ingest(study: Path, warehouse: str | None, on: str | None, workers: int | None) -> None:
    """Measure what STUDY names and run its experiments; may be stopped and started again."""
    if workers is not None and on is None:
        raise click.UsageError("--workers needs --on devices or --on ray")
    from ingest.study import read_study

    checked = read_study(study)
    from ingest.recipes.ingest import ingest as run

    outcome = run(checked, warehouse_path(warehouse), click.echo, on, workers)
    also = f" with its {outcome.n_experiments} experiments" if outcome.n_experiments else ""
    if outcome.was_finished:
        click.echo(f"run {outcome.run}{also} was finished before: nothing to do")
    else:
        click.echo(f"run {outcome.run}{also} is finished; next: neurons build")


@cli.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--on",
    "machine",
    type=click.Choice(["here", "h200"]),
    default="here",
    show_default=True,
    help="Machine the time is for: this one, tried for a few seconds, or an H200 by its data sheet.",
)
@click.option(
    "--devices",
    type=click.IntRange(min=1),
    help="Equal devices that compute it in shares (neurons ingest --on); default: one process.",
)
def plan(study: Path, machine: str, devices: int | None) -> None:
    """What STUDY would cost: passes, FLOPs, memory, time, bytes; needs each model's config.json, writes nothing."""
    from ingest.study import read_study

    checked = read_study(study)
    from ingest.recipes.estimate import print_estimate

    print_estimate(checked, machine=machine, devices=devices, say=click.echo)


@cli.command()
@_WAREHOUSE
@click.option("--full-refresh", is_flag=True, help="Rebuild incremental tables too.")
@click.option("--vars", "variables", default=None, help="dbt vars as YAML, such as '{universal_threshold: 0.4}'.")
def build(warehouse: str | None, full_refresh: bool, variables: str | None) -> None:
    """dbt build on the warehouse, then publish it to readers."""
    from ingest.recipes.build import build_marts

    build_marts(warehouse_path(warehouse), click.echo, full_refresh=full_refresh, variables=variables)


@cli.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="Name of the model, such as stanford-gpt2-small-a.")
@click.option("--layers", type=click.IntRange(min=1, max=65_535), help="Blocks of a model that is not known by name.")
@click.option("--d-mlp", type=click.IntRange(min=1), help="Neurons per layer of a model that is not known by name.")
@_WAREHOUSE
def import_published(path: Path, model: str, layers: int | None, d_mlp: int | None, warehouse: str | None) -> None:
    """Take a published frame of neurons (CSV or Parquet) into the warehouse."""
    from ingest.recipes.importing import import_frame

    done = import_frame(path, model, warehouse_path(warehouse), n_layers=layers, d_mlp=d_mlp)
    if done.was_there:
        click.echo(f"{path.name} was imported before: nothing to do")
        return
    click.echo(f"{model}: {done.n_rows:,} of {done.n_neurons:,} neurons, {', '.join(done.columns)}")
    if done.is_universal_subset:
        click.echo("every one of them is universal: the other neurons count as not universal")
    click.echo(f"run {done.run} is finished; next: neurons build")


@cli.command()
@click.argument("question", required=False)
@click.option("-c", "command", help="A query instead of a question.")
@click.option("-p", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the question; repeatable.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json", "parquet"]), default="table")
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds.")
@_WAREHOUSE
def sql(
    question: str | None,
    command: str | None,
    parameters: tuple[str, ...],
    form: Any,
    out: Path | None,
    timeout: float,
    warehouse: str | None,
) -> None:
    """Ask QUESTION (a name from the list, or a .sql FILE), or run any read-only query; alone, list the questions."""
    from ingest.recipes.ask import ask, list_questions

    if question is None and command is None:
        click.echo(list_questions())
        return
    if question is not None and command is not None:
        raise InputError("give a question or -c, not both")
    ask(question, command, parameters, form=form, out=out, timeout=timeout, warehouse=warehouse_path(warehouse))


@cli.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), help="Folder for PNG and SVG files.")
@_WAREHOUSE
def report(out: Path, figures: Path | None, warehouse: str | None) -> None:
    """The papers' figures and tables from this warehouse, published beside ours, as one HTML file OUT."""
    from ingest.recipes.report import report as run

    run(warehouse_path(warehouse), out, figures, click.echo)


@cli.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--parquet", "form", flag_value="parquet", help="Parquet files of every mart, for any tool (the default)."
)
@click.option("--duckdb", "form", flag_value="duckdb", help="One DuckDB file, which the explorer opens too.")
@_WAREHOUSE
def export(folder: Path, form: Any, warehouse: str | None) -> None:
    """Marts as files that someone else can open, with a README of every column, in a new folder DIR."""
    from ingest.recipes.export import export as run

    run(warehouse_path(warehouse), folder, form or "parquet", click.echo)


@cli.command("app")
@_WAREHOUSE
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option("--browser/--no-browser", default=True, help="Open it in a browser.")
def explorer(warehouse: str | None, port: int, browser: bool) -> None:
    """The explorer, in the browser, on what was published last."""
    from ingest.recipes.explore import open_explorer

    sys.exit(open_explorer(warehouse_path(warehouse), click.echo, port=port, browser=browser))


@cli.command()
@_WAREHOUSE
def status(warehouse: str | None) -> None:
    """Runs, parts done, tables and their sizes."""
    from ingest.recipes.status import print_status

    print_status(warehouse_path(warehouse), click.echo)


def main() -> None:
    """Run the command line; every foreseen error is one line."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("stopped; start the same command again, finished parts are kept", 1)
    except click.ClickException as error:
        _fail(error.format_message(), 2)
    except NeuronsError as error:
        _fail(str(error), error.exit_code)
    except ReaderError as error:
        _fail(str(error), 2)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            _fail("the disk is full: make room and start again, finished parts are kept", 2)
        if is_out_of_memory(error):
            _fail("memory ran out; in a study, lower [device] memory or [device] batch_rows", 2)
        raise


def _fail(text: str, code: int) -> None:
    click.echo(f"neurons: {text}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
