"""The explorer run without a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from streamlit.testing.v1 import AppTest

from tests.app.serving import MAIN


class Look(Protocol):
    """Opens a page on a warehouse, with what was clicked on it and parameters in its address."""

    def __call__(
        self, warehouse: Any, page: str = "home", clicked: Mapping[str, Any] | None = None, **address: str
    ) -> AppTest:
        """The page after its first run; an exception in it is a failure."""


def opened(page: str, clicked: Mapping[str, Any], address: Mapping[str, str]) -> AppTest:
    """A page after its first run."""
    at = AppTest.from_file(str(MAIN), default_timeout=120)
    at.run()
    assert not at.exception, at.exception
    if page != "home" and at.title[0].value != "No neurons yet":
        at.switch_page(str(MAIN.parent / "views" / f"{page}.py"))
        for name, value in address.items():
            at.query_params[name] = value
        for key, state in clicked.items():
            at.session_state[key] = state
        at.run()
        assert not at.exception, at.exception
    return at


def main_text(at: AppTest) -> str:
    """All that a page and its sidebar show, data of tables and charts included."""
    nodes = [*_nodes(at.main), *_nodes(at.sidebar)]
    return "\n".join(node.proto.SerializeToString().decode("latin-1") for node in nodes)


def passages(at: AppTest) -> list[str]:
    """The passages of coloured text on a page."""
    bodies = [node.proto.body for node in _nodes(at.main) if type(node.proto).__name__ == "Html"]
    return re.findall(r"<div class='passage'>.*?</div>", "".join(bodies), flags=re.DOTALL)


def _nodes(block: Any) -> list[Any]:
    found = []
    for child in block.children.values():
        found += _nodes(child) if getattr(child, "children", None) else [child]
    return [node for node in found if getattr(node, "proto", None) is not None]
