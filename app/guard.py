"""Decides whether a text is one harmless query, before DuckDB sees it as one.

Two parsers must agree. sqlglot's tree is walked whole, against lists of what is allowed: it finds statements hidden
in CTEs, which DuckDB's own report shows as part of a SELECT. DuckDB's tree is walked too: its names of functions and
tables are the ones that count, whatever another parser makes of a comment or a quote. Anything unknown is refused.
"""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from app.errors import QueryFailed, QueryRefused, without_paths
from app.functions import TABLE_FUNCTIONS, allowed_functions, is_allowed_class

SCHEMAS = ("marts", "intermediate", "staging", "raw", "information_schema")
MAX_LENGTH = 100_000
_ROOTS = (exp.Select, exp.SetOperation, exp.Subquery, exp.Values, exp.Describe, exp.Summarize, exp.Pivot)
# Besides conditions and functions, the parts that queries are made of. A statement or a clause that is not here
# (INTO, FOR UPDATE, COPY, a command, ...) is refused wherever it stands.
_PARTS = (
    *_ROOTS,
    *(exp.Alias, exp.Aliases, exp.ColumnDef, exp.CTE, exp.Cube, exp.DataType, exp.DataTypeParam, exp.Distinct),
    *(exp.Except, exp.Fetch, exp.Filter, exp.From, exp.Group, exp.GroupingSets, exp.Having, exp.Identifier),
    *(exp.IgnoreNulls, exp.Interval, exp.IntervalSpan, exp.Join, exp.Lambda, exp.Lateral, exp.Limit, exp.LimitOptions),
    *(exp.Comprehension, exp.Offset, exp.Order, exp.Ordered, exp.PivotAlias, exp.PivotAny, exp.Qualify),
    *(exp.RespectNulls, exp.Rollup, exp.Slice, exp.Star, exp.Table, exp.TableAlias, exp.TableSample, exp.Tuple),
    *(exp.Var, exp.Where, exp.WindowSpec, exp.With, exp.WithinGroup, exp.RecursiveWithSearch, exp.AtTimeZone),
    *(exp.JSONPath, exp.JSONPathPart),
)
_DUCKDB_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_DUCKDB_SHOWS = {"DESCRIBE", "SUMMARY"}


@dataclass(frozen=True)
class Checked:
    """A query that passed: the names of the parameters it uses."""

    parameters: frozenset[str]


@dataclass(frozen=True)
class Catalog:
    """What the connection knows: relations by (schema, name), macros by name."""

    name: str
    relations: frozenset[tuple[str, str]]
    macros: frozenset[str]
    table_macros: frozenset[tuple[str, str]]


def check(con: duckdb.DuckDBPyConnection, sql: str, catalog: Catalog | None = None) -> Checked:
    """Checks a text that is to be run on this connection; runs nothing of it.

    Args:
        con: the connection.
        sql: the text.
        catalog: what `catalog_of` found, if the connection was looked through before.

    Raises:
        QueryRefused: it is not exactly one query, or it uses something that queries here may not use.
    """
    tree = _parse(con, sql)
    catalog = catalog or catalog_of(con)
    local = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for name in local:
        # A CTE's name with a dot or a slash could be a file's name where the CTE is out of scope.
        if not re.fullmatch(r"\w+", name):
            raise QueryRefused("the name of a WITH query may only have letters, digits and _")
    for node in tree.walk():
        _check_node(node, catalog, local)
    _check_as_duckdb_reads(con, sql, tree, catalog, local)
    return Checked(frozenset(_parameters(tree)))


