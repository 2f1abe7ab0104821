"""The figures of docs/experiments.md: charts of the explorer as they are drawn. Run it as `make figures`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from app.warehouse import default_warehouse
from tests.app.serving import ROOT, browser, served, settle

FOLDER = ROOT / "docs" / "experiments"
# Page and key of every chart.
FIGURES = {
    "ablation": ("ablation", "contrasts"),
    "layers": ("stages", "interventions"),
    "lens-entropy": ("stages", "lens-entropy"),
    "lens-kl": ("stages", "lens-kl"),
    "near-attention": ("stages", "near"),
    "roles": ("stages", "roles"),
    "norms": ("stages", "norms"),
    "probes": ("stages", "probes"),
    "shares": ("training", "shares"),
    "persistence": ("training", "persistence"),
}


def drawn(page: Any, key: str) -> str | None:
    """The SVG of a chart on a page, on white; None where the page does not have it."""
    images = page.locator(f".st-key-{key} svg.marks")
    if not images.count():
        return None
    text: str = images.first.evaluate(
        "svg => { const copy = svg.cloneNode(true); copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg'); "
        "copy.style.background = 'white'; return new XMLSerializer().serializeToString(copy); }"
    )
    return text + "\n"


def main() -> None:
    """All figures that the warehouse has rows for."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    warehouse = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else default_warehouse()
    with served(warehouse) as address, browser() as opened:
        page = opened.new_context(viewport={"width": 1280, "height": 2400}, color_scheme="light").new_page()
        n = 0
        for name, (path, key) in FIGURES.items():
            if not page.url.endswith(f"/{path}"):
                page.goto(f"{address}/{path}")
                settle(page)
            if (svg := drawn(page, key)) is None:
                print(f"{name}: the page {path} has nothing to draw")
                continue
            (FOLDER / f"{name}.svg").write_text(svg)
            n += 1
    print(f"{n} figures are in {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
