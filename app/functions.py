"""Functions that a typed query may use: DuckDB's own, minus those that reach outside the data."""

from __future__ import annotations

import re
from functools import cache

import duckdb
from sqlglot import exp

TABLE_FUNCTIONS = frozenset(
    {"unnest", "range", "generate_series", "json_each", "duckdb_columns", "duckdb_tables", "duckdb_views"}
)
# Settings and variables, sequences and random seeds, the log, SQL kept in a string, other connections, waiting.
_REFUSED = frozenset(
    {
        *("current_setting", "getenv", "getvariable", "nextval", "currval", "setval", "setseed", "write_log"),
        *("parse_duckdb_log_message", "json_execute_serialized_sql", "json_deserialize_sql", "json_serialize_sql"),
        *("json_serialize_plan", "current_query", "current_query_id", "current_connection_id", "index_key"),
        *("current_transaction_id", "txid_current", "sleep_ms", "invoke", "stats", "in_search_path", "which_secret"),
        *("add_parquet_key", "sql_auto_complete", "from_substrait", "from_substrait_json", "get_substrait"),
        *("get_substrait_json", "query", "query_table", "glob", "sniff_csv"),
    }
)
_REFUSED_PATTERN = re.compile(r"__internal|read_|write_|parquet_|duckdb_|pragma_|pg_|copy_|http_|variant_to_parquet")
# Words that DuckDB's parser makes functions of without listing them.
_UNLISTED = frozenset({"unnest", "columns", "row", "struct_pack", "try", "list_value", "grouping", "grouping_id"})
# Classes of sqlglot's tree that have another name than the function in DuckDB, or come from an operator.
_CLASSES: frozenset[type] = frozenset(
    {
        *(exp.And, exp.Or, exp.Xor, exp.Array, exp.ArrayMax, exp.ArrayMin, exp.ArrayOverlaps, exp.BitwiseAndAgg),
        *(exp.BitwiseOrAgg, exp.BitwiseXorAgg, exp.Case, exp.Cast, exp.Collate, exp.Columns, exp.CosineDistance),
        *(exp.CurrentTime, exp.CurrentVersion, exp.DateBin, exp.DateFromParts, exp.EuclideanDistance, exp.Exists),
        *(exp.Explode, exp.Extract, exp.Grouping, exp.If, exp.JSONArray, exp.JSONExtract, exp.JSONExtractScalar),
        *(exp.JSONObject, exp.JarowinklerSimilarity, exp.Localtimestamp, exp.Pad, exp.ParseJSON, exp.PercentileCont),
        *(exp.PercentileDisc, exp.Pow, exp.RegexpILike, exp.RegexpLike, exp.RegexpSplit, exp.SHA2, exp.StrPosition),
        *(exp.StrToTime, exp.Struct, exp.TimeFromParts, exp.TimeToStr, exp.TimeToUnix, exp.TimestampFromParts),
        *(exp.TimestampTrunc, exp.ToMap, exp.Transform, exp.TryCast, exp.UnixToTime, exp.Unnest, exp.Overlay),
        *(exp.ArrayContainsAll, exp.VarMap, exp.Map, exp.Coalesce, exp.Nullif, exp.Variance, exp.CountIf, exp.Try),
    }
)


@cache
def allowed_functions() -> frozenset[str]:
    """Names, in lower case, of the scalar, aggregate and window functions that queries may use."""
    con = duckdb.connect(":memory:")
    try:
        rows = con.execute(
            "select distinct lower(function_name) from duckdb_functions() where schema_name = 'main' "
            "and function_type in ('scalar', 'aggregate', 'macro', 'window')"
        ).fetchall()
    finally:
        con.close()
    names = {str(name) for (name,) in rows}
    return frozenset({n for n in names - _REFUSED if not _REFUSED_PATTERN.match(n)} | _UNLISTED)


def is_allowed_class(kind: type[exp.Func]) -> bool:
    """Whether this function of sqlglot's tree stands for functions that queries may use."""
    return kind in _CLASSES or any(name.lower() in allowed_functions() for name in kind.sql_names())
