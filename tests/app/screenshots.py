"""Pictures of every page for docs/. Run it as `make screenshots`, after `make demo`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.warehouse import default_warehouse
from tests.app.serving import ROOT, browser, served, settle

FOLDER = ROOT / "docs" / "explorer"
_NEURON = "neuron?model=demo-1&layer=3&neuron=14"
_SQL = """select layer, family, count(*) as n, avg(excess_corr) as mean_excess
from neurons
where model = $model
group by all
order by all"""
_QUERY = f"sql?{urlencode({'sql': _SQL, 'p_model': 'demo-1'})}"
PAGES = {
    "home": "",
    "neuron": _NEURON,
    "universality": "universality",
    "depth": "depth",
    "families": "families",
    "roles": "roles",
    "sql": _QUERY,
}


def take(address: str, opened: Any, name: str, path: str, folder: Path, *, dark: bool, width: int) -> None:
    """One picture of one page, as long as the page is."""
    scheme = "dark" if dark else "light"
    context = opened.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}/{path}")
    settle(page)
    # The page scrolls inside its frame: a window as high as its content shows all of it.
    height = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
    page.set_viewport_size({"width": width, "height": int(min(6000, max(900, height + 80)))})
    settle(page)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    page.screenshot(path=str(folder / f"{name}.png"))
    context.close()


def main() -> None:
    """All pages in light, the neuron's in dark and in a narrow window too."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with served(default_warehouse()) as address, browser() as opened:
        for name, path in PAGES.items():
            take(address, opened, name, path, folder, dark=False, width=1280)
        take(address, opened, "neuron-dark", _NEURON, folder, dark=True, width=1280)
        take(address, opened, "neuron-narrow", _NEURON, folder, dark=False, width=700)
    print(f"{len(PAGES) + 2} pictures are in {folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder}")


if __name__ == "__main__":
    main()
