"""A folder of sound and broken models, and wrong studies of them run through the command line."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import main
from tests.support.commands import Ended, one_line_of_refusal
from tests.support.small_models import CONTEXT
from tests.support.studies import entry, write_study
from tests.support.tables import file_hash

STDLIB = {"source": "python-stdlib", "part": "held-out", "tokens": 8 * CONTEXT, "context": CONTEXT}


@dataclass(frozen=True)
class Workshop:
    """A folder with two sound models, `a` and `b`, and a warehouse in which `a` and `b` were measured."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "home" / "neurons.duckdb"

    def model(self, name: str, change: Callable[[Path], None]) -> dict[str, Any]:
        """A changed copy of model a as an entry of a study, made once."""
        folder = self.folder / name
        if not folder.exists():
            shutil.copytree(self.folder / "a", folder)
            change(folder)
        return entry(name, folder)

    def study(self, *others: dict[str, Any], corpus: dict[str, Any] | None = None, **sections: Any) -> Path:
        """A study of the model a and others."""
        chosen = corpus if corpus is not None else STDLIB
        models_ = [entry("a", self.folder / "a", seed=1), *others]
        return write_study(self.folder / "wrong.toml", models_, corpus=chosen, **sections)

    def text(self, content: str) -> Path:
        """A study whose file holds this text."""
        (self.folder / "wrong.toml").write_text(content)
        return self.folder / "wrong.toml"


# What is wrong: the study that has it, and a pattern of what the line says.
Cases = dict[str, tuple[Callable[[Workshop], Path], str]]


def run_here(arguments: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ended:
    """The command line in this process: imports are made once for all cases."""
    monkeypatch.setattr(sys, "argv", ["neurons", *map(str, arguments)])
    capsys.readouterr()
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    printed = capsys.readouterr()
    return Ended(code, printed.out, printed.err)


def assert_refused(
    workshop: Workshop,
    case: tuple[Callable[[Workshop], Path], str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line that says what is wrong, exit code 2, and a warehouse as it was."""
    make, pattern = case
    study = make(workshop)
    before = file_hash(workshop.warehouse)
    line = one_line_of_refusal(run_here(["ingest", study, "--warehouse", workshop.warehouse], capsys, monkeypatch))
    assert re.search(pattern, line), line
    assert file_hash(workshop.warehouse) == before
    assert {path.name for path in workshop.warehouse.parent.iterdir()} <= {
        "neurons.duckdb", "neurons.duckdb.state", "corpora",
    }  # fmt: skip
    assert not [path for path in workshop.warehouse.parent.rglob("*") if path.name.startswith(".")]
