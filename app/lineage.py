"""Where a column comes from: through the SQL that dbt ran, table by table, down to the raw tables."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

from app.errors import NotInWarehouse
from app.warehouse import cursor

_COLUMNS = """
select schema_name, table_name, column_name, data_type
from duckdb_columns() where database_name = current_database()
"""
_MACROS = """
select function_name, macro_definition
from duckdb_functions() where schema_name = 'marts' and function_type = 'table_macro'
"""
# Tables that dbt makes; a seed is a file of the project, with nothing behind it.
_MADE = ("model", "seed")
_BUILD = "select build from marts.builds"
# DuckDB keeps a rule with its lambdas in brackets, which the parser knows in the older spelling only.
_LAMBDA = re.compile(r'\(lambda ("?\w+"?): ')


@dataclass(frozen=True)
class Origin:
    """A column on the way to another one.

    Attributes:
        depth: tables between it and the column that was asked for.
        table: schema and name.
        column: its name; "" where the whole table is read.
    """

    depth: int
    table: str
    column: str


@dataclass(frozen=True)
class _Query:
    """A query whose columns have been resolved; without a scope where that did not work."""

    tree: exp.Expression
    scope: Scope | None


@dataclass(frozen=True)
class Lineage:
    """The SQL of every table of a build.

    Attributes:
        sql: of each table that dbt made, by schema and name.
        columns: of every table, with their types, by schema and name.
        macros: SQL of the rules, by name.
        reads: tables that each table is made from, as dbt knows them.
        schema: the columns, as the parser wants them.
        parsed: queries that have been read so far.
    """

    sql: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    macros: Mapping[str, str]
    reads: Mapping[str, list[str]]
    schema: MappingSchema
    parsed: dict[str, _Query] = field(default_factory=dict)

    def origins(self, table: str, column: str) -> list[Origin]:
        """All columns that a column is computed from, the nearest tables first; those of raw tables end the way."""
        found = {(table, column): 0}
        front = [(table, column)]
        while front:
            here = front.pop(0)
            for source in self._sources(*here):
                if source not in found:
                    found[source] = found[here] + 1
                    front.append(source)
        return [Origin(depth, *place) for place, depth in found.items()]

    def _sources(self, table: str, column: str) -> list[tuple[str, str]]:
        """The columns that a column is made of; where the parser cannot follow it, the tables that are read."""
        if table not in self.sql:
            return []
        query = self._query(table)
        leaves: set[tuple[str, str]] = set()
        if column and query.scope is not None:
            with suppress(SqlglotError, ValueError):
                root = lineage(column, query.tree, self.schema, scope=query.scope, dialect="duckdb", trim_selects=False)
                leaves = {leaf for leaf in _leaves(root) if leaf[1] in self.columns.get(leaf[0], {})}
        return sorted(leaves) or sorted((read, "") for read in self.reads.get(table, ()))

    def _query(self, table: str) -> _Query:
        if table not in self.parsed:
            tree = self._with_rules(self.sql[table])
            scope = None
            with suppress(SqlglotError):
                tree = qualify(
                    tree, schema=self.schema, dialect="duckdb", validate_qualify_columns=False, identify=False
                )
                scope = build_scope(tree)
            self.parsed[table] = _Query(tree, scope)
        return self.parsed[table]

    def _with_rules(self, sql: str) -> exp.Expression:
        """The query with the text of each rule where the rule is called."""
        tree = sqlglot.parse_one(sql, dialect="duckdb")
        for table in list(tree.find_all(exp.Table)):
            name = table.this.name if isinstance(table.this, exp.Anonymous) else ""
            if name in self.macros:
                with suppress(SqlglotError):
                    rule = sqlglot.parse_one(_LAMBDA.sub(r"(\1 -> ", self.macros[name]), dialect="duckdb")
                    table.replace(exp.Subquery(this=rule, alias=exp.TableAlias(this=exp.to_identifier(name))))
        assert isinstance(tree, exp.Expression)
        return tree


def read(con: duckdb.DuckDBPyConnection, warehouse: Path) -> Lineage:
    """The lineage of the build that a connection reads, from what dbt left beside the warehouse.

    Raises:
        NotInWarehouse: dbt's files are not there, or they are of another build.
    """
    try:
        manifest = json.loads((warehouse.parent / "target" / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise NotInWarehouse("The SQL of this build is not beside the warehouse: run `neurons build`.") from None
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    with closing(cursor(con)) as own:
        builds = own.execute(_BUILD).fetchall()
        rows = own.execute(_COLUMNS).fetchall()
        macros = dict(own.execute(_MACROS).fetchall())
    if (manifest.get("metadata", {}).get("invocation_id"),) not in builds:
        raise NotInWarehouse("The SQL beside the warehouse is of another build: run `neurons build`.")
    columns: dict[str, dict[str, str]] = {}
    for schema, table, column, kind in rows:
        columns.setdefault(f"{schema}.{table}", {})[column] = kind
    # An export lacks tables on the way, and says what columns they had.
    columns |= {name: kinds for name, kinds in manifest.get("left_out", {}).items() if name not in columns}
    made = {kind: [node for node in manifest["nodes"].values() if node["resource_type"] == kind] for kind in _MADE}
    nodes = made["model"]
    sql = {f"{node['schema']}.{node['alias']}": node["compiled_code"] for node in nodes if node.get("compiled_code")}
    nested: dict[str, Any] = {}
    for name, kinds in columns.items():
        nested.setdefault(name.split(".", 1)[0], {})[name.split(".", 1)[1]] = kinds
    named = {node["unique_id"]: f"{node['schema']}.{node['alias']}" for kind in _MADE for node in made[kind]}
    named |= {key: f"{source['schema']}.{source['name']}" for key, source in manifest["sources"].items()}
    reads = {
        named[node["unique_id"]]: [named[other] for other in node["depends_on"]["nodes"] if other in named]
        for node in nodes
    }
    return Lineage(sql, columns, macros, reads, MappingSchema(nested, dialect="duckdb"))


def _leaves(node: Node) -> Iterator[tuple[str, str]]:
    for each in node.walk():
        if isinstance(each.expression, exp.Table):
            table = each.expression
            yield f"{table.db}.{table.name}", each.name.rsplit(".", 1)[-1].strip('"')
