"""Text coloured by a neuron's activations, as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

# Vermilion and blue of Okabe and Ito's set, let through: readable on a light and on a dark page.
_POSITIVE = "213, 94, 0"
_NEGATIVE = "0, 114, 178"
_STRONGEST = 0.75
_MARKS = str.maketrans({" ": "·", "\n": "↵", "\r": "␍", "\t": "→"})

STYLE = """<style>
.stMainBlockContainer {padding: 3.6rem 2.5rem 4rem;}
.passage {font-family: monospace; font-size: 0.85rem; line-height: 1.65; white-space: pre-wrap;
          overflow-wrap: anywhere; margin: 0 0 0.2rem 0;}
.passage span {border-radius: 2px; padding: 1px 0;}
.passage .peak {outline: 1.5px solid currentColor;}
.passage .mark {opacity: 0.4;}
.passage .unknown {opacity: 0.6;}
.passage-head {font-size: 0.8rem; opacity: 0.75; margin-top: 0.5rem;}
.tokens {font-size: 0.85rem; line-height: 1.9; margin-top: 0.6rem;}
.tokens code {background: rgba(128, 128, 128, 0.18); padding: 1px 4px; border-radius: 3px; color: inherit;}
.scale {font-size: 0.8rem; display: flex; gap: 0.5rem; align-items: center; flex-wrap: wrap;}
.scale .bar {white-space: nowrap;}
.scale i {display: inline-block; width: 9rem; height: 0.8rem; border-radius: 2px;}
</style>"""


@dataclass(frozen=True)
class Passage:
    """A stretch of text with the activation at each of its tokens.

    Attributes:
        tokens: texts of the tokens.
        token_ids: their ids.
        activations: at each token; None where it was not kept.
        start: position in the row of the first token.
        peak: position in the row of the largest activation.
        head: a line above it.
    """

    tokens: Sequence[str]
    token_ids: Sequence[int]
    activations: Sequence[float | None]
    start: int
    peak: int
    head: str = ""


def passages_html(passages: Sequence[Passage], scale: float) -> str:
    """Passages one under the other.

    Args:
        passages: what to show.
        scale: the activation that has the strongest colour, the same for all of them.
    """
    return "".join(_passage(each, scale) for each in passages)


def legend_html(lowest: float, scale: float) -> str:
    """The colour scale, from the most negative activation that is shown to the strongest."""
    bars = []
    if lowest < 0:
        faint, strong = _background(0.0, scale), _background(lowest, scale)
        bars.append(f"{lowest:.3g} <i style='background: linear-gradient(to right, {strong}, {faint})'></i>")
    gradient = f"linear-gradient(to right, {_background(0.0, scale)}, {_background(scale, scale)})"
    bars.append(f"0 <i style='background: {gradient}'></i> {scale:.3g}")
    about = "<span>post-activation; boxed: the row's largest; · space, ↵ line break, → tab</span>"
    framed = "".join(f"<span class='bar'>{each}</span>" for each in bars)
    return f"<div class='scale'>{framed}{about}</div>"


def chips_html(tokens: Sequence[str]) -> str:
    """Tokens one after the other, each in its own frame."""
    return " ".join(f"<code>{_visible(token)}</code>" for token in tokens)


def _passage(passage: Passage, scale: float) -> str:
    spans = []
    for place, (token, token_id, value) in enumerate(
        zip(passage.tokens, passage.token_ids, passage.activations, strict=True), start=passage.start
    ):
        said = "activation not kept" if value is None else f"{value:.4g}"
        title = html.escape(f"{token!r}\n{said}\nposition {place}, token {token_id}", quote=True)
        kind = "peak" if place == passage.peak else "unknown" if value is None else ""
        colour = "" if value is None else f" style='background: {_background(value, scale)}'"
        spans.append(f"<span class='{kind}' title=\"{title}\"{colour}>{_visible(token)}</span>")
    head = f"<div class='passage-head'>{html.escape(passage.head)}</div>" if passage.head else ""
    return f"{head}<div class='passage'>{''.join(spans)}</div>"


def _background(value: float, scale: float) -> str:
    share = 0.0 if scale <= 0 else min(1.0, abs(value) / scale)
    return f"rgba({_POSITIVE if value >= 0 else _NEGATIVE}, {_STRONGEST * share:.3f})"


def _visible(token: str) -> str:
    """A token's text with signs for what cannot be seen; a line break is also made."""
    shown = []
    for character in token:
        mark = character.translate(_MARKS)
        if mark != character:
            shown.append(f"<span class='mark'>{mark}</span>" + ("\n" if character == "\n" else ""))
        elif character.isprintable():
            shown.append(html.escape(character))
        else:
            shown.append(f"<span class='mark'>{html.escape(repr(character)[1:-1])}</span>")
    return "".join(shown)
