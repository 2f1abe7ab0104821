"""A published frame of neurons, taken into the warehouse. Run it as `neurons import`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import polars as pl

from ingest.errors import InputError
from ingest.published.frames import KEY, Frame, read_frame
from ingest.published.models import PublishedModel, known_names, published_model
from ingest.raw.warehouse import RawWarehouse
from ingest.tables import IMPORTED_NEURONS, IMPORTS, RUNS

# The published rule, by which universal subsets were cut.
UNIVERSAL_ABOVE = 0.5
# Checkpoints of one run differ by less: a tenth of the standard deviation within the layer, or 0.2% of the value.
_SAME_WITHIN_SD = 0.1
_SAME_WITHIN = 0.002


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        run: its id.
        was_there: whether this very file had been imported before.
        n_rows: neurons of the file.
        n_neurons: neurons of the model.
        columns: what the file knows.
        is_universal_subset: whether the file is taken as all universal neurons of the model.
    """

    run: str
    was_there: bool
    n_rows: int
    n_neurons: int
    columns: tuple[str, ...]
    is_universal_subset: bool


def import_frame(file: Path, name: str, warehouse: Path, *, n_layers: int | None, d_mlp: int | None) -> Imported:
    """Read a published frame and write it into raw tables of its own, all of it or nothing.

    A file with fewer rows than neurons, all of them above the published threshold, is a universal subset: the other
    neurons are known to lie at or below it.

    Args:
        file: CSV or Parquet.
        name: of the model.
        warehouse: DuckDB file, made if it is missing.
        n_layers, d_mlp: shape of a model that is not known by name.

    Raises:
        InputError: as `read_frame`; the model's shape is not known or contradicts another one; the file contradicts
            another import of the model.
        WarehouseBusy: another process holds the warehouse.
    """
    raw = RawWarehouse(warehouse)
    raw.check()
    model = _model(name, n_layers, d_mlp)
    _check_shape(raw, model)
    frame = read_frame(file, model.n_layers, model.d_mlp)
    plan = {"model": model.name, "n_layers": model.n_layers, "d_mlp": model.d_mlp, "file_hash": frame.digest}
    run = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()[:16]
    there = raw.read("select run from raw.runs where run = ?", [run])
    is_subset = len(frame.rows) < model.n_neurons and _has_only_universal(frame)
    imported = Imported(run, bool(len(there)), len(frame.rows), model.n_neurons, frame.columns, is_subset)
    if imported.was_there:
        return imported
    for other in _earlier(raw, name):
        _refuse_contradiction(frame, other, model)
    now = datetime.now(UTC)
    of_run = {
        "run": run,
        "study": frame.name,
        "kind": "import",
        "status": "finished",
        "plan": json.dumps(plan),
        "device": "none",
        "dtype": "none",
        "n_parts": 0,
        "started_at": now,
        "finished_at": now,
        "version": version("neuron-warehouse"),
        "threads": 0,
    }
    of_file = {
        "run": run,
        "model": model.name,
        "model_family": model.model_family,
        "seed": model.seed,
        "n_layers": model.n_layers,
        "d_mlp": model.d_mlp,
        "file": frame.name,
        "file_hash": frame.digest,
        "n_rows": len(frame.rows),
        "columns": list(frame.columns),
        "excess_bound": UNIVERSAL_ABOVE if is_subset else None,
    }
    neurons = frame.rows.with_columns(pl.lit(run).alias("run"), pl.lit(model.name).alias("model"))
    tables = [
        (RUNS.name, pl.DataFrame([of_run])),
        (IMPORTS.name, pl.DataFrame([of_file], schema_overrides={"seed": pl.Int64, "excess_bound": pl.Float64})),
        (IMPORTED_NEURONS.name, neurons),
    ]
    raw.write(tables)
    return imported


def _model(name: str, n_layers: int | None, d_mlp: int | None) -> PublishedModel:
    known = published_model(name)
    if known is not None:
        for option, given, right in (("--layers", n_layers, known.n_layers), ("--d-mlp", d_mlp, known.d_mlp)):
            if given not in (None, right):
                raise InputError(f"{option} {given}: {name} has {right}; leave it out, or name another model")
        return known
    if n_layers is None or d_mlp is None:
        raise InputError(
            f"the shape of {name} is not known: give --layers and --d-mlp (known by name: {', '.join(known_names())})"
        )
    return PublishedModel(name, name, None, n_layers, d_mlp)


