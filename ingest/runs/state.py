"""State of pairs on disk: written to a temporary name, renamed, and believed only if the ledger names it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from ingest.errors import RunFailed


class StateFolder:
    """The state files of one run."""

    def __init__(self, folder: Path) -> None:
        """A folder that need not exist yet."""
        self.folder = folder

    def write(self, part: int, tensors: dict[str, Tensor]) -> tuple[str, str]:
        """Save the state after a part.

        Returns:
            File name and sha256 for the ledger.

        Raises:
            OSError: if the disk is full.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"part-{part:05d}.safetensors"
        scratch = self.folder / f".{file.name}.{os.getpid()}"
        try:
            _save({name: t.contiguous().cpu() for name, t in tensors.items()}, scratch)
            digest = _sha256(scratch)
            _sync(scratch)
            scratch.rename(file)
        finally:
            scratch.unlink(missing_ok=True)
        return file.name, digest

    def read(self, name: str, digest: str) -> dict[str, Tensor]:
        """Load a state that the ledger names.

        Raises:
            RunFailed: if the file is missing or not the one that was written.
        """
        file = self.folder / name
        if not file.is_file() or _sha256(file) != digest:
            raise RunFailed(
                f"the state file {file} of an unfinished run is missing or damaged: "
                "delete its folder and start the ingest again, it begins anew"
            )
        return load(file.read_bytes())

    def keep_only(self, name: str | None) -> None:
        """Delete every file but one."""
        for file in self.folder.glob("*") if self.folder.is_dir() else ():
            if file.name != name:
                file.unlink()

    def delete(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _save(tensors: dict[str, Tensor], file: Path) -> None:
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
