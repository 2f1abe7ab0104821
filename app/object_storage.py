"""An export in object storage: what describes it is fetched, its files are read where they lie.

fsspec reaches them, with the package that it has for such an address: s3fs for s3://, gcsfs for gs://, adlfs for abfs://.
Keys and endpoints are where those packages look for them.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import duckdb
import fsspec
from fsspec.implementations.dirfs import DirFileSystem

from app.errors import NoWarehouse, without_paths

# The name under which DuckDB reads the files of the one export that a connection is about.
MOUNT = "export://"
_FILES_AT = "files_at"
_FETCHED = Path(__file__).resolve().parent.parent / "warehouse" / "elsewhere"


def address_of(card: Path, told: dict[str, Any]) -> str | None:
    """Where the files are that a card describes, if it was fetched; a card that somebody sends cannot say so."""
    return told.get(_FILES_AT) if card.resolve().is_relative_to(_FETCHED.resolve()) else None


def is_address(place: Path | str) -> bool:
    """Whether a place is in object storage, such as s3://bucket/folder."""
    return isinstance(place, str) and "://" in place


def fetched(address: str, name: str) -> Path:
    """A JSON file of an export in object storage, kept on this machine with a note of where its other files are.

    Args:
        address: of the folder.
        name: of the file in it.

    Raises:
        NoWarehouse: there is none, or the storage cannot be reached.
    """
    address = address.rstrip("/")
    kept = _FETCHED / hashlib.sha256(address.encode()).hexdigest()[:12] / name
    try:
        storage, folder = fsspec.core.url_to_fs(address)
        storage.invalidate_cache()  # what was exported there since is seen
        text = json.dumps(json.loads(storage.cat_file(f"{folder}/{name}")) | {_FILES_AT: address})
        if not kept.exists() or kept.read_text(encoding="utf-8") != text:
            kept.parent.mkdir(parents=True, exist_ok=True)
            new = kept.with_name(f".{name}-{os.getpid()}")
            new.write_text(text, encoding="utf-8")
            new.replace(kept)
    except FileNotFoundError:
        raise NoWarehouse(
            f"there is no Parquet export at {address}: name the folder that `neurons export --parquet` wrote"
        ) from None
    except Exception as error:  # every kind of storage has errors of its own
        raise unreadable(address, error) from error
    return kept


def mount(con: duckdb.DuckDBPyConnection, address: str) -> None:
    """Let a connection read the files below an address, and nothing else of the storage, under the name MOUNT.

    Raises:
        NoWarehouse: the storage cannot be reached.
    """
    try:
        storage, folder = fsspec.core.url_to_fs(address)
    except Exception as error:  # as above
        raise unreadable(address, error) from error
    con.register_filesystem(_ReadOnly(folder, storage))


def unreadable(address: str, error: Exception) -> NoWarehouse:
    """The error that says why an address cannot be read."""
    reason = (without_paths(str(error)).splitlines() or [type(error).__name__])[0]
    return NoWarehouse(f"{address} cannot be read: {reason}")


class _ReadOnly(DirFileSystem):  # type: ignore[misc]
    """A folder of some storage, which is not written, and above which nothing is read."""

    protocol = MOUNT.removesuffix("://")

    def open(self, path: str, mode: str = "rb", **named: Any) -> Any:
        if set(mode) - set("rbt"):
            self._refuse()
        return super().open(self._below(path), mode, **named)

    def glob(self, path: str, **named: Any) -> Any:
        # The folder's own name may hold what a pattern gives a meaning.
        return self._relpath(self.fs.glob(f"{glob.escape(self.path)}/{self._below(path)}", **named))

    def _below(self, path: str) -> str:
        stripped: str = self._strip_protocol(path)
        if ".." in stripped.split("/"):
            raise FileNotFoundError(f"{path} is not of the export")
        return stripped

    def _refuse(self, *_given: Any, **_named: Any) -> Any:
        raise PermissionError("an export is only read")

    rm = rm_file = delete = rmdir = mv = move = rename = mkdir = makedirs = touch = _refuse
    copy = cp = cp_file = put = put_file = upload = pipe = pipe_file = write_bytes = write_text = _refuse