def _check_shape(raw: RawWarehouse, model: PublishedModel) -> None:
    """Refuse a shape other than the one under which the model is in the warehouse."""
    for table, how in (("models", "ingested"), (IMPORTS.name, "imported")):
        if table == IMPORTS.name and not _has_imports(raw):
            continue
        found = raw.read(f"select n_layers, d_mlp from raw.{table} where model = ?", [model.name])
        for n_layers, d_mlp in found.iter_rows():
            if (n_layers, d_mlp) != (model.n_layers, model.d_mlp):
                raise InputError(
                    f"{model.name} was {how} with {n_layers} x {d_mlp:,} neurons, not {model.n_layers} x "
                    f"{model.d_mlp:,}: give that shape, or another --model"
                )


def _has_imports(raw: RawWarehouse) -> bool:
    """Whether the table is there: a warehouse of an older version has none until something is written."""
    query = "select count(*) from duckdb_tables() where schema_name = 'raw' and table_name = ?"
    found = raw.read(query, [IMPORTS.name])
    return bool(len(found) and found.item())


def _earlier(raw: RawWarehouse, name: str) -> list[Frame]:
    """The files that were imported for this model before."""
    if not _has_imports(raw):
        return []
    files = raw.read("select run, file, file_hash, columns from raw.imports where model = ? order by run", [name])
    frames = []
    for run, file, digest, columns in files.iter_rows():
        rows = raw.read(
            f"select layer::integer as layer, neuron::integer as neuron, {', '.join(columns)} "
            f"from raw.{IMPORTED_NEURONS.name} where run = ? order by layer, neuron",
            [run],
        )
        frames.append(Frame(file, digest, tuple(columns), rows))
    return frames


def _has_only_universal(frame: Frame) -> bool:
    return "excess_corr" in frame.columns and bool((frame.rows["excess_corr"] > UNIVERSAL_ABOVE).fill_null(False).all())


def _refuse_contradiction(frame: Frame, other: Frame, model: PublishedModel) -> None:
    """Refuse a file that says something else than an earlier one about a neuron.

    Raises:
        InputError: names the first such neuron.
    """

    def refuse(layer: int, neuron: int, said: str) -> None:
        raise InputError(
            f"{frame.name} contradicts {other.name}, which was imported before: L{layer}.N{neuron} {said}; "
            "import it under another --model"
        )

    both = frame.rows.join(other.rows, on=KEY, how="inner", suffix="_then")
    wider = max((frame, other), key=lambda each: len(each.rows))
    for column in frame.columns:
        if column not in other.columns:
            continue
        spread = wider.rows.group_by("layer").agg(pl.col(column).std().alias("sd"))
        new, then = pl.col(column), pl.col(f"{column}_then")
        # A layer of one neuron has no standard deviation.
        sd = pl.coalesce("sd", pl.lit(wider.rows[column].std()), 0.0)
        differs = (new - then).abs() > pl.max_horizontal(_SAME_WITHIN_SD * sd, _SAME_WITHIN * then.abs())
        if column == "excess_corr":
            differs = differs | ((new > UNIVERSAL_ABOVE) != (then > UNIVERSAL_ABOVE))
        found = both.join(spread, on="layer", how="left").filter(differs).sort(KEY).head(1)
        for row in found.iter_rows(named=True):
            said = f"has {column} {row[column]:.6g}, not {row[f'{column}_then']:.6g}"
            refuse(row["layer"], row["neuron"], said)
    for subset, whole in ((frame, other), (other, frame)):
        if "excess_corr" not in whole.columns or not _has_only_universal(subset) or len(subset.rows) == model.n_neurons:
            continue
        universal = whole.rows.filter(pl.col("excess_corr") > UNIVERSAL_ABOVE)
        for row in universal.join(subset.rows, on=KEY, how="anti").sort(KEY).head(1).iter_rows(named=True):
            said = f"is universal in {whole.name}, and not among the universal ones of {subset.name}"
            refuse(row["layer"], row["neuron"], said)
