"""The explorer as a server, and a browser to look at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MAIN = ROOT / "app" / "main.py"
NO_BROWSER = "no browser is here, so nothing was clicked: apt-get install -y chromium"


def browser_path() -> str | None:
    """Debian's chromium, or another one that is installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def served(warehouse: Path) -> Iterator[str]:
    """The explorer on a free port; yields its address.

    Raises:
        RuntimeError: it does not answer within three minutes.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(MAIN), "--server.port", str(port)]
    environment = os.environ | {"NEURONS_WAREHOUSE": str(warehouse), "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    address = f"http://localhost:{port}"
    try:
        _wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def browser() -> Iterator[Any]:
    """A chromium without a window.

    Raises:
        RuntimeError: none is installed.
    """
    from playwright.sync_api import sync_playwright

    path = browser_path()
    if path is None:
        raise RuntimeError(NO_BROWSER)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


def settle(page: Any) -> None:
    """Waits until the page has run to its end, and has drawn what it shows."""
    page.get_by_test_id("stApp").wait_for(timeout=180_000)
    page.wait_for_selector("[data-testid=stMain] h1, [data-testid=stMain] h2", timeout=180_000)
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=180_000)
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0", timeout=180_000)
    page.wait_for_timeout(1000)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 180
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("the explorer did not start")
