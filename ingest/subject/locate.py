"""Find a model's folder and check its files, before torch is imported."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ingest.errors import InputError
from ingest.study import Model, Study

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


def locate_all(study: Study, note: Callable[[Model], None] | None = None) -> list[Path]:
    """The local folder of every model of a study.

    Args:
        study: checked study.
        note: called with each model before it is fetched.

    Raises:
        InputError: if one is missing or damaged, or cannot read rows as long as the corpus has.
    """
    folders = []
    for model in study.checkpoints():
        if note is not None:
            note(model)
        folders.append(locate(model, study.folder))
        longest = context_of(read_config(model.name, folders[-1]))
        wanted = study.corpus.context if study.corpus is not None else None
        if wanted is not None and longest is not None and wanted > longest:
            raise InputError(
                f"[corpus] context = {wanted} is longer than model {model.name} can read ({longest}): lower it"
            )
    return folders


def locate(model: Model, folder: Path) -> Path:
    """The local folder of a model; a hub id is fetched at its revision.

    Args:
        model: as the study names it.
        folder: what relative paths start from.

    Raises:
        InputError: if there is no such folder or data, or its files cannot make a model.
    """
    local = folder / Path(model.path).expanduser()
    if local.is_dir():
        if model.revision is not None:
            raise InputError(f"model {model.name}: revision is for hub ids, {model.path} is a folder: leave it out")
        _check_files(model.name, local)
        return local
    if not is_on_hub(model, folder):
        raise InputError(f"model {model.name}: there is no folder {local}: correct its path")
    fetched = _fetch(model, local)
    _check_files(model.name, fetched)
    return fetched


def is_on_hub(model: Model, folder: Path) -> bool:
    """Whether a model's path is a hub id; relative paths start from the folder."""
    local = folder / Path(model.path).expanduser()
    # A first part that is a folder here was meant as one: nobody waits for the hub over a typing error.
    return bool(_HUB_ID.fullmatch(model.path)) and not local.is_dir() and not local.parent.is_dir()


def has_weights(folder: Path) -> bool:
    """Whether a folder has a model's weights, or their index."""
    return any((folder / weights).is_file() for weights in _WEIGHTS)


def at_hand(model: Model, folders: Sequence[Path]) -> Path | None:
    """The local folder of a model without asking the hub; None if it is not on this machine.

    Args:
        model: as the study names it.
        folders: what a relative path may start from, tried in this order.
    """
    for folder in folders:
        local = folder / Path(model.path).expanduser()
        if local.is_dir():
            return local
    if not _HUB_ID.fullmatch(model.path):
        return None
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.path, revision=model.revision, local_files_only=True))
    except (OSError, ValueError):
        return None


def config_folder(model: Model, folder: Path) -> Path:
    """A folder with the model's config.json, which is all that is fetched for a hub id.

    Args:
        model: as the study names it.
        folder: what relative paths start from.

    Raises:
        InputError: if there is none.
    """
    local = folder / Path(model.path).expanduser()
    if local.is_dir() or not _HUB_ID.fullmatch(model.path):
        read_config(model.name, local)
        return local
    return _fetch(model, local, only=["config.json"])


def _fetch(model: Model, local: Path, only: list[str] | None = None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import logging as hub_logging

    hub_logging.set_verbosity_error()
    try:
        fetched = Path(snapshot_download(model.path, revision=model.revision, allow_patterns=only or _HUB_FILES))
        if only is None and not has_weights(fetched):
            fetched = Path(
                snapshot_download(model.path, revision=model.revision, allow_patterns=[*_HUB_FILES, "pytorch_model*"])
            )
        return fetched
    except (OSError, ValueError, RuntimeError) as error:
        at = f" at revision {model.revision}" if model.revision else ""
        raise InputError(
            f"model {model.name}: there is no folder {local}, and the hub gave no {model.path}{at} "
            f"({type(error).__name__}): correct the path, or the connection"
        ) from None


def read_config(name: str, folder: Path) -> dict[str, Any]:
    """The model's config.json.

    Raises:
        InputError: if it is missing or no JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"model {name}: {folder} has no config.json: it is no Hugging Face model folder") from None
    except (OSError, ValueError) as error:
        raise InputError(f"model {name}: {folder / 'config.json'} is not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise InputError(f"model {name}: {folder / 'config.json'} is not a JSON object")
    return config


def context_of(config: dict[str, Any]) -> int | None:
    """The longest row a model can read, where its config bounds it."""
    for key in ("max_position_embeddings", "n_positions", "n_ctx"):
        if isinstance(config.get(key), int):
            return int(config[key])
    return None


def _check_files(name: str, folder: Path) -> None:
    """Refuse a folder without weights, or with cut ones."""
    read_config(name, folder)
    if not has_weights(folder):
        raise InputError(f"model {name}: {folder} has no weights ({' or '.join(_WEIGHTS[::2])}): copy them there")
    index = folder / "model.safetensors.index.json"
    for shard in _shards(name, index) if index.is_file() else ():
        if not (folder / shard).is_file():
            raise InputError(f"model {name}: {folder} lacks {shard}, which its index names: copy it there")
    for file in sorted(folder.glob("*.safetensors")):
        try:
            # Opening compares the header with the file's length, so a file cut short is found without reading it.
            with safe_open(file, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise InputError(f"model {name}: {file} is cut or damaged ({error}): copy it again") from None


def _shards(name: str, index: Path) -> list[str]:
    """The files that an index of weights names."""
    try:
        return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"model {name}: {index} is no index of weights: copy it again") from None
