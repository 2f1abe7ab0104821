"""`neurons report`: one file with pictures inside, whose numbers are those of the marts."""

from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from app.questions import FOLDER, question
from app.sandbox import run_query
from app.warehouse import connect
from ingest.errors import InputError
from ingest.recipes.report import report
from ingest.recipes.report_drawing import themed
from ingest.recipes.report_figures import FIGURES
from tests.models.harness import Built

PNG = b"\x89PNG\r\n\x1a\n"


class Page(HTMLParser):
    """Tables, pictures and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.pictures: list[str] = []
        self.addresses: list[str] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True
        elif tag == "img":
            self.pictures.append(given["src"] or "")
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data


@pytest.fixture(scope="module")
def written(built: Built, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The page, and the folder of its pictures."""
    folder = tmp_path_factory.mktemp("report")
    report(built.path, folder / "report.html", folder / "figures", lambda _: None)
    return folder / "report.html", folder / "figures"


@pytest.fixture(scope="module")
def page(written: tuple[Path, Path]) -> Page:
    return Page(written[0].read_text())


def test_nothing_is_fetched(page: Page, written: tuple[Path, Path]) -> None:
    assert all(address.startswith("data:") for address in page.addresses)
    assert not re.search(r"@import|url\(|<script|<link", written[0].read_text())


def test_pictures_are_inside_and_in_the_folder(page: Page, written: tuple[Path, Path]) -> None:
    _, folder = written
    assert len(page.pictures) == len(FIGURES)
    for picture in page.pictures:
        assert b64decode(picture.partition("base64,")[2]).startswith(b"<svg")
    names = {file.stem for file in folder.iterdir()}
    assert len(names) == len(page.pictures)
    assert {file.suffix for file in folder.iterdir()} == {".svg", ".png"}
    assert names == {figure.name for figure in FIGURES}
    for name in names:
        assert (folder / f"{name}.png").read_bytes().startswith(PNG)
        assert (folder / f"{name}.svg").read_text().startswith("<svg")


def test_shares_are_those_of_the_mart(page: Page, built: Built) -> None:
    shown = [dict(zip(page.tables[0][0], row, strict=True)) for row in page.tables[0][1:]]
    expected = run_query(built.path, "select * from universality order by model").frame
    assert [row["model"] for row in shown] == expected["model"].to_list()
    for row, mart in zip(shown, expected.iter_rows(named=True), strict=True):
        for name in ("n_universal", "pct_universal", "pct_low", "pct_high", "n_partners"):
            assert agree(row[name], mart[name]), (name, row[name], mart[name])


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("universal_median_pct", "property_contrast"),
        ("published", "published_values"),
        ("slope", "published_against_measured"),
    ],
)
def test_tables_hold_every_number_of_their_question(page: Page, built: Built, column: str, name: str) -> None:
    (table,) = [table for table in page.tables if column in table[0]]
    place = table[0].index(column)
    expected = run_query(built.path, question(name).sql).frame[column].to_list()
    assert len(table) - 1 == len(expected)
    shown = sorted((row[place] for row in table[1:]), key=lambda text: (text == "", float(text or 0)))
    ours = sorted(expected, key=lambda value: (value is None, value or 0))
    assert all(agree(a, b) for a, b in zip(shown, ours, strict=True))


@pytest.mark.parametrize(
    ("of", "column", "query"),
    [
        ("emergence_by_layer", "pct_universal", "select pct_universal from step_universality where layer is not null"),
        ("births_and_deaths", "n", "unpivot (select n_kept, n_born, n_died from step_universality "
         "where scope = 'model' and n_born is not null) on columns(*) into name kind value n"),
        ("persistence", "pct_persistent", "select pct_persistent from persistence where scope = 'model'"),
        ("layer_interventions", "delta_loss",
         "select delta_loss from layer_interventions where intervention <> 'lens'"),
        ("near_attention", "attention_to_previous_5", "select attention_to_previous_5 from layer_stages"),
        ("lens_entropy", "lens_entropy", "select lens_entropy from layer_stages"),
        ("output_norms", "value", "unpivot (select mlp_norm, attention_norm, stream_norm from layer_stages) "
         "on columns(*) into name kind value norm"),
    ],
)  # fmt: skip
def test_figures_of_experiments_draw_the_marts(built: Built, of: str, column: str, query: str) -> None:
    def ask(name: str, **parameters: object) -> pl.DataFrame:
        folder = FOLDER if (FOLDER / f"{name}.sql").exists() else FOLDER / "app"
        return run_query(built.path, question(name, folder).sql, parameters).frame

    (figure,) = [each for each in FIGURES if each.name == of]
    chart = figure.draw(ask)
    assert chart is not None
    rows = [row for data in themed(chart)["datasets"].values() for row in data if column in row]
    with connect(built.path) as con:
        expected = [value for *_, value in con.execute(query).fetchall() if value is not None]
    assert expected
    # Layers of a chart may share the rows or each have their own.
    drawn = {round(row[column], 9) for row in rows if row[column] is not None}
    assert drawn == {round(value, 9) for value in expected}


def agree(text: str, value: Any) -> bool:
    """Whether a cell shows a value, to its six digits."""
    return text == "" if value is None else float(text) == pytest.approx(float(value), rel=1e-5)


def test_a_place_that_cannot_be_written(built: Built, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        report(built.path, tmp_path / "none" / "report.html", None, lambda _: None)
    with pytest.raises(InputError, match="is a folder"):
        report(built.path, tmp_path, None, lambda _: None)
    assert not list(tmp_path.iterdir())