def _parse(con: duckdb.DuckDBPyConnection, sql: str) -> exp.Expression:
    if len(sql) > MAX_LENGTH:
        raise QueryRefused(f"the query is longer than {MAX_LENGTH} characters: shorten it")
    # sqlglot warns about what it does not know by writing to the log; here that is an answer, not an accident.
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect="duckdb") if tree is not None]
    except RecursionError as error:
        raise QueryRefused("the query is nested too deeply: write it in steps, using WITH") from error
    except (SqlglotError, ValueError) as error:
        try:
            con.extract_statements(sql)  # parses only; its message has a caret under the mistake
        except duckdb.Error as mistake:
            raise QueryFailed(without_paths(str(mistake))) from mistake
        raise QueryRefused("this cannot be read as one query: only SELECT and its like run here") from error
    if not trees or all(isinstance(tree, exp.Semicolon) for tree in trees):
        raise QueryRefused("there is no query in this text: write a SELECT")
    statements = [tree for tree in trees if not isinstance(tree, exp.Semicolon)]  # a comment after the last ;
    if len(statements) > 1:
        raise QueryRefused(f"these are {len(statements)} statements: run one query at a time")
    tree = statements[0]
    if not isinstance(tree, _ROOTS):
        verb = sqlglot.tokenize(sql, dialect="duckdb")[0].text.upper()
        raise QueryRefused(f"{verb} is refused: only queries run here (SELECT, FROM, DESCRIBE, ...)")
    assert isinstance(tree, exp.Expression)
    return tree


def _check_node(node: Any, catalog: Catalog, local: set[str]) -> None:
    """Checks one node of sqlglot's tree by its class and, for tables and functions, by its name."""
    if isinstance(node, exp.Table):
        if isinstance(node.this, exp.Identifier):
            _check_table(node.catalog, node.db, node.name, catalog, local)
        elif isinstance(node.this, exp.Anonymous):
            _check_table_function(node.db, node.this.name, catalog)
        elif not isinstance(node.this, exp.GenerateSeries | exp.Unnest | exp.Explode | exp.Subquery | exp.Values):
            called = node.this.sql_name().lower() if isinstance(node.this, exp.Func) else _said(node.this)
            _check_table_function(node.db, called, catalog)
    elif isinstance(node, exp.Anonymous):
        if not (isinstance(node.parent, exp.Table) and node.arg_key == "this"):
            _check_function(node.name, catalog)
    elif isinstance(node, exp.Func):
        if not is_allowed_class(type(node)):
            raise _refused_function(node.sql_name().lower())
    elif not isinstance(node, (exp.Condition, *_PARTS)) or isinstance(node, exp.SessionParameter):
        raise QueryRefused(f"{_said(node)} is refused: queries here only read")


def _check_as_duckdb_reads(
    con: duckdb.DuckDBPyConnection, sql: str, tree: exp.Expression, catalog: Catalog, local: set[str]
) -> None:
    """Checks the names in DuckDB's own tree of the same text."""
    try:
        # fetchall, not fetchone: an unfinished result would block the query on this connection
        ((serialized,),) = con.execute("select json_serialize_sql($1)", [sql]).fetchall()
    except duckdb.Error as error:
        raise QueryRefused("DuckDB cannot read this as one query") from error
    read: dict[str, Any] = json.loads(serialized)
    if read.get("error"):
        if read.get("error_type") == "parser":
            return  # running it gives DuckDB's message with its caret; what does not parse does nothing
        # A PIVOT that finds its columns by itself is two statements to DuckDB: the first tree has to do.
        if tree.find(exp.Pivot) is not None:
            return
        raise QueryRefused("this is not a query to DuckDB: only SELECT and its like run here")
    if len(read["statements"]) != 1:
        raise QueryRefused("run one query at a time")
    for node, table_function in _nodes(read["statements"]):
        kind = str(node.get("type", ""))
        if kind.endswith("_NODE") and kind not in _DUCKDB_NODES:
            raise QueryRefused(f"{kind.split('_', maxsplit=1)[0]} is refused: queries here only read")
        if kind == "SHOW_REF" and node.get("show_type") not in _DUCKDB_SHOWS:
            raise QueryRefused("SHOW is refused: `from duckdb_tables()` lists the tables")
        if kind == "BASE_TABLE":
            _check_table(node["catalog_name"], node["schema_name"], node["table_name"], catalog, local)
        if "function_name" in node:
            if table_function:
                _check_table_function(node.get("schema") or "", node["function_name"], catalog)
            else:
                _check_function(node["function_name"], catalog)


