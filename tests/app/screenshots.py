"""Pictures of every page for docs/. Run it as `make screenshots`, after `make demo` and the demo's experiments."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.lists import NeuronList, keep
from app.places import Place
from app.publish import published_folder
from app.sandbox import run_query
from app.warehouse import default_warehouse, newest
from tests.app.serving import ROOT, browser, served, settle

FOLDER = ROOT / "docs" / "explorer"
_NEURON = "neuron?model=demo-1&layer=3&neuron=14"
_SQL = """select layer, family, count(*) as n, avg(excess_corr) as mean_excess
from neurons
where model = $model
group by all
order by all"""
_QUERY = f"sql?{urlencode({'sql': _SQL, 'p_model': 'demo-1'})}"
_LISTS = {
    "universal": "select model, layer, neuron from neurons where is_universal",
    "unigram": "select model, layer, neuron from neurons where family = 'unigram'",
}
_TYPED = "class Reader:\n    def read(self, path):\n        return open(path)"
PAGES = {
    "home": "",
    "neuron": _NEURON,
    "universality": "universality",
    "depth": "depth",
    "families": "families",
    "roles": "roles",
    "ablation": "ablation",
    "entropy": "entropy",
    "attention": "attention",
    "stages": "stages",
    "lists": "lists?list=universal",
    "sql": _QUERY,
}


@contextmanager
def with_lists() -> Iterator[Path]:
    """What was published last, in a place of its own where two lists are kept."""
    version = newest(default_warehouse())
    with tempfile.TemporaryDirectory() as scratch:
        warehouse = Path(scratch) / "neurons.duckdb"
        folder = published_folder(warehouse)
        folder.mkdir(parents=True)
        (folder / version.name).symlink_to(version.resolve())
        for name, sql in _LISTS.items():
            rows = run_query(warehouse, sql).frame.iter_rows()
            keep(warehouse, NeuronList(name, tuple(Place(*row) for row in rows), sql))
        yield warehouse


def take(
    address: str, opened: Any, name: str, path: str, folder: Path, *, dark: bool, width: int, typed: str | None = None
) -> None:
    """One picture of one page, as long as the page is; `typed` is tried on the page of a neuron."""
    scheme = "dark" if dark else "light"
    context = opened.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}/{path}")
    settle(page)
    if typed:
        page.get_by_label("Text to try").fill(typed)
        page.get_by_role("button", name="Try it").click()
        page.get_by_text("Neurons that fire most at").wait_for(timeout=120_000)
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
    with with_lists() as warehouse, served(warehouse) as address, browser() as opened:
        for name, path in PAGES.items():
            typed = _TYPED if name == "neuron" else None
            take(address, opened, name, path, folder, dark=False, width=1280, typed=typed)
        take(address, opened, "neuron-dark", _NEURON, folder, dark=True, width=1280)
        take(address, opened, "neuron-narrow", _NEURON, folder, dark=False, width=700)
    print(f"{len(PAGES) + 2} pictures are in {folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder}")


if __name__ == "__main__":
    main()
