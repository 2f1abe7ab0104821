"""The generator of large warehouses: the same tables, views and macros, more neurons, and pages that show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.warehouse import connect, newest
from tests.app.looking import Look, passages
from tests.bench.paper_warehouse import fill
from tests.conftest import Ingested

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def large(trained: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twice the layers, each twice as wide."""
    warehouse = tmp_path_factory.mktemp("large") / "neurons.duckdb"
    fill(newest(trained.warehouse), warehouse, n_layers=8, d_mlp=1024)
    return warehouse


def test_every_neuron_stands_at_four_places(large: Path, trained: Ingested) -> None:
    with connect(trained.warehouse) as small, connect(large) as more:
        tables = "select schema_name, table_name from duckdb_tables() where schema_name = 'marts' order by all"
        assert more.execute(tables).fetchall() == small.execute(tables).fetchall()
        for relation in ("neurons", "neuron_partners", "neuron_matches", "neuron_examples", "neuron_tokens"):
            only = "where side = 'top'" if relation == "neuron_matches" else ""
            ((n,),) = small.execute(f"select count(*) from {relation} {only}").fetchall()
            assert n > 0
            assert more.execute(f"select count(*) from {relation}").fetchall() == [(4 * n,)]
        place = (
            "select * exclude (layer, neuron, other_layer, other_neuron) from neuron_partners where model = 'demo-1'"
        )
        here = small.execute(f"{place} and layer = 2 and neuron = 117 order by other_model").fetchall()
        assert more.execute(f"{place} and layer = 6 and neuron = 629 order by other_model").fetchall() == here
        shapes = more.execute("select distinct n_layers, d_mlp, n_neurons from models").fetchall()
        assert shapes == [(8, 1024, 8 * 1024)]
        unsorted = "select count(*) from (select layer, lag(layer) over (order by rowid) as before from neurons "
        assert more.execute(f"{unsorted} where model = 'demo-1') where layer < before").fetchall() == [(0,)]


def test_shapes_that_do_not_repeat(trained: Ingested, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not repeat"):
        fill(newest(trained.warehouse), tmp_path / "neurons.duckdb", n_layers=6)


@pytest.mark.parametrize("page", ["home", "neuron", "universality", "depth", "families", "roles", "lists", "sql"])
def test_pages_show_it(look: Look, large: Path, page: str) -> None:
    address = {"model": "demo-2", "layer": "7", "neuron": "1000"} if page == "neuron" else {}
    at = look(large, page, None, **address)
    assert len(at.title) == 1
    assert page != "neuron" or len(passages(at)) == 15
