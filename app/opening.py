"""Which warehouse the explorer shows, and which published version of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app import warehouse as published
from app.errors import NoWarehouse
from app.publish import number_of

# A page asks many questions; whether something new was published is looked up once for all of them.
_LOOK_AGAIN_S = 2.0


@dataclass(frozen=True)
class Opened:
    """What the explorer reads.

    Attributes:
        warehouse: the database whose published version is shown.
        identity: differs between published versions, and between files that replaced each other.
        note: why this is not the warehouse that was asked for; None if it is.
    """

    warehouse: Path
    identity: str
    note: str | None = None


def opened() -> Opened:
    """The warehouse that $NEURONS_WAREHOUSE names, or else the one that `neurons demo` fills.

    Raises:
        NoWarehouse: there is neither.
        NothingPublished: there is one, but nothing of it can be read yet.
    """
    return _opened(str(published.default_warehouse()), str(published.own_warehouse()))


@st.cache_data(ttl=_LOOK_AGAIN_S, max_entries=8, show_spinner="Looking for the warehouse")
def _opened(asked: str, own: str) -> Opened:
    try:
        return Opened(Path(asked), _identity(Path(asked)))
    except NoWarehouse:
        if asked == own or Path(asked).exists():
            raise
        found = Opened(Path(own), _identity(Path(own)))
    note = f"There is no warehouse {Path(asked).name} yet. This is the one that `neurons demo` fills."
    return Opened(found.warehouse, found.identity, note)


def _identity(warehouse: Path) -> str:
    version = published.newest(warehouse)
    state = version.stat()
    return f"{number_of(version)}-{state.st_ino}-{state.st_size}"
