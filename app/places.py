"""The address of a neuron: as it is typed, as it stands in a link, as it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import UnknownNeuron

_TYPED = re.compile(
    r"""^\s*(?:(?P<model>\S.*?)(?:\s*[\s:/,]\s*))??   # seed-a
    [Ll]?(?P<layer>\d+)                             # L2 or 2
    (?:\s*[./,:]\s*|\s+|(?=[Nn]))                   # between them . / , or a space
    [Nn]?(?P<neuron>\d+)\s*$                        # N117 or 117""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Place:
    """One neuron of one model."""

    model: str
    layer: int
    neuron: int

    @property
    def label(self) -> str:
        """As in the papers: L2.N117."""
        return f"L{self.layer}.N{self.neuron}"

    @property
    def address(self) -> dict[str, str]:
        """Parameters of a link to it."""
        return {"model": self.model, "layer": str(self.layer), "neuron": str(self.neuron)}


def typed(text: str, model: str) -> Place:
    """The neuron that somebody typed: `L2.N117`, `2/117`, `2 117`, or with a model before it, `seed-a 2 117`.

    Args:
        text: what was typed.
        model: the model that is meant where the text names none.

    Raises:
        UnknownNeuron: the text cannot be read so.
    """
    found = _TYPED.match(text)
    if found is None:
        raise UnknownNeuron(
            "Write a layer and a neuron, such as L2.N117 or 2/117, or a model before them: seed-a 2 117."
        )
    return Place(found["model"] or model, int(found["layer"]), int(found["neuron"]))


def linked(address: Mapping[str, str]) -> Place | None:
    """The neuron that a link names; None if it names none.

    Raises:
        UnknownNeuron: it names one in part, or not by numbers.
    """
    given = [address.get(name) for name in ("model", "layer", "neuron")]
    model, layer, neuron = given
    if layer is None and neuron is None:
        return None
    if not model or not layer or not neuron or not (layer.isdecimal() and neuron.isdecimal()):
        raise UnknownNeuron("This link names no neuron: it needs model, layer and neuron, the last two as numbers.")
    return Place(model, int(layer), int(neuron))
