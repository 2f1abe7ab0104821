"""The explorer, in the browser. Run it as `neurons app`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from app.errors import ReaderError
from app.warehouse import newest
from ingest.settings import ROOT


def open_explorer(warehouse: Path, say: Callable[[str], None], *, port: int, browser: bool) -> int:
    """Serve the explorer on this machine until it is stopped.

    Args:
        warehouse: DuckDB file whose published version is shown.
        say: called with lines for the user.
        port: where to serve it.
        browser: whether to open one.

    Returns:
        The server's exit code.
    """
    try:
        newest(warehouse)
    except ReaderError as error:
        say(f"note: {error}")
    say(f"The explorer is at http://localhost:{port}   (stop it with Ctrl-C)")
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py")]
    command += ["--server.port", str(port), "--server.headless", str(not browser).lower()]
    environment = os.environ | {"NEURONS_WAREHOUSE": str(warehouse)}
    try:
        return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 0