def _nodes(value: Any, table_function: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every object of a JSON value, with whether it is the call of a table function."""
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)
    elif isinstance(value, dict):
        yield value, table_function
        for key, item in value.items():
            yield from _nodes(item, key == "function" and value.get("type") == "TABLE_FUNCTION")


def _check_table(catalog: str, schema: str, name: str, known: Catalog, local: set[str]) -> None:
    schema_, name_ = schema.lower(), name.lower()
    if not schema_ and not catalog and (name_ in local or ("marts", name_) in known.relations):
        return
    if (not catalog or catalog.lower() == known.name.lower()) and (schema_, name_) in known.relations:
        return
    asked = ".".join(part for part in (catalog, schema, name) if part)
    names = {f"{s}.{n}": f"{s}.{n}" for s, n in known.relations} | {n: n for s, n in known.relations if s == "marts"}
    near = difflib.get_close_matches(f"{schema_}.{name_}" if schema_ else name_, sorted(names), n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else "`from duckdb_tables()` lists the tables"
    shown = asked if re.fullmatch(r"[\w.]{1,80}", asked) else "of that name"
    raise QueryRefused(f"there is no table {shown} here, and files cannot be read: {hint}")


def _check_table_function(schema: str, name: str, known: Catalog) -> None:
    if (schema.lower() or "marts", name.lower()) in known.table_macros:
        return
    if name.lower() not in TABLE_FUNCTIONS or schema:
        macros = {f"{s}.{n}" for s, n in known.table_macros}
        near = difflib.get_close_matches(f"{schema}.{name}" if schema else name, sorted(macros | TABLE_FUNCTIONS), n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else "tables, views and marts' macros can"
        raise QueryRefused(f"the function {name} cannot be read from here: {hint}")


def _check_function(name: str, known: Catalog) -> None:
    if name.lower() not in known.macros and name.lower() not in allowed_functions():
        raise _refused_function(name)


def _refused_function(name: str) -> QueryRefused:
    near = difflib.get_close_matches(name.lower(), sorted(allowed_functions()), n=2, cutoff=0.8)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return QueryRefused(f"the function {name} is not one that queries here may use{hint}")


def catalog_of(con: duckdb.DuckDBPyConnection) -> Catalog:
    """Looks up what exists in the schemas that may be read."""
    ((name,),) = con.execute("select current_database()").fetchall()
    relations = con.execute(
        "select lower(schema_name), lower(table_name) from duckdb_tables() where database_name = $1 union all "
        "select lower(schema_name), lower(view_name) from duckdb_views() "
        "where database_name = $1 or schema_name = 'information_schema'",
        [name],
    ).fetchall()
    macros = con.execute(
        "select lower(schema_name), lower(function_name), function_type from duckdb_functions() "
        "where not internal and database_name = $1",
        [name],
    ).fetchall()
    return Catalog(
        name,
        frozenset((schema, table) for schema, table in relations if schema in SCHEMAS),
        frozenset(macro for schema, macro, kind in macros if kind == "macro" and schema in SCHEMAS),
        frozenset((schema, macro) for schema, macro, kind in macros if kind == "table_macro" and schema in SCHEMAS),
    )


def _parameters(tree: exp.Expression) -> Iterator[str]:
    for node in tree.find_all(exp.Placeholder, exp.Parameter):
        name = node.name
        if not re.fullmatch(r"[^\W\d]\w*", name):
            raise QueryRefused("a parameter needs a name: write $name instead of ? or $1")
        yield name


def _said(node: Any) -> str:
    """A clause's name as its user knows it, roughly."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).upper()
