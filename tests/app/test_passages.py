"""Coloured text: everything is escaped, nothing is invisible, one scale for all."""

from __future__ import annotations

import re

import pytest

from app.passages import Passage, legend_html, passages_html


def opacities(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"rgba\([^)]*, ([\d.]+)\)", text)]


def passage(*tokens: str, activations: list[float | None] | None = None) -> Passage:
    values = activations or [0.0] * len(tokens)
    return Passage(list(tokens), list(range(len(tokens))), values, start=5, peak=6)


def test_text_is_never_html() -> None:
    shown = passages_html([passage("<script>alert(1)</script>", "\"'><b>")], 1.0)
    assert "<script" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown


def test_spaces_and_line_breaks_can_be_seen() -> None:
    shown = passages_html([passage(" a", "\n\n", "\t", "\x1b")], 1.0)
    assert shown.count("·") == 1
    assert shown.count("↵") == 2
    assert shown.count("→") == 1
    assert r"\x1b" in shown
    assert "\x1b" not in shown


def test_one_scale() -> None:
    weak, strong = passage("a", "b", activations=[1.0, 2.0]), passage("a", "b", activations=[4.0, None])
    shown = opacities(passages_html([weak, strong], 4.0))
    assert shown == pytest.approx([shown[2] / 4, shown[2] / 2, shown[2]], abs=1e-3)
    assert opacities(passages_html([weak], 2.0))[1] == shown[2]


def test_signs_have_their_own_colours() -> None:
    both = passages_html([passage("a", "b", activations=[1.0, -1.0])], 1.0)
    first, second = re.findall(r"rgba\((\d+, \d+, \d+)", both)
    assert first != second
    assert len(re.findall("<i ", legend_html(-0.2, 1.0))) == 2
    assert len(re.findall("<i ", legend_html(0.0, 1.0))) == 1


def test_hover_says_value_and_position() -> None:
    shown = passages_html([passage("a", "b", activations=[0.25, None])], 1.0)
    assert "0.25\nposition 5, token 0" in shown
    assert "activation not kept\nposition 6, token 1" in shown
    assert shown.count("class='peak'") == 1
