"""A warehouse of the papers' size, made of a built one: five models of 24 layers with 4,096 neurons each.

Every neuron of the pattern stands at 48 places: the layers and the numbers repeat, its partners shift with it. So every
table, view and macro is dbt's own, and values, lists and lengths are distributed as measured. Tables that no page reads
stay empty, the ingest's sums among them, and of matches only the most correlated ones are there. A run that is stopped
goes on where it was. Run it as `python -m tests.bench.paper_warehouse FOLDER`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb

from app.errors import ReaderError
from app.publish import attached, published_folder
from app.quoting import quoted
from app.warehouse import default_warehouse, newest
from ingest.recipes.exported_warehouse import reached

N_MODELS, N_LAYERS, D_MLP = 5, 24, 4096
_READ_BY_PAGES = ("marts", "information_schema")
# Counts of neurons; those of a layer grow with its width, those of a model with its depth too.
_COUNTS = {
    *("n_neurons", "n_dead", "n_universal", "n_yes", "n_undecided", "n_best", "n_pairs", "n_same", "n_rest"),
    *("n_prediction", "n_suppression", "n_partition", "n_entropy", "n_attention"),
    *("n_prediction_calibrated", "n_suppression_calibrated", "n_partition_calibrated", "n_entropy_calibrated"),
    *("n_attention_calibrated", "n_universal_first_half", "n_universal_second_half", "n_universal_both_halves"),
}
_ONLY = {("raw", "partners"): "t.side = 'top'"}
Table = tuple[str, str]


def fill(pattern: Path, warehouse: Path, n_layers: int = N_LAYERS, d_mlp: int = D_MLP) -> Path:
    """Publishes a large warehouse made of a published one; returns the new version.

    Args:
        pattern: a published version.
        warehouse: the large one's path; only what is published of it is made.
        n_layers: of each model; a multiple of the pattern's.
        d_mlp: neurons per layer; likewise.

    Raises:
        ValueError: the shapes are no multiples, or the models of the pattern differ in shape.
    """
    version = published_folder(warehouse) / "1.duckdb"
    version.parent.mkdir(parents=True, exist_ok=True)
    temporary = version.with_suffix(".making")
    is_new = not temporary.exists()
    with closing(attached(pattern, "pattern")) as con:
        shapes = con.execute("select distinct n_layers, d_mlp from pattern.marts.models").fetchall()
        if len(shapes) != 1 or n_layers % shapes[0][0] or d_mlp % shapes[0][1]:
            raise ValueError(f"models of {shapes} do not repeat to {n_layers} layers of {d_mlp} neurons")
        deeper, wider = n_layers // shapes[0][0], d_mlp // shapes[0][1]
        con.execute("set memory_limit = '4GB'; set checkpoint_threshold = '4GB'")
        con.execute(f"attach '{temporary}' as large")
        if is_new:
            con.execute("copy from database pattern to large (schema)")
        for table in sorted(_read(con)):
            _repeat(con, table, shapes[0], deeper, wider)
        con.execute(f"update large.marts.models set n_layers = {n_layers}, d_mlp = {d_mlp}")
        con.execute("checkpoint large")
    temporary.rename(version)
    return version


def _read(con: duckdb.DuckDBPyConnection) -> set[Table]:
    """Tables that marts' tables, views and macros are, or read."""
    texts = {
        (schema, name): text
        for schema, name, text in con.execute(
            "select schema_name, view_name, sql from duckdb_views() where database_name = 'pattern' union all "
            "select schema_name, function_name, macro_definition from duckdb_functions() "
            "where database_name = 'pattern' and function_type = 'table_macro'"
        ).fetchall()
    }
    rows = con.execute("select schema_name, table_name from duckdb_tables() where database_name = 'pattern'").fetchall()
    tables: set[Table] = {(schema, name) for schema, name in rows}
    return tables & reached(texts, [key for key in [*tables, *texts] if key[0] in _READ_BY_PAGES])


def _repeat(con: duckdb.DuckDBPyConnection, table: Table, shape: tuple[int, int], deeper: int, wider: int) -> None:
    """Fills one table of the large warehouse."""
    columns = [
        name
        for (name,) in con.execute(
            "select column_name from duckdb_columns() where (database_name, schema_name, table_name) = "
            "('pattern', $1, $2) order by column_index",
            list(table),
        ).fetchall()
    ]
    name = ".".join(quoted(part) for part in table)
    # What was published is about other models than the pattern's.
    of_layers = {"model", "layer"} <= {*columns} and not table[1].startswith("published_")
    # Tables of pairs of checkpoints name neurons without one model: they stay as they are.
    of_neurons = of_layers and "neuron" in columns
    factor = 1 if of_neurons else wider if of_layers else wider * deeper
    chosen = ", ".join(_column(each, factor, shape) for each in columns)
    copies = f"range({deeper if of_layers else 1}) d(i), range({wider if of_neurons else 1}) w(j)"
    insert = f"insert into large.{name} select {chosen} from pattern.{name} as t, {copies}"
    if not of_neurons:
        if not con.execute(f"select 1 from large.{name} limit 1").fetchall():
            con.execute(insert)
        return
    only = f"and {_ONLY[table]}" if table in _ONLY else ""
    order = ", ".join(each for each in ("model", "layer", "neuron", "other_model") if each in columns)
    of_layer = f"{insert} where t.model = $1 and t.layer = $2 and i = $3 {only} order by {order}"
    places = con.execute(f"select distinct model, layer from pattern.{name} order by all").fetchall()
    for i in range(deeper):
        first = i * shape[0]
        last = first + shape[0] - 1
        if con.execute(f"select 1 from large.{name} where layer between {first} and {last} limit 1").fetchall():
            continue
        # A layer at a time: sorted as dbt leaves them, without a sort of the whole.
        con.begin()
        for model, layer in places:
            con.execute(of_layer, [model, layer, i])
        con.commit()


def _column(name: str, factor: int, shape: tuple[int, int]) -> str:
    column = f"t.{quoted(name)}"
    if name in {"layer", "other_layer"}:
        return f"{column} + i * {shape[0]} as {name}"
    if name in {"neuron", "other_neuron"}:
        return f"{column} + j * {shape[1]} as {name}"
    if name in _COUNTS and factor > 1:
        return f"{column} * {factor} as {name}"
    return column


def make(warehouse: Path, say: Callable[[str], None]) -> Path:
    """Fills the large warehouse, once, from the demo's: the default one, or one that is made beside it."""
    version = published_folder(warehouse) / "1.duckdb"
    if not version.exists():
        pattern = _demo(warehouse.parent, say)
        free = shutil.disk_usage(warehouse.parent).free >> 30
        say(f"making a warehouse of {N_MODELS} x {N_LAYERS} x {D_MLP:,} neurons (about 8 GB of {free} GB free)")
        started = time.perf_counter()
        fill(pattern, warehouse)
        say(f"made in {time.perf_counter() - started:.0f} s: {version.stat().st_size / 1e9:.1f} GB")
    return version


def _demo(folder: Path, say: Callable[[str], None]) -> Path:
    """What was published of the demo."""
    try:
        return newest(default_warehouse())
    except ReaderError:
        demo = folder / "demo" / "neurons.duckdb"
        demo.parent.mkdir(exist_ok=True)
        say("running the demo study first")
        subprocess.run([Path(sys.executable).with_name("neurons"), "demo", "--warehouse", demo], check=True)
        return newest(demo)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    make(folder / "neurons.duckdb", print)
