"""State of pairs on disk: written to a temporary name, renamed, and believed only if the ledger names it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ingest.errors import WarehouseBusy


class State(Protocol):
    """Tensors of a computation, by name."""

    def names(self) -> list[str]:
        """Names of the tensors."""

    def tensor(self, name: str) -> Tensor:
        """One of them."""


class StateFile:
    """A state on disk, read tensor by tensor: the sums of large runs fit in memory once."""

    def __init__(self, file: Path) -> None:
        """A file that `save` wrote."""
        self._file = file

    def names(self) -> list[str]:
        """Names of the tensors."""
        with safe_open(self._file, framework="pt") as opened:
            return list(opened.keys())

    def tensor(self, name: str) -> Tensor:
        """One of them."""
        with safe_open(self._file, framework="pt") as opened:
            found: Tensor = opened.get_tensor(name)
            return found


class StateFolder:
    """The state files of one run."""

    def __init__(self, folder: Path) -> None:
        """A folder that need not exist yet."""
        self.folder = folder

    @property
    def sums(self) -> Path:
        """The folder beside it for sums of token shards, while workers compute the run."""
        return self.folder.with_name(f".{self.folder.name}.sums")

    def write(self, name: str, tensors: dict[str, Tensor]) -> tuple[str, str]:
        """Save the state after a part under a name.

        Returns:
            File name and sha256 for the ledger.

        Raises:
            OSError: if the disk is full.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{name}.safetensors"
        scratch = self.folder / f".{file.name}.{os.getpid()}"
        try:
            save({name: t.contiguous().cpu() for name, t in tensors.items()}, scratch)
            digest = _sha256(scratch)
            _sync(scratch)
            scratch.rename(file)
        finally:
            scratch.unlink(missing_ok=True)
        return file.name, digest

    def open(self, name: str, digest: str) -> StateFile | None:
        """The state that the ledger names; None if the file is missing or not the one that was written."""
        file = self.folder / name
        return StateFile(file) if file.is_file() and _sha256(file) == digest else None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second process from working on the same run.

        Raises:
            WarehouseBusy: if another process does.
        """
        # Beside the folder, which is deleted when the run is finished.
        path = self.folder.with_name(f".{self.folder.name}.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The holder before us may have removed the file between our opening and our locking it.
                held = path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno()))
            except BlockingIOError:
                held = False
            if not held:
                file.seek(0)
                holder = file.read().strip() or "another one"
                raise WarehouseBusy(f"this very run is being measured by process {holder}: wait for it")
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            try:
                yield
            finally:
                path.unlink()

    def keep_only(self, name: str) -> None:
        """Delete every file but one."""
        for file in self.folder.iterdir():
            if file.name != name:
                file.unlink()

    def trim(self, gigabytes: float) -> None:
        """Delete what workers left, and the folder if it holds more than that, or nothing may be kept."""
        shutil.rmtree(self.sums, ignore_errors=True)
        held = sum(file.stat().st_size for file in self.folder.glob("*")) if self.folder.is_dir() else 0
        if held > gigabytes * 1e9:
            self.delete()

    def delete(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def save(tensors: dict[str, Tensor], file: Path) -> None:
    """Write tensors of the CPU.

    Raises:
        OSError: if the disk is full.
    """
    try:
        save_file(tensors, file)
    except SafetensorError as error:
        # The system's error is left in its text only.
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            raise OSError(int(found[1]), str(error)) from None
        raise


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
