"""Exports of the small warehouse in all their forms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.commands import Ended, forked, one_line_of_refusal

# In pieces: every mart of more than a few rows is a folder.
FORMS = ("parquet", "pieces", "duckdb")
PIECES = {"ingest.recipes.exported_parquet:ROWS_PER_FILE": 12}
FILE = "neurons.duckdb"
# What is reduced to the last part of a path.
PLACES = {"models": "source", "runs": "corpus"}


@dataclass(frozen=True)
class Exports:
    """All forms of one warehouse, each moved away from where it was written."""

    warehouse: Path
    parquet: Path
    pieces: Path
    duckdb: Path

    def folder(self, form: str) -> Path:
        return {"parquet": self.parquet, "pieces": self.pieces, "duckdb": self.duckdb}[form]


def export(target: Path, warehouse: Path, form: str = "parquet", **how: Any) -> Ended:
    scratch = warehouse.parent / "printed"
    option, settings = ("parquet", PIECES) if form == "pieces" else (form, None)
    return forked("export", target, f"--{option}", "--warehouse", warehouse, scratch=scratch, settings=settings, **how)


def exported(target: Path, warehouse: Path, form: str = "parquet") -> None:
    ended = export(target, warehouse, form)
    assert (ended.code, ended.err) == (0, "")


def refused(target: Path, warehouse: Path) -> str:
    return one_line_of_refusal(export(target, warehouse))


def present(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def tables_of(folder: Path) -> dict[str, dict[str, Any]]:
    """What a Parquet export says of its tables."""
    return {table["name"]: table for table in json.loads((folder / "dataset.json").read_text())["tables"]}


def source(folder: Path, table: dict[str, Any]) -> str:
    """The SQL that reads a table of a Parquet export."""
    kinds = ", ".join(f"'{name}': varchar" for name in table["partitions"])
    hive = f", hive_partitioning = true, hive_types = {{{kinds}}}" if kinds else ""
    return f"read_parquet('{folder / table['files']}'{hive})"
