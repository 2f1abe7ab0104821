"""Addresses of neurons as they are typed and linked."""

from __future__ import annotations

import pytest

from app.errors import UnknownNeuron
from app.places import Place, linked, typed


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("L2.N117", Place("m", 2, 117)),
        ("l2n117", Place("m", 2, 117)),
        ("2/117", Place("m", 2, 117)),
        ("2.117", Place("m", 2, 117)),
        (" 2  117 ", Place("m", 2, 117)),
        ("seed-a 2 117", Place("seed-a", 2, 117)),
        ("seed-a/2/117", Place("seed-a", 2, 117)),
        ("seed-a L2.N117", Place("seed-a", 2, 117)),
        ("demo-1@0001000 0 3", Place("demo-1@0001000", 0, 3)),
        ("org/name 11 3071", Place("org/name", 11, 3071)),
        ("gpt2 1/2", Place("gpt2", 1, 2)),
    ],
)
def test_typed(text: str, place: Place) -> None:
    assert typed(text, "m") == place


@pytest.mark.parametrize("text", ["", "L2", "117", "neuron", "L2.Nx", "2/-1", "L2.N117 or so"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UnknownNeuron, match=r"L2\.N117"):
        typed(text, "m")


def test_links() -> None:
    place = Place("m", 2, 117)
    assert linked(place.address) == place
    assert linked({"sql": "select 1"}) is None
    assert linked({"model": "m"}) is None
    for broken in (
        {"model": "m", "layer": "2"},
        {"layer": "2", "neuron": "1"},
        {"model": "m", "layer": "x", "neuron": "1"},
    ):
        with pytest.raises(UnknownNeuron, match="needs model, layer and neuron"):
            linked(broken)
