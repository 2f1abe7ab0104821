"""Write study files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STDLIB = {"source": "python-stdlib", "part": "held-out", "context": 128}
Sections = Mapping[str, Mapping[str, Any]]


def entry(name: str, path: object, **more: Any) -> dict[str, Any]:
    """One model of a study."""
    return {"name": name, "path": str(path), **more}


def write_study(
    file: Path,
    models: Sequence[Mapping[str, Any]],
    *,
    name: str = "a-study",
    experiments: Sequence[Mapping[str, Any]] = (),
    keep_downloads: bool | None = None,
    **sections: Any,
) -> Path:
    """Write a study of one thread (so that its bits do not depend on the machine's cores), and return its file."""
    parts: dict[str, Mapping[str, Any]] = {"device": {"threads": 1}, **sections}
    lines = [f"name = {_value(name)}"]
    lines += [] if keep_downloads is None else [f"keep_downloads = {_value(keep_downloads)}"]
    for section, content in parts.items():
        lines += ["", f"[{section}]", *_keys(content)]
    for model in models:
        lines += ["", "[[models]]", *_keys(model)]
    for experiment in experiments:
        lines += ["", "[[experiments]]", *_keys(experiment)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    return file


def _keys(content: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in content.items()]


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_keys(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)
