"""Where things are: the project's root, the warehouse and the folders beside it."""

from __future__ import annotations

from pathlib import Path

from app.exported_folder import database_in
from app.warehouse import default_warehouse

ROOT = Path(__file__).resolve().parent.parent
DEMO_MODELS = ROOT / "warehouse" / "demo"
DEMO_TRAINING = ROOT / "warehouse" / "demo-training"
STUDIES = Path(__file__).resolve().parent / "studies"


def warehouse_path(given: Path | str | None = None) -> Path:
    """The warehouse: the given path, else $NEURONS_WAREHOUSE, else warehouse/neurons.duckdb in the project.

    A folder stands for the database in it, an address in object storage for the export there.

    Raises:
        NoWarehouse: there is no export at an address.
    """
    return (database_in(given) if given else default_warehouse()).expanduser().resolve()


def state_folder(warehouse: Path) -> Path:
    """Files with the state of unfinished or extensible runs, one folder per run."""
    return warehouse.with_name(warehouse.name + ".state")


def corpora_folder(warehouse: Path) -> Path:
    """Stored token rows, shared by all runs of a warehouse."""
    return warehouse.parent / "corpora"
