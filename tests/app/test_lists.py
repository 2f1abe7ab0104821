"""Named lists of neurons: kept, read, compared, used in a study; nothing else is written."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.errors import BadList, UnknownList
from app.lists import NeuronList, combined, keep, lists_folder, names, read_list, remove
from app.places import Place
from app.warehouse import connect
from tests.app.looking import Look
from tests.conftest import Ingested

A = (Place("m", 0, 1), Place("m", 0, 2), Place("m", 10, 0))
B = (Place("m", 0, 2), Place("seed b", 3, 4))


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A warehouse's place; the file itself is not needed."""
    return tmp_path / "neurons.duckdb"


def test_a_list_is_read_as_it_was_kept(beside: Path) -> None:
    kept = NeuronList(
        "mine-1", A + B, 'select "é" -- \n', {"layer": 3, "model": None}, "neurons, version 2", "2026-01-01"
    )
    keep(beside, kept)
    read = read_list(beside, "mine-1")
    assert read == NeuronList("mine-1", (*A, B[1]), kept.query, kept.parameters, kept.warehouse, kept.kept_at)
    assert read.models == ["m", "seed b"]
    assert names(beside) == ["mine-1"]
    assert [path.name for path in lists_folder(beside).iterdir()] == ["mine-1.json"]
    remove(beside, "mine-1")
    assert names(beside) == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "-x", "é", "x" * 65, "a\n"])
def test_a_name_never_leaves_the_folder(beside: Path, name: str) -> None:
    with pytest.raises(BadList, match="letters, digits"):
        keep(beside, NeuronList(name, A, "q"))
    with pytest.raises(UnknownList, match="no list of this name"):
        read_list(beside, name)
    assert list(beside.parent.rglob("*")) == []


def test_what_cannot_be_kept(beside: Path) -> None:
    keep(beside, NeuronList("mine", A, "q"))
    with pytest.raises(BadList, match="already"):
        keep(beside, NeuronList("mine", B, "q"))
    assert read_list(beside, "mine").neurons == A
    with pytest.raises(BadList, match="no neuron"):
        keep(beside, NeuronList("none", (), "q"))
    with pytest.raises(BadList, match="narrow the query"):
        keep(beside, NeuronList("all", tuple(Place("m", 0, n) for n in range(200_001)), "q"))
    with pytest.raises(UnknownList, match="there are: mine"):
        read_list(beside, "yours")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"neurons": {"m": ["3"]}}', '{"neurons": 3}', "{}", '{"neurons": {"m": 1}}']
)
def test_a_file_that_is_no_list(beside: Path, text: str) -> None:
    keep(beside, NeuronList("mine", A, "q"))
    (lists_folder(beside) / "mine.json").write_text(text)
    with pytest.raises(UnknownList, match="cannot be read as one"):
        read_list(beside, "mine")


def test_set_algebra() -> None:
    one, other = NeuronList("a", A, "q"), NeuronList("b", B, "q")
    assert combined(one, other, "in both") == (Place("m", 0, 2),)
    assert combined(one, other, "in either") == (*A, B[1])
    assert combined(one, other, "only in the first") == (A[0], A[2])
    assert combined(one, other, "only in the second") == (B[1],)


