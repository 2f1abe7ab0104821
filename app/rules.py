"""The numbers that the labels in a warehouse were made with, and other ones written as dbt vars."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import yaml

from app.asking import ask
from app.errors import NotInWarehouse
from app.questions import FOLDER


def built_with() -> dict[str, float]:
    """The dbt vars that the marts were built with; of a warehouse that does not say, the project's own."""
    try:
        return dict(ask("cutoffs").iter_rows())
    except NotInWarehouse:
        return dict(_of_the_project())


def as_vars(values: Mapping[str, float]) -> str:
    """The values as `neurons build` takes them; those that are as built are left out."""
    built = built_with()
    changed = {name: value for name, value in values.items() if value != built.get(name)}
    inside = ", ".join(f"{name}: {value:g}" for name, value in changed.items())
    return f"neurons build --vars '{{{inside}}}'" if changed else ""


@cache
def _of_the_project() -> tuple[tuple[str, float], ...]:
    project = yaml.safe_load((FOLDER.parent / "dbt_project.yml").read_text(encoding="utf-8"))
    return tuple((name, float(value)) for name, value in project["vars"].items() if isinstance(value, int | float))
