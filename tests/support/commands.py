"""Run `neurons`: as the installed command, or in a forked process that has its imports behind it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TypeVar

from tests.support.bombs import Bomb

NEURONS = Path(sys.executable).with_name("neurons")
DEADLINE_S = 180.0

_Found = TypeVar("_Found")

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["ingest.cli", "ingest.recipes.measuring"])


@dataclass(frozen=True)
class Ended:
    """A command that ended; a negative code is the signal that killed it."""

    code: int
    out: str
    err: str


def neurons(*arguments: object, cwd: Path | None = None, deadline_s: float = DEADLINE_S) -> Ended:
    """Run the installed command."""
    command = [str(NEURONS), *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=deadline_s, check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


class Forked:
    """`neurons` in a process of its own, forked from a server that imported torch once for all of them."""

    def __init__(
        self,
        arguments: Iterable[object],
        scratch: Path,
        *,
        bomb: Bomb | None = None,
        largest_file: int | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Start.

        Args:
            arguments: of the command line.
            scratch: folder for what it prints.
            bomb: where the process kills itself.
            largest_file: bytes that a file may have, as on a disk that is full.
            settings: constants, `module:NAME`, that have other values in this process.
        """
        scratch.mkdir(parents=True, exist_ok=True)
        number = len(list(scratch.glob("*.out")))
        self._out, self._err = scratch / f"{number}.out", scratch / f"{number}.err"
        self._out.touch()
        self._err.touch()
        words = [str(argument) for argument in arguments]
        self.process: ForkServerProcess = _FORKS.Process(
            target=_command_line, args=(words, self._out, self._err, bomb, largest_file, dict(settings or {}))
        )
        self.process.start()

    def printed(self) -> str:
        """What it printed so far, both streams."""
        return self._out.read_text() + self._err.read_text()

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.is_alive()

    def kill(self) -> Ended:
        """Send SIGKILL."""
        self.process.kill()
        return self.end()

    def end(self) -> Ended:
        """Wait for its end."""
        self.process.join(DEADLINE_S)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"still running after {DEADLINE_S:.0f} s:\n{self.printed()}")
        return Ended(self.process.exitcode, self._out.read_text(), self._err.read_text())


def forked(
    *arguments: object,
    scratch: Path,
    bomb: Bomb | None = None,
    largest_file: int | None = None,
    settings: Mapping[str, object] | None = None,
) -> Ended:
    """Run `neurons` in a forked process to its end."""
    return Forked(arguments, scratch, bomb=bomb, largest_file=largest_file, settings=settings).end()


def wait_for(what: str, look: Callable[[], _Found | None], alive: Callable[[], bool] | None = None) -> _Found:
    """Look again and again until something is found; fail after the deadline, or when the process has ended."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        is_last = alive is not None and not alive()
        found = look()
        if found:
            return found
        if is_last:
            break
        time.sleep(0.005)
    raise AssertionError(f"never seen: {what}")


def one_line_of_refusal(ended: Ended) -> str:
    """The one line that a refusal consists of, after checking that it is one."""
    assert ended.code == 2, f"exit code {ended.code}\n{ended.out}\n{ended.err}"
    assert "Traceback" not in ended.err
    lines = ended.err.strip().splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("neurons: "), lines
    return lines[0].removeprefix("neurons: ")


def _command_line(
    arguments: list[str], out: Path, err: Path, bomb: Bomb | None, largest_file: int | None, settings: dict[str, object]
) -> None:
    for stream, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), stream)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", 1, closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["neurons", *arguments]
    for place, value in settings.items():
        module, _, name = place.partition(":")
        assert hasattr(import_module(module), name), place
        setattr(import_module(module), name, value)
    if bomb is not None:
        bomb.plant()
    if largest_file is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    from ingest.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
