"""A disk that is full: one line, exit code 2, and after room was made the same bits as if nothing had happened."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import NEURONS, Ended, forked, one_line_of_refusal
from tests.support.small_models import CONTEXT, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import differing_rows

KB = 1024


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose files grow one after another: token rows of 160 KB, a warehouse, a state of 1.8 MB."""
    folder = tmp_path_factory.mktemp("disk")
    for seed, name in enumerate("ab"):
        save(small_gpt2(seed, width=48), folder / name)
    return write_study(
        folder / "study.toml",
        [entry(name, name, seed=seed) for seed, name in enumerate("ab")],
        corpus={"source": "python-stdlib", "part": "held-out", "tokens": 600 * CONTEXT, "context": CONTEXT},
        measure={"baseline": {"draws": 1}, "features": False},
        device={"threads": 1, "batch_rows": 300},
    )


@pytest.fixture(scope="module")
def undisturbed(study: Path) -> Path:
    warehouse = study.parent / "undisturbed" / "neurons.duckdb"
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=study.parent / "printed")
    assert ended.code == 0, ended.err
    return warehouse


def refusal(ended: Ended) -> str:
    """The last line: the progress bar may have been there before it."""
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err
    return one_line_of_refusal(Ended(2, ended.out, ended.err.splitlines()[-1]))


@pytest.mark.parametrize(
    "largest",
    [pytest.param(4, marks=pytest.mark.slow), 60, pytest.param(300, marks=pytest.mark.slow), 1200],
    ids="{} KB".format,
)
def test_files_that_may_not_grow(study: Path, undisturbed: Path, tmp_path: Path, largest: int) -> None:
    # A limit on the size of files refuses a write as a full disk does, and everyone may set it.
    warehouse = tmp_path / "home" / "neurons.duckdb"
    limited = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed", largest_file=largest * KB)
    assert "full" in refusal(limited)
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
    freed = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed")
    assert freed.code == 0, freed.err
    assert differing_rows(warehouse, undisturbed) == {}


def may_mount() -> bool:
    """Whether this user can make a small disk in a namespace of its own."""
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_a_small_disk_fills_up_and_is_enlarged(study: Path, undisturbed: Path, tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("no namespaces here; test_files_that_may_not_grow covers the writes")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = [f"mount -t tmpfs -o size=32k tmpfs {disk}"]
    run = f"{NEURONS} ingest {study} --warehouse {disk}/neurons.duckdb"
    for size in (32, 200, 1500, 5000, 7000):
        script += [f"mount -o remount,size={size}k {disk}", f"{run} >/dev/null 2>{tmp_path}/{size}.err"]
        script += [f"echo $? >{tmp_path}/{size}.code"]
    script += [f"mount -o remount,size=60m {disk}", f"{run} >&2 || exit 1", f"cp {disk}/neurons.duckdb {tmp_path}"]
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", "\n".join(script)],
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refused = [file for file in tmp_path.glob("*.code") if file.read_text().strip() != "0"]
    assert len(refused) >= 3
    for file in refused:
        assert "full" in refusal(Ended(int(file.read_text()), "", file.with_suffix(".err").read_text()))
    assert differing_rows(tmp_path / "neurons.duckdb", undisturbed) == {}