class TestExplorer:
    @pytest.fixture
    def demo(self, trained: Ingested, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A whole warehouse; lists of these tests are kept apart from it."""
        monkeypatch.setattr("app.lists.lists_folder", lambda warehouse: tmp_path / "lists")
        return trained.warehouse

    def kept(self, at: AppTest, key: str, name: str) -> None:
        at.text_input(key=f"keep-name-{key}").set_value(name).run()
        at.button(key=f"keep-button-{key}").click().run()
        assert not at.exception
        assert f'neurons = "list:{name}"' in at.success[0].value

    def test_what_a_page_found_is_kept_shown_compared_and_removed(self, look: Look, demo: Path) -> None:
        at = look(demo, "families", of="demo-2", family="unigram")
        self.kept(at, "members", "unigrams")
        at = look(demo, "sql")
        at.text_area(key="sql").set_value("select * from neurons where layer = $layer").run()
        at.text_input(key="given-layer").set_value("1").run()
        at.button(key="run").click().run()
        at.run()
        self.kept(at, "answer", "layer-one")
        with connect(demo) as con:
            count = "select count(*) from neuron_families where family = 'unigram' and (model = 'demo-2' or $all)"
            assert read_list(demo, "unigrams").models == ["demo-2"]
            ((n,),) = con.execute(count, {"all": False}).fetchall()
            ((n_layer,),) = con.execute("select count(*) from neurons where layer = 1").fetchall()
            ((n_both,),) = con.execute(f"{count} and model = 'demo-2' and layer = 1", {"all": False}).fetchall()
        assert len(read_list(demo, "unigrams").neurons) == n
        assert dict(read_list(demo, "layer-one").parameters) == {"layer": 1}
        at = look(demo, "lists", list="unigrams")
        overview = next(frame.value for frame in at.dataframe if "n_neurons" in frame.value).set_index("name")
        assert overview["n_neurons"].to_dict() == {"layer-one": n_layer, "unigrams": n}
        members = next(frame.value for frame in at.dataframe if "excess_corr" in frame.value)
        assert set(members["family"]) == {"unigram"}
        figures = {metric.label: metric.value for metric in at.metric}
        assert figures["in both"] == f"{n_both:,}"
        assert figures["only in the second"] == f"{n - n_both:,}"
        self.kept(at, "compared", "both")
        assert len(read_list(demo, "both").neurons) == n_both
        at.button(key="remove").click().run()
        assert names(demo) == ["both", "layer-one"]

    def test_the_kept_file_is_all_that_is_written(self, look: Look, trained: Ingested, demo: Path) -> None:
        before = {path: path.stat().st_mtime_ns for path in trained.warehouse.parent.rglob("*.duckdb")}
        at = look(demo, "roles", role="prediction")
        self.kept(at, "members", "predicting")
        assert {path: path.stat().st_mtime_ns for path in trained.warehouse.parent.rglob("*.duckdb")} == before

    def test_a_name_that_is_taken(self, look: Look, demo: Path) -> None:
        keep(demo, NeuronList("mine", A, "q"))
        at = look(demo, "universality", {"universal-open": True})
        at.text_input(key="keep-name-universal").set_value("mine").run()
        at.button(key="keep-button-universal").click().run()
        assert any("already" in each.value for each in at.warning)

    def test_neurons_of_another_warehouse_and_a_broken_file(self, look: Look, demo: Path, tmp_path: Path) -> None:
        keep(demo, NeuronList("strange", B, "q"))
        (tmp_path / "lists" / "broken.json").write_text(json.dumps({"neurons": []}))
        at = look(demo, "lists", list="strange")
        assert "broken cannot be read" in at.warning[0].value
        members = next(frame.value for frame in at.dataframe if "excess_corr" in frame.value)
        assert members["model"].tolist() == ["m", "seed b"]
        assert members["excess_corr"].isna().all()


def test_a_list_is_the_neurons_of_an_experiment(trained: Ingested, tmp_path: Path, monkeypatch: Any) -> None:
    from ingest.errors import InputError
    from ingest.recipes.neuron_sets import Marts

    monkeypatch.setattr("app.lists.lists_folder", lambda warehouse: tmp_path / "lists")
    places = (Place("demo-1", 3, 500), Place("demo-1", 1, 2), Place("demo-2", 0, 0), Place("demo-3", 9, 0))
    keep(trained.warehouse, NeuronList("mine", places, "q"))
    with connect(trained.warehouse) as con:
        ((run,),) = con.execute("select run from runs where is_speaking").fetchall()
    marts = Marts(trained.warehouse, run)

    def chosen(model: str) -> Any:
        subject: Any = SimpleNamespace(
            identity=SimpleNamespace(name=model), sites=SimpleNamespace(n_layers=4, d_mlp=512)
        )
        return marts.choose("list:mine", subject, "f")

    assert chosen("demo-1").neurons == [(1, 2), (3, 500)]
    assert chosen("demo-2").neurons == [(0, 0)]
    with pytest.raises(InputError, match=r"no neuron L9\.N0: model demo-3 has 4 layers"):
        chosen("demo-3")
    with pytest.raises(InputError, match="model demo-4 has none in this list"):
        chosen("demo-4")
