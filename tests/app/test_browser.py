"""The explorer in a real browser: the clicks that people make. Without a browser it says so, or fails."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.main import PAGES
from tests.app.serving import NO_BROWSER, browser, browser_path, served, settle
from tests.conftest import Ingested

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser; $NEURONS_BROWSER=required makes its absence a failure."""
    if browser_path() is None:
        if os.environ.get("NEURONS_BROWSER") == "required":
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(trained: Ingested) -> Iterator[str]:
    """The explorer on a whole warehouse."""
    with served(trained.warehouse) as found:
        yield found


@pytest.fixture
def page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A window of 1280 pixels, or as the test's parameter says."""
    how = getattr(request, "param", {})
    context = chromium.new_context(
        viewport={"width": how.get("width", 1280), "height": 900}, color_scheme=how.get("scheme", "light")
    )
    yield context.new_page()
    context.close()


def go(page: Any, address: str) -> None:
    page.goto(address)
    settle(page)


def title(page: Any) -> str:
    return " ".join(str(page.locator("[data-testid=stMain] h1").first.inner_text()).split())


def test_home_and_a_jump(page: Any, address: str) -> None:
    go(page, address)
    assert title(page) == "Neurons that trained models share"
    page.get_by_label("Go to a neuron").fill("L2.N117")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/neuron\?"))
    settle(page)
    assert title(page) == "demo-1 L2.N117"
    assert page.url.endswith("model=demo-1&layer=2&neuron=117")


def test_steps_change_the_address(page: Any, address: str) -> None:
    go(page, f"{address}/neuron?model=demo-2&layer=1&neuron=30")
    page.locator(".st-key-go-next button").click()
    page.wait_for_url(re.compile(r"neuron=31$"))
    settle(page)
    assert title(page) == "demo-2 L1.N31"


def test_a_click_on_a_point_opens_its_neuron(page: Any, address: str) -> None:
    go(page, f"{address}/universality?of=demo-2")
    point = page.locator(".st-key-scatter svg.marks .mark-symbol.role-mark path").last
    point.click(force=True)
    page.wait_for_url(re.compile(r"/neuron\?"))
    settle(page)
    assert re.fullmatch(r"demo-2 L\d+\.N\d+", title(page))


def test_a_cell_of_the_depth_map_and_a_bar_list_their_neurons(page: Any, address: str) -> None:
    go(page, f"{address}/universality?of=demo-2")
    page.locator("[class*=st-key-depth-map] svg.marks .mark-rect.role-mark path").first.click(force=True)
    page.locator(".st-key-matched_neurons canvas").first.wait_for()
    page.locator(".st-key-excess svg.marks .mark-rect.role-mark path").first.click(force=True)
    page.locator(".st-key-excess_neurons canvas").first.wait_for()


def test_a_query_is_kept_as_a_list(page: Any, address: str) -> None:
    go(page, f"{address}/sql?sql=select+*+from+neurons+where+layer+=+1")
    page.locator(".st-key-keep-answer button").first.click()
    page.get_by_label("Name of the list").fill("layer-1")
    page.get_by_label("Name of the list").press("Enter")
    page.locator(".st-key-keep-button-answer button").click()
    page.get_by_text("are kept. In a study").wait_for()
    go(page, f"{address}/lists?list=layer-1")
    assert page.get_by_text('neurons = "list:layer-1"').first.is_visible()
    page.locator(".st-key-remove button").click()
    page.get_by_text("No list has been kept").wait_for()


def test_a_text_is_tried(page: Any, address: str) -> None:
    go(page, f"{address}/neuron?model=demo-1&layer=3&neuron=14")
    n_before = page.locator(".passage").count()
    page.get_by_label("Text to try").fill("def f(x):\n    return x")
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("Neurons that fire most at").wait_for(timeout=120_000)
    assert page.locator(".passage").count() == n_before + 1


def test_deep_link_opened_cold(page: Any, address: str) -> None:
    go(page, f"{address}/neuron?model=demo-1&layer=3&neuron=14")
    assert title(page) == "demo-1 L3.N14"
    assert page.locator(".passage").count() >= 5
    hover = page.locator(".passage .peak").first.get_attribute("title")
    assert re.search(r"\nposition \d+, token \d+$", hover)


def test_family_sliders(page: Any, address: str) -> None:
    go(page, f"{address}/families")
    slider = page.locator(".st-key-slider-unigram_cutoff input")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    page.get_by_text("neurons build --vars").wait_for()
    settle(page)
    assert "unigram_cutoff: 0.4" in page.get_by_test_id("stCode").first.inner_text()


def test_a_query_and_its_download(page: Any, address: str, tmp_path: Path) -> None:
    go(page, f"{address}/sql?sql=select%20model%2C%20n_layers%20from%20models%20order%20by%201")
    page.locator(".st-key-answer-csv button").wait_for()
    with page.expect_download() as download:
        page.locator(".st-key-answer-csv button").click()
    saved = tmp_path / "answer.csv"
    download.value.save_as(saved)
    assert saved.read_text().splitlines()[:2] == ["model,n_layers", "demo-1,4"]


def test_a_refused_query(page: Any, address: str) -> None:
    go(page, f"{address}/sql?sql=drop%20table%20marts.neurons")
    page.get_by_text("This query was not answered.").wait_for()
    page.get_by_text("DROP is refused").wait_for()


def test_a_slow_query_can_be_stopped(page: Any, address: str) -> None:
    slow = "select sum(a.neuron * b.neuron * c.neuron) as s from neurons a, neurons b, neurons c"
    go(page, f"{address}/sql")
    page.get_by_role("textbox", name="Query").fill(slow)
    page.keyboard.press("Control+Enter")
    page.wait_for_timeout(500)
    page.locator(".st-key-run button").click()
    page.locator(".st-key-cancel button").click()
    page.get_by_text("the query was stopped").wait_for(timeout=30_000)


@pytest.mark.parametrize("page", [{"scheme": "dark"}], indirect=True)
def test_dark_theme(page: Any, address: str) -> None:
    go(page, address)
    colour = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", colour)[:3]) < 60


@pytest.mark.parametrize("page", [{"width": 1280}, {"width": 700}], indirect=True, ids=["1280", "700"])
@pytest.mark.parametrize("path", [path for *_, path in PAGES])
def test_nothing_is_wider_than_the_window(page: Any, address: str, path: str) -> None:
    go(page, f"{address}/{path}")
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= page.viewport_size["width"]
    assert page.get_by_test_id("stException").count() == 0
