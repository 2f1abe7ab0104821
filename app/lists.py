"""Named lists of neurons: each a small JSON file beside the warehouse, with the query that found it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.errors import BadList, UnknownList, UnknownNeuron
from app.places import Place, typed

MOST = 200_000
_NAME = re.compile(r"[A-Za-z0-9][\w-]{0,63}", re.ASCII)
Algebra = Literal["in both", "in either", "only in the first", "only in the second"]


@dataclass(frozen=True)
class NeuronList:
    """Neurons under a name.

    Attributes:
        name: letters, digits, - and _; also the file's.
        neurons: by model, layer and number.
        query: the SQL that found them, or how they follow from other lists.
        parameters: values of the query's parameters.
        warehouse: the warehouse and the version that was asked.
        kept_at: date and time, ISO 8601.
    """

    name: str
    neurons: tuple[Place, ...]
    query: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    warehouse: str = ""
    kept_at: str = ""

    @property
    def models(self) -> list[str]:
        """Models of which it has neurons."""
        return sorted({place.model for place in self.neurons})


def lists_folder(warehouse: Path) -> Path:
    """Folder of a warehouse's lists."""
    return warehouse.with_name(warehouse.name + ".lists")


def names(warehouse: Path) -> list[str]:
    """Names of all lists of a warehouse."""
    return sorted(path.stem for path in lists_folder(warehouse).glob("*.json") if _NAME.fullmatch(path.stem))


def read_list(warehouse: Path, name: str) -> NeuronList:
    """A list by its name.

    Raises:
        UnknownList: there is none, or its file is not one.
    """
    try:
        content = json.loads(_file(warehouse, name).read_text(encoding="utf-8"))
        places = [typed(label, model) for model, labels in content["neurons"].items() for label in labels]
        texts = {each: str(content.get(each, "")) for each in ("query", "warehouse", "kept_at")}
        parameters = dict(content.get("parameters", {}))
    except (FileNotFoundError, BadList):
        known = names(warehouse)
        there = f"there are: {', '.join(known)}" if known else "keep one in the explorer (`neurons app`)"
        raise UnknownList(f"there is no list {_shown(name)} beside this warehouse: {there}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UnknownNeuron) as error:
        raise UnknownList(
            f"the file of list {name} cannot be read as one: remove it, and keep the list anew"
        ) from error
    return NeuronList(name, _ordered(places), parameters=parameters, **texts)


def keep(warehouse: Path, kept: NeuronList) -> None:
    """Writes a list's file; it appears when it is complete.

    Raises:
        BadList: its name is none or taken, it is empty or very long, or the file cannot be written.
    """
    file = _file(warehouse, kept.name)
    if not kept.neurons:
        raise BadList("no neuron was found: there is nothing to keep")
    if len(kept.neurons) > MOST:
        raise BadList(f"more than {MOST:,} neurons were found: narrow the query")
    by_model: dict[str, list[str]] = {}
    for place in _ordered(kept.neurons):
        by_model.setdefault(place.model, []).append(place.label)
    content = {
        "query": kept.query,
        "parameters": dict(kept.parameters),
        "warehouse": kept.warehouse,
        "kept_at": kept.kept_at,
        "neurons": by_model,
    }
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(exist_ok=True)
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        os.link(temporary, file)  # unlike a rename it never replaces a list that is there
    except FileExistsError:
        raise BadList(f"there is a list {kept.name} already: choose another name, or remove it first") from None
    except OSError as error:
        raise BadList(f"the list cannot be written beside the warehouse ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)


def remove(warehouse: Path, name: str) -> None:
    """Removes a list's file.

    Raises:
        BadList: it cannot be removed.
    """
    try:
        _file(warehouse, name).unlink(missing_ok=True)
    except OSError as error:
        raise BadList(f"the list cannot be removed ({error.strerror})") from error


def combined(first: NeuronList, second: NeuronList, how: Algebra) -> tuple[Place, ...]:
    """The neurons that two lists give together."""
    one, other = set(first.neurons), set(second.neurons)
    results: dict[Algebra, set[Place]] = {
        "in both": one & other,
        "in either": one | other,
        "only in the first": one - other,
        "only in the second": other - one,
    }
    return _ordered(results[how])


def _ordered(places: Iterable[Place]) -> tuple[Place, ...]:
    return tuple(sorted(set(places), key=lambda place: (place.model, place.layer, place.neuron)))


def _file(warehouse: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise BadList("a list's name has letters, digits, - and _, and at most 64 of them")
    return lists_folder(warehouse) / f"{name}.json"


def _shown(name: str) -> str:
    return name if _NAME.fullmatch(name) else "of this name"
