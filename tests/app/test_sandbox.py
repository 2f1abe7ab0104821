"""The sandbox: every layer keeps typed SQL from doing anything but reading the marts."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from app.errors import QueryCancelled, QueryFailed, QueryRefused, QueryTimeout, without_paths
from app.functions import allowed_functions
from app.sandbox import StopButton, parameter_value, run_query
from app.warehouse import connect, cursor, newest
from tests.app.sandbox_texts import ATTACKS, ENDLESS, QUERIES, TRICKS
from tests.app.small_warehouse import SCHEMA, end_build


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One warehouse for all tests: none of them can change it, which is what they are about."""
    path = tmp_path_factory.mktemp("sandbox") / "neurons.duckdb"
    with duckdb.connect(str(path)) as writer:
        writer.execute(SCHEMA)
    end_build(path, "b1")
    newest(path)
    return path


@pytest.fixture
def con(warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """A reader's connection, in a working folder that holds a file worth reading."""
    (tmp_path / "x.csv").write_text("secret\n1\n")
    monkeypatch.chdir(tmp_path)
    with connect(warehouse) as opened:
        yield opened


def refusal(con: duckdb.DuckDBPyConnection, text: str) -> str:
    try:
        run_query(con, text, timeout_s=5)
    except QueryRefused as error:
        return str(error)
    pytest.fail(f"not refused: {text}")


def state(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_attacks_are_refused(con: duckdb.DuckDBPyConnection, warehouse: Path, tmp_path: Path) -> None:
    before = state(tmp_path) | state(warehouse.parent)
    assert len(ATTACKS) >= 60
    for text in ATTACKS:
        message = refusal(con, text)
        assert not set("/\n") & set(message), message
    assert state(tmp_path) | state(warehouse.parent) == before


def test_tricks_are_refused_or_not_read(con: duckdb.DuckDBPyConnection, warehouse: Path, tmp_path: Path) -> None:
    before = state(tmp_path) | state(warehouse.parent)
    for text in TRICKS:
        with pytest.raises((QueryRefused, QueryFailed)) as error:
            run_query(con, text, timeout_s=5)
        said = str(error.value).partition("\nLINE ")[0]
        assert str(tmp_path) not in said
        assert str(warehouse.parent) not in said
    assert state(tmp_path) | state(warehouse.parent) == before
    assert con.execute("select count(*) from raw.t").fetchall() == [(1000,)]


@pytest.mark.parametrize("text", ENDLESS, ids=lambda text: text[:40])
def test_what_has_no_end_is_stopped(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("app.warehouse.readers_memory", lambda: 200_000_000)
    monkeypatch.setattr("app.sandbox.MAX_BYTES", 50_000_000)
    before = state(warehouse.parent)
    started = time.monotonic()
    with connect(warehouse) as con, pytest.raises((QueryRefused, QueryFailed, QueryTimeout)) as error:
        run_query(con, text, timeout_s=0.5)
    assert time.monotonic() - started < 10
    assert str(warehouse.parent) not in str(error.value)
    assert state(warehouse.parent) == before


def test_queries_give_what_duckdb_gives(con: duckdb.DuckDBPyConnection) -> None:
    for text in QUERIES:
        frame = run_query(con, text, timeout_s=20).frame
        plain = cursor(con).execute(text)
        assert frame.width == len(plain.description), text
        assert "sample" in text or frame.height == len(plain.fetchall()), text


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_text('x.csv')",
        "select * from 'x.csv'",
        "copy (select 1) to 'y.csv'",
        "copy raw.t from 'x.csv'",
        "with c as (copy (select 1) to 'y.csv') select 1",
        "with c as (delete from raw.t returning a) select * from c",
        "attach 'y.duckdb' as y",
        "export database 'y'",
        "insert into raw.t values (1, null)",
        "delete from raw.t",
        "drop table raw.t",
        "create table raw.u (a integer)",
        "create table u as select 1",
        "create macro marts.f() as 1",
        "comment on table raw.t is 'x'",
        "set memory_limit = '100GB'",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set max_execution_time = 0",
        "reset memory_limit",
        "pragma enable_profiling",
        "install httpfs",
        "load httpfs",
        "use memory",
        "select nextval('raw.numbers')",
        "select * from glob('*')",
        "select getenv('HOME')",
    ],
)
def test_the_connection_alone_denies(
    con: duckdb.DuckDBPyConnection, warehouse: Path, tmp_path: Path, text: str
) -> None:
    before = state(tmp_path) | state(warehouse.parent)
    with pytest.raises(duckdb.Error):
        cursor(con).execute(text).fetchall()
    assert state(tmp_path) | state(warehouse.parent) == before
    assert con.execute("select count(*) from raw.t").fetchall() == [(1000,)]


def test_python_variables_are_not_tables(con: duckdb.DuckDBPyConnection) -> None:
    secret = pl.DataFrame({"a": [1]})
    assert secret.height == 1
    with pytest.raises(duckdb.Error, match="does not exist"):
        con.sql("select * from secret").fetchall()


def test_the_guard_alone_finds_hidden_statements(tmp_path: Path) -> None:
    from app.guard import check

    with duckdb.connect(str(tmp_path / "open.duckdb")) as writable:
        writable.execute("create schema raw; create table raw.t as select 1 as a")
        check(writable, "select * from raw.t")
        for text in ATTACKS:
            with pytest.raises(QueryRefused):
                check(writable, text)
        assert writable.execute("select count(*) from raw.t").fetchall() == [(1,)]


def test_functions_that_reach_outside_are_not_allowed() -> None:
    outside = {
        "read_text",
        "read_csv",
        "glob",
        "getenv",
        "current_setting",
        "nextval",
        "write_log",
        "query",
        "getvariable",
    }
    assert not outside & allowed_functions()
    assert {"sum", "list_transform", "row_number", "upper", "geomean", "array_cosine_similarity"} <= allowed_functions()


def test_time_limit_of_a_query(con: duckdb.DuckDBPyConnection) -> None:
    start = time.monotonic()
    with pytest.raises(QueryTimeout, match=r"0\.3 s.*--timeout"):
        run_query(con, ENDLESS[0], timeout_s=0.3)
    with pytest.raises(QueryTimeout):
        run_query(
            con, "select a.range, b.range from range(10000000) a, range(10000000) b order by random()", timeout_s=0.3
        )
    assert time.monotonic() - start < 5
    assert run_query(con, "select 1 as a", timeout_s=5).frame.item() == 1


@pytest.mark.parametrize("after_s", [0.0, 0.4], ids=["before it starts", "while it runs"])
def test_a_query_can_be_stopped(con: duckdb.DuckDBPyConnection, after_s: float) -> None:
    stop = StopButton()
    presser = threading.Timer(after_s, stop.press)
    if after_s:
        presser.start()
    else:
        stop.press()
    started = time.monotonic()
    with pytest.raises(QueryCancelled, match="was stopped"):
        run_query(con, ENDLESS[0], timeout_s=60, stop=stop)
    assert time.monotonic() - started < 20
    presser.cancel()
    assert run_query(con, "select 1 as a", timeout_s=5).frame.item() == 1


def test_time_limit_of_a_connection(warehouse: Path) -> None:
    with connect(warehouse, timeout_s=0.3) as con, pytest.raises(duckdb.InterruptException):
        cursor(con).execute(ENDLESS[0]).fetchall()
    with pytest.raises(QueryTimeout, match=r"0\.2 s"):
        run_query(warehouse, ENDLESS[0], timeout_s=0.2)


def test_memory_limit(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryFailed, match="more memory") as error:
        run_query(con, "select length(list(range)) as n from range(2000000000)", timeout_s=30)
    assert "temp_directory" not in str(error.value)


def test_an_answer_too_large_to_hold(con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sandbox.MAX_BYTES", 10_000_000)
    with pytest.raises(QueryFailed, match="LIMIT"):
        run_query(con, "select a.range as a, b.range as b from range(10000000) a, range(10000000) b", timeout_s=20)


def test_row_limit_keeps_the_order(con: duckdb.DuckDBPyConnection) -> None:
    result = run_query(con, "select a from raw.t order by a desc", max_rows=3)
    assert result.frame["a"].to_list() == [999, 998, 997]
    assert result.truncated
    whole = run_query(con, "select a from raw.t order by a desc", max_rows=1000)
    assert whole.frame.height == 1000
    assert not whole.truncated
    assert not run_query(con, "select a from raw.t where a < 0", max_rows=3).truncated
    assert run_query(con, "select a from raw.t where a < 0").frame.columns == ["a"]


def test_parameters(con: duckdb.DuckDBPyConnection) -> None:
    text = "select a from raw.t where a = $first or a = coalesce($second, 7)"
    assert run_query(con, text, {"first": 3}).frame["a"].to_list() == [3, 7]
    assert run_query(con, text, {"first": 3, "second": 4}).frame["a"].to_list() == [3, 4]
    assert run_query(con, "select $x as x", {"x": "'; drop table raw.t"}).frame.item() == "'; drop table raw.t"
    with pytest.raises(QueryRefused, match="no parameter third: it has first, second"):
        run_query(con, text, {"third": 3})
    with pytest.raises(QueryRefused, match="it has none"):
        run_query(con, "select 1 as a", {"x": 3})
    assert run_query(con, "select '$x' as a -- $y").frame.item() == "$x"


def test_parameter_values() -> None:
    values = [parameter_value(text) for text in ("3", "-0.5", "true", "NULL", "gpt2", "'007'", "", "1e-3")]
    assert values == [3, -0.5, True, None, "gpt2", "007", "", 0.001]


def test_mistakes_are_explained(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QueryRefused, match="did you mean neurons"):
        run_query(con, "select * from neuron")
    with pytest.raises(QueryRefused, match=r"did you mean marts\.rule_high"):
        run_query(con, "select * from marts.rule_hihg(3)")
    with pytest.raises(QueryFailed, match="max_corr") as error:
        run_query(con, "select max_cor from neurons")
    assert "LINE 1" in str(error.value)
    assert "^" in str(error.value)
    with pytest.raises(QueryFailed, match="syntax error") as error:
        run_query(con, "select 1 +* from neurons where")
    assert "^" in str(error.value)
    with pytest.raises(QueryRefused, match="CHECKPOINT is refused"):
        run_query(con, "checkpoint")
    with pytest.raises(QueryRefused):
        run_query(con, "select " + "(" * 20000 + "1" + ")" * 20000)
    for empty in ("", " ;; ", "-- nothing"):
        with pytest.raises(QueryRefused, match="no query"):
            run_query(con, empty)


def test_messages_name_no_files(con: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    with pytest.raises(duckdb.Error) as error:
        con.execute("select * from read_text('/etc/passwd')").fetchall()
    said = without_paths(str(error.value))
    assert "the file" in said.partition("LINE")[0]
    assert "/etc" not in said.partition("LINE")[0]
    assert without_paths(f"cannot open {newest(warehouse)} now") == "cannot open the file now"
    assert without_paths("a /b and 1/2/3 stay") == "a /b and 1/2/3 stay"


def test_values_arrive_as_they_are(con: duckdb.DuckDBPyConnection) -> None:
    text = """select sum(a) as n, 'nan'::double as x, 'inf'::double as y, interval 2 day as i, [1.5, 2]::float[2] as v,
        1 as same, 2 as same, null as nothing, {'k': 1} as s, '{"a": 1}'::json as j from raw.t"""
    frame = run_query(con, text).frame
    assert frame.schema["n"] == pl.Int64
    assert frame["n"].item() == 499500
    assert frame["x"].is_nan().item()
    assert frame["y"].is_infinite().item()
    assert frame["i"].item() == "2 days"
    assert frame["v"].to_list() == [[1.5, 2.0]]
    assert frame.columns[5:7] == ["same", "same_1"]
    assert frame["s"].to_list() == [{"k": 1}]
