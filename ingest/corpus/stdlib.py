"""The standard library's source as a corpus: real text that every machine with Python already has."""

from __future__ import annotations

import hashlib
import sysconfig
from pathlib import Path

from ingest.errors import InputError

PARTS = ("held-out", "train", "all")
_LEFT_OUT = {"site-packages", "dist-packages", "idlelib", "lib2to3", "tkinter"}


def stdlib_root() -> Path:
    """The folder that holds the running interpreter's standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def is_held_out(relative: str) -> bool:
    """Whether a file belongs to the held-out part.

    Args:
        relative: posix path below the standard library's folder.
    """
    if "test" in relative.split("/")[:-1]:
        return False
    return int(hashlib.sha256(relative.encode()).hexdigest(), 16) % 10 == 0


def stdlib_files(part: str) -> list[tuple[str, Path]]:
    """The `.py` files of a part as (relative posix path, path), in the order of their paths.

    Raises:
        InputError: if the part has another name than held-out, train or all.
    """
    if part not in PARTS:
        raise InputError(f"[corpus] part = {part!r} is unknown: write one of {', '.join(PARTS)}")
    root = stdlib_root()
    files = []
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).parts
        if _LEFT_OUT.isdisjoint(parts):
            files.append(("/".join(parts), path))
    return [(name, path) for name, path in sorted(files) if part == "all" or is_held_out(name) == (part == "held-out")]
