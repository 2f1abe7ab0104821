"""`dbt build` on the warehouse, as a process of its own, then publishing. Run it as `neurons build`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import yaml

from app.publish import publish
from app.warehouse import writer_of
from ingest.errors import InputError, RunFailed, first_line
from ingest.raw.warehouse import RawWarehouse, held, when_free
from ingest.settings import ROOT

_NOTHING_YET = "no run is finished in this warehouse: run `neurons demo` or `neurons ingest STUDY.toml` first"


def build_marts(
    warehouse: Path, say: Callable[[str], None], *, full_refresh: bool = False, variables: str | None = None
) -> None:
    """Build every dbt model and test its data, then publish the warehouse to readers.

    Unit tests are left to `dbt test`: they have their own input, whatever is in the warehouse.

    Args:
        warehouse: DuckDB file with raw tables.
        say: called with lines for the user.
        full_refresh: rebuild incremental tables too.
        variables: dbt vars as YAML.

    Raises:
        InputError: if there is nothing to build from, or another process holds the warehouse.
        RunFailed: if a model or a test fails.
    """
    raw = RawWarehouse(warehouse)
    raw.check()
    if not len(raw.read("select run from raw.runs where status = 'finished'")):
        raise InputError(_NOTHING_YET)
    raw.write([])  # a warehouse of an older version gets the tables that it lacks, empty
    started = time.monotonic()
    say("dbt build")
    folder = warehouse.parent
    command = [sys.executable, "-m", "dbt.cli.main", "build", "--quiet", "--no-use-colors"]
    command += ["--exclude-resource-type", "unit_test"]
    command += ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT)]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    command += ["--full-refresh"] if full_refresh else []
    command += ["--vars", _checked(variables)] if variables is not None else []
    environment = os.environ | {"NEURONS_WAREHOUSE": str(warehouse), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        if "PID" in done.stdout and "lock" in done.stdout:
            raw.check()
        raise RunFailed(f"dbt build failed; its log is {folder / 'logs' / 'dbt.log'}\n{done.stdout.strip()}")
    say(f"{_summary(folder / 'target' / 'run_results.json')} in {time.monotonic() - started:.0f} s")
    if version := when_free(lambda: _published(warehouse), say):
        say(f"published as version {version.stem}")


def _summary(results: Path) -> str:
    """What dbt did, in words."""
    kinds = [result["unique_id"].split(".")[0] for result in json.loads(results.read_text())["results"]]
    return f"{kinds.count('model')} models built, {kinds.count('test')} tests passed"


def _published(warehouse: Path) -> Path | None:
    """Publish.

    Raises:
        WarehouseBusy: if an ingest took the file in the meantime.
        RunFailed: if the copy cannot be made.
    """
    try:
        return publish(warehouse)
    except duckdb.Error as error:
        holder = writer_of(error)
        if holder is not None:
            raise held(warehouse, holder) from None
        raise RunFailed(f"the marts are built, but publishing them failed: {first_line(error)}") from None


def _checked(variables: str) -> str:
    """dbt vars, if the project knows all of them.

    Raises:
        InputError: if one is unknown, or they are no YAML mapping.
    """
    known = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    try:
        given = yaml.safe_load(variables)
    except yaml.YAMLError:
        given = None
    if not isinstance(given, dict):
        raise InputError(f"--vars {variables}: write a YAML mapping, such as '{{universal_threshold: 0.4}}'")
    for name in given:
        if name not in known:
            raise InputError(f"--vars: there is no var {name}; known: {', '.join(known)}")
    return variables
