"""The papers' figures and tables of a warehouse, published beside ours, as one file. Run it as `neurons report`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb
import jinja2
import polars as pl
import vl_convert

from app.formats import whole
from app.questions import FOLDER, question
from app.sandbox import run_query
from app.warehouse import connect
from ingest.errors import InputError
from ingest.recipes.report_drawing import Figure, themed
from ingest.recipes.report_figures import FIGURES

_TEMPLATE = Path(__file__).with_name("report.html.jinja")
_TABLES = {
    "Models": "gurnee_tab01_models",
    "Runs": "runs",
    "Published beside ours": "published_values",
    "Ours against published, neuron by neuron": "published_against_measured",
    "Universal neurons against the rest": "property_contrast",
    "Universality by the size of the model": "share_by_size",
    "Universality predicted from other seeds": "predicting_universality",
    "Two halves of the documents": "split_half",
    "Simulated seeds": "replication_simulated_seeds",
    "Families": "families",
    "Sets ablated, against controls": "ablation_against_controls",
    "Stage boundaries": "stage_boundaries",
}
_PNG_SCALE = 2.0


@dataclass(frozen=True)
class Drawn:
    """A figure with its picture.

    Attributes:
        figure: what it is.
        svg: the picture.
        spec: the Vega-Lite chart, with its data.
    """

    figure: Figure
    svg: str
    spec: dict[str, object]

    @property
    def source(self) -> str:
        """The picture as an address that needs no network."""
        return f"data:image/svg+xml;base64,{b64encode(self.svg.encode()).decode()}"


def report(warehouse: Path, out: Path, pictures: Path | None, say: Callable[[str], None]) -> None:
    """Write one self-contained HTML file, and each figure as PNG and SVG where `pictures` is given.

    Figures and tables for which the warehouse has no rows are left out, and named at the end.

    Args:
        warehouse: DuckDB file whose published version is read.
        out: the HTML file; replaced when it is complete.
        pictures: folder of the pictures; made if it is missing.
        say: called with lines for the user.

    Raises:
        InputError: `out` or `pictures` cannot be written.
        ReaderError: nothing was published.
    """
    for folder in (out.parent, *([pictures.parent] if pictures else [])):
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}: make it first")
    if out.is_dir():
        raise InputError(f"{out} is a folder: name a file, such as {out / 'report.html'}")
    with closing(connect(warehouse)) as con:
        figures = [(figure, figure.draw(lambda name, **p: _ask(con, name, p))) for figure in FIGURES]
        drawn = [
            Drawn(figure, _svg(spec), spec)
            for figure, chart in figures
            if chart is not None
            for spec in [themed(chart)]
        ]
        tables = {title: _ask(con, name, {}) for title, name in _TABLES.items()}
        page = _page(drawn, tables, [figure for figure, chart in figures if chart is None], _shares(con))
    _write(out, page.encode())
    if pictures is not None:
        pictures.mkdir(exist_ok=True)
        for each in drawn:
            _write(pictures / f"{each.figure.name}.svg", each.svg.encode())
            _write(pictures / f"{each.figure.name}.png", vl_convert.vegalite_to_png(each.spec, scale=_PNG_SCALE))
        say(f"{2 * len(drawn)} pictures are in {pictures}")
    say(f"{out} has {len(drawn)} figures; {len(FIGURES) - len(drawn)} have no rows in this warehouse")


def _ask(con: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, object]) -> pl.DataFrame:
    """Rows of a question, or of one of the explorer's queries."""
    folder = FOLDER if (FOLDER / f"{name}.sql").exists() else FOLDER / "app"
    return run_query(con, question(name, folder).sql, parameters).frame


def _shares(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Every model's share of universal neurons with all that it rests on."""
    return run_query(con, _SHARES).frame


_SHARES = """
select
    universality.model, n_neurons, n_universal, pct_universal, pct_low, pct_high, pct_universal_twin, n_partners,
    n_positions, n_documents, baseline_draws, method, tokens_fingerprint, runs.run
from universality
inner join runs on universality.run = runs.run
order by universality.model
"""


def _page(drawn: list[Drawn], tables: dict[str, pl.DataFrame], missing: list[Figure], shares: pl.DataFrame) -> str:
    engine = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    engine.filters["cell"] = _cell
    template = engine.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        drawn=drawn,
        tables={title: _known(frame) for title, frame in tables.items() if len(frame)},
        missing=missing,
        shares=shares,
        known_shares=_known(shares),
        version=version("neuron-warehouse"),
        duckdb=duckdb.__version__,
    )


def _known(frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that have a value in some row."""
    return frame.select(column for column in frame if column.count())


def _cell(value: object) -> str:
    """A value as it stands in a table: six significant digits, nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _svg(spec: dict[str, object]) -> str:
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn


def _write(file: Path, content: bytes) -> None:
    """Replace a file when its content is whole."""
    try:
        with whole(file) as scratch:
            scratch.write_bytes(content)
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}): name another file") from None
