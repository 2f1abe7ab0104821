"""What a study fetches from the hub, deleted after it where the study asks for that.

A note is made of every model before it is fetched, beside the warehouse: a run that was killed leaves its downloads,
and when it is gone on with, the note tells them from what was in the cache before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ingest.errors import first_line
from ingest.study import Model, Study
from ingest.subject.locate import has_weights, is_on_hub

_Key = tuple[str, str | None]


class Downloads:
    """The snapshots in the hub's cache that a study brings there."""

    def __init__(self, study: Study, notes: Path) -> None:
        """Read what earlier, unfinished runs noted.

        Args:
            study: checked study.
            notes: file of the notes; it need not exist.
        """
        self._study, self._notes = study, notes
        # By hub id and revision: snapshots with weights that were there before it was fetched.
        self._before: dict[_Key, frozenset[str]] = {}
        for line in notes.read_text(encoding="utf-8").splitlines() if notes.exists() else ():
            try:
                path, revision, before = json.loads(line)
            except (ValueError, TypeError):
                continue  # empty, or cut: the process was killed while it wrote it, and fetched nothing then
            self._before[path, revision] = frozenset(before)

    def note(self, model: Model) -> None:
        """Note what the cache has of a model that is about to be fetched; nothing of a folder.

        Raises:
            OSError: if it cannot be written.
        """
        key = (model.path, model.revision)
        if key in self._before or not is_on_hub(model, self._study.folder):
            return
        snapshots = _repository(model.path) / "snapshots"
        found = snapshots.iterdir() if snapshots.is_dir() else ()
        self._before[key] = frozenset(folder.name for folder in found if has_weights(folder))
        self._notes.parent.mkdir(parents=True, exist_ok=True)
        with self._notes.open("a", encoding="utf-8") as file:
            file.write(_line(key, self._before[key]))

    def delete(self, folders: Iterable[Path], say: Callable[[str], None]) -> None:
        """Delete the study's snapshots but for those that were there before; what cannot be deleted is said.

        Args:
            folders: of the study's models, in their order.
            say: called with lines for the user.
        """
        noted: dict[_Key, Path] = {}
        for model, folder in zip(self._study.checkpoints(), folders, strict=True):
            if (model.path, model.revision) in self._before and is_on_hub(model, self._study.folder):
                noted[model.path, model.revision] = folder
        ours = {folder for key, folder in noted.items() if folder.name not in self._before[key]}
        freed, reason = _delete(ours) if ours else (0, "")
        left = sorted(folder for folder in ours if folder.exists())
        if len(left) < len(ours):
            say(f"downloads deleted from the hub's cache: {len(ours) - len(left)} ({freed / 1e9:.2f} GB)")
        if left:
            why = f" ({reason})" if reason else ""
            say(f"warning: downloads that could not be deleted: {len(left)}{why}; delete {left[0]} yourself")
        try:
            self._forget({key for key, folder in noted.items() if folder not in left})
        except OSError as error:
            say(f"warning: {self._notes} cannot be written: {first_line(error)}")

    def _forget(self, keys: set[_Key]) -> None:
        lines = [_line(key, before) for key, before in self._before.items() if key not in keys]
        if lines:
            scratch = self._notes.with_suffix(".new")
            scratch.write_text("".join(lines), encoding="utf-8")
            scratch.replace(self._notes)
        else:
            self._notes.unlink(missing_ok=True)


def _delete(folders: set[Path]) -> tuple[int, str]:
    """Bytes that were freed, and why not all folders were deleted, if the hub's library says so."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound
    from huggingface_hub.utils import logging as hub_logging

    hub_logging.set_verbosity_error()
    asked = {folder.resolve() for folder in folders}
    freed = 0
    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
        for repository in cache.repos:
            found = [each.commit_hash for each in repository.revisions if each.snapshot_path in asked]
            if found:
                # By repository: a copy of it under another name has revisions of the same names.
                strategy = replace(cache, repos=frozenset({repository})).delete_revisions(*found)
                strategy.execute()
                freed += strategy.expected_freed_size
    except (OSError, ValueError, CacheNotFound) as error:
        return freed, first_line(error)
    return freed, ""


def _repository(path: str) -> Path:
    """Where the hub's cache has a repository of models."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE).expanduser().resolve() / repo_folder_name(repo_id=path, repo_type="model")


def _line(key: _Key, before: frozenset[str]) -> str:
    # The line before may be cut.
    return "\n" + json.dumps([*key, sorted(before)])
