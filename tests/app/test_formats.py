"""Results as text and as files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from app.errors import BadOutput
from app.formats import number, table, write
from app.sandbox import Result

FRAME = pl.DataFrame(
    {
        "a_rather_long_column_name": [1, 22],
        "x": [0.123456, float("nan")],
        "token": ["\n\x1b[31m", None],
        "v": [[1.0, float("inf")], [2.0, 3.0]],
        "day": [date(2020, 1, 2), None],
    }
)


def test_table() -> None:
    lines = table(Result(FRAME.drop("v", "day"))).splitlines()
    assert lines == [
        "a_rather_long_column_name       x  token",
        "-------------------------  ------  ----------",
        "                        1  0.1235  \\n\\x1b[31m",
        "                       22     nan",
        "",
        "2 rows",
    ]


def test_table_says_that_there_is_more() -> None:
    last = table(Result(FRAME.head(1), truncated=True)).splitlines()[-1]
    assert last == "first 1 row, more exist (--out FILE --format csv gives all)"
    assert table(Result(FRAME.clear())).endswith("0 rows\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.123456, "0.1235"), (12345.678, "12346"), (1e-7, "1e-07"), (-2.5, "-2.5"), (1e20, "1e+20")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    write(Result(FRAME), "json")
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {
        "a_rather_long_column_name": 1,
        "x": 0.123456,
        "token": "\n\x1b[31m",
        "v": [1.0, None],
        "day": "2020-01-02",
    }
    assert rows[1]["x"] is None
    write(Result(FRAME.clear()), "json")
    assert json.loads(capsys.readouterr().out) == []


def test_csv_and_parquet(tmp_path: Path) -> None:
    write(Result(FRAME), "csv", tmp_path / "x.csv")
    assert pl.read_csv(tmp_path / "x.csv")["v"].to_list() == ["[1.0, null]", "[2.0, 3.0]"]
    write(Result(FRAME), "parquet", tmp_path / "x.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").equals(FRAME)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.parquet"]


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(BadOutput, match="--out FILE"):
        write(Result(FRAME), "parquet")
    with pytest.raises(BadOutput, match="does not exist") as error:
        write(Result(FRAME), "csv", tmp_path / "no" / "x.csv")
    assert str(tmp_path) not in str(error.value)
    with pytest.raises(BadOutput, match="folder"):
        write(Result(FRAME), "csv", tmp_path)
    with pytest.raises(BadOutput, match="no format xml"):
        write(Result(FRAME), "xml", None)  # type: ignore[arg-type]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(_: object) -> Iterator[str]:
        yield "["
        raise OSError(28, "No space left on device")

    out = tmp_path / "x.json"
    out.write_text("old")
    monkeypatch.setattr("app.formats._json_lines", half)
    with pytest.raises(BadOutput, match="No space left"):
        write(Result(FRAME), "json", out)
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert out.read_text() == "old"
