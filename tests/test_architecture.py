"""The floors of the architecture, and what every file keeps to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("ingest", "app", "tests")
LONGEST_FILE = 400
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def python_files() -> list[Path]:
    return [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def imported_by(module: str) -> set[str]:
    program = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_imports_go_down_only() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


def test_an_import_upwards_would_be_found(tmp_path: Path) -> None:
    upper = tmp_path / "ingest"
    (upper / "measure").mkdir(parents=True)
    for file in (upper / "__init__.py", upper / "cli.py"):
        file.touch()
    (upper / "measure" / "__init__.py").write_text("import ingest.cli\n")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.importlinter]\nroot_packages = ["ingest"]\n'
        '[[tool.importlinter.contracts]]\nname = "floors"\ntype = "layers"\nlayers = ["ingest.cli", "ingest.measure"]\n'
    )
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "ingest.measure is not allowed to import ingest.cli" in done.stdout


def test_the_command_line_imports_neither_torch_nor_dbt() -> None:
    loaded = imported_by("ingest.cli")
    assert "duckdb" in loaded
    assert not {"torch", "transformers", "transformer_lens", "dbt"} & loaded


def test_an_import_of_torch_would_be_seen() -> None:
    assert "torch" in imported_by("ingest.measure.moments")


@pytest.mark.parametrize("file", python_files(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_files_are_short_and_named_for_what_they_hold(file: Path) -> None:
    assert len(file.read_text().splitlines()) < LONGEST_FILE
    assert not EMPTY_NAMES & {part.removesuffix(".py") for part in file.relative_to(ROOT).parts}
