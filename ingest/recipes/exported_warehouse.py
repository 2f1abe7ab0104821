"""One DuckDB file with the marts and what they and the explorer read; the rest of the warehouse stays at home.

Large marts are views, and the rules of the labels are macros that the explorer calls with other cut-offs: they are kept
as they are, with the tables behind them, because a list of tokens unfolded into rows takes many times its room, and a
rule that were a table could not be asked anew. Left out are the sums that only `neurons build` needs. No name of the
database stands in the stored SQL, so that the file opens under any name, in plain DuckDB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb

from app.exported_folder import MARK
from app.questions import FOLDER
from app.quoting import literal, quoted
from ingest.recipes.dataset_card import Dataset
from ingest.recipes.exported_marts import Mart, selected

FILE = "neurons.duckdb"
Relation = tuple[str, str]


def write_warehouse(
    con: duckdb.DuckDBPyConnection,
    marts: list[Mart],
    dataset: Dataset,
    warehouse: Path,
    folder: Path,
    say: Callable[[str], None],
) -> list[Mart]:
    """The DuckDB file and, where dbt left it, the SQL of every table for the explorer's panel of origins.

    Returns the marts with their rows counted.

    Raises:
        duckdb.Error: if something cannot be read or written.
    """
    ((source,),) = con.execute("select current_database()").fetchall()
    con.execute(f"attach {literal(str(folder / FILE))} as exported")
    con.execute(f"copy from database {quoted(source)} to exported (schema)")
    read = relations_read(con)
    for kind, schema, name in con.execute(
        "select 'table', schema_name, table_name from duckdb_tables() where database_name = current_database() "
        "union all select 'view', schema_name, view_name from duckdb_views() "
        "where database_name = current_database() and not internal order by all"
    ).fetchall():
        place = f"{quoted(schema)}.{quoted(name)}"
        if (schema, name) not in read:
            con.execute(f"drop {kind} exported.{place}")
        elif kind == "table":
            columns = selected(name) if schema == "marts" else "*"
            ((n_rows,),) = con.execute(f"insert into exported.{place} select {columns} from {place}").fetchall()
            say(f"{schema}.{name}: {n_rows:,} rows")
    con.execute(
        f"create table exported.marts.{MARK} as select unnest($1) as name, unnest($2) as value",
        [list(dataset.facts), list(dataset.facts.values())],
    )
    con.execute(f"comment on table exported.marts.{MARK} is 'What this file is: an export. One row per fact.'")
    con.execute(f"comment on column exported.marts.{MARK}.name is 'Name of the fact.'")
    con.execute(f"comment on column exported.marts.{MARK}.value is 'What it is.'")
    con.execute("checkpoint exported")
    counted = []
    for mart in marts:
        ((n_rows,),) = con.execute(f"select count(*) from exported.marts.{quoted(mart.name)}").fetchall()
        counted.append(replace(mart, n_rows=n_rows))
    con.execute("detach exported")
    _copy_lineage(con, read, warehouse, dataset.build, folder)
    return counted


def relations_read(con: duckdb.DuckDBPyConnection) -> set[Relation]:
    """Tables and views, as (schema, name), that the marts, their rules and the explorer's queries read."""
    texts: dict[Relation, str] = {
        (schema, name): text
        for schema, name, text in con.execute(
            "select schema_name, view_name, sql from duckdb_views() where database_name = current_database() union all "
            "select schema_name, function_name, macro_definition from duckdb_functions() "
            "where database_name = current_database() and function_type = 'table_macro'"
        ).fetchall()
    }
    tables: set[Relation] = set(
        con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
        ).fetchall()
    )
    ahead = [key for key in (*tables, *texts) if key[0] == "marts"]
    for file in (FOLDER / "app").glob("*.sql"):
        ahead += _named(file.read_text(encoding="utf-8"))
    return (tables | texts.keys()) & reached(texts, ahead)


def reached(texts: dict[Relation, str], first: list[Relation]) -> set[Relation]:
    """What the SQL of views and macros reads from the first relations on, step by step; and names of no relation."""
    ahead, seen = [*first], set[Relation]()
    while ahead:
        key = ahead.pop()
        if key not in seen:
            seen.add(key)
            ahead += _named(texts.get(key, ""))
    return seen


def _named(sql: str) -> list[Relation]:
    """Everything of the form schema.name, some in quotation marks; more than the relations, which does no harm."""
    return re.findall(r"(?=\b(\w+)\.(\w+)\b)", sql.replace('"', ""))


def _copy_lineage(
    con: duckdb.DuckDBPyConnection, read: set[Relation], warehouse: Path, build: str, folder: Path
) -> None:
    """What the explorer reads of dbt's manifest, if the one beside the warehouse is of this build."""
    try:
        manifest = json.loads((warehouse.parent / "target" / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if manifest["metadata"].get("invocation_id") != build:
        return
    of_models = ("unique_id", "resource_type", "schema", "alias", "compiled_code", "depends_on")
    left_out: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in con.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = current_database() order by schema_name, table_name, column_index"
    ).fetchall():
        if (schema, table) not in read:
            left_out.setdefault(f"{schema}.{table}", {})[column] = kind
    kept = {
        "metadata": {"invocation_id": build},
        "left_out": left_out,
        "nodes": {
            key: {name: node.get(name) for name in of_models}
            for key, node in manifest["nodes"].items()
            if node["resource_type"] in ("model", "seed")
        },
        "sources": {
            key: {name: source[name] for name in ("schema", "name")} for key, source in manifest["sources"].items()
        },
    }
    (folder / "target").mkdir()
    (folder / "target" / "manifest.json").write_text(json.dumps(kept), encoding="utf-8")
