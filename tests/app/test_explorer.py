"""Every page of the explorer on a warehouse that was ingested and built, without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from app.questions import FOLDER, questions
from app.warehouse import connect
from tests.app.looking import Look, main_text, passages
from tests.conftest import Ingested

PAGES = ("home", "neuron", "universality", "depth", "families", "roles", "lists", "sql")
EXPERIMENTS, TRAINING = (f"neurons ingest ingest/studies/demo-{what}.toml" for what in ("experiments", "training"))
UNMEASURED = {
    "ablation": EXPERIMENTS,
    "entropy": EXPERIMENTS,
    "attention": EXPERIMENTS,
    "stages": EXPERIMENTS,
    "training": TRAINING,
    "published": "neurons import",
}


@pytest.fixture(scope="module")
def demo(trained: Ingested) -> Path:
    """A whole warehouse."""
    return trained.warehouse


@pytest.fixture(scope="module")
def con(demo: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """What the explorer reads."""
    with connect(demo) as opened:
        yield opened


def one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    (row,) = con.execute(query).fetchall()
    return tuple(row)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_everything(look: Look, demo: Path, page: str) -> None:
    at = look(demo, page)
    assert len(at.title) == 1
    told = {info.value for info in at.info}
    expected = ("Choose", "No list has been kept")
    assert all(line.startswith(expected) for line in told), told
    names = {button.key for button in at.download_button}
    assert page in {"depth", "lists", "sql"} or len(names) >= 4
    assert {name.rsplit("-", 1)[1] for name in names if name} <= {"csv", "parquet"}


@pytest.mark.parametrize(("page", "command"), UNMEASURED.items())
def test_what_was_not_measured_names_the_command_that_does(look: Look, demo: Path, page: str, command: str) -> None:
    at = look(demo, page)
    assert command in at.info[0].value
    assert all((FOLDER.parent / word).exists() for word in command.split() if word.endswith(".toml"))


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_folder_of_this_machine(look: Look, demo: Path, page: str) -> None:
    at = look(demo, page)
    assert str(demo.parent) not in main_text(at)


def test_home_counts_what_is_there(look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
    at = look(demo)
    figures = {metric.label: metric.value for metric in at.metric}
    n_models, n_neurons, n_universal = one(con, "select count(*), sum(n_neurons), sum(n_universal) from universality")
    (n_tokens,) = one(con, "select n_tokens from runs")
    (n_steps,) = one(con, "select count(distinct step) from models")
    assert figures == {
        "models": str(n_models),
        "seeds": str(n_models),
        "checkpoints": str(n_steps),
        "neurons": f"{n_neurons:,}",
        "tokens": f"{n_tokens:,}",
        "universal": f"{n_universal:,}",
    }
    contents = next(frame.value for frame in at.dataframe if "command" in frame.value)
    assert contents.set_index("what")["n_models"]["null floors"] == 0
    assert contents.set_index("what")["n_models"]["partners among other seeds"] == n_models


class TestNeuron:
    PLACE = ("demo-1", 2, 117)

    def opened(self, look: Look, demo: Path, **more: str) -> AppTest:
        model, layer, neuron = self.PLACE
        address = {"model": model, "layer": str(layer), "neuron": str(neuron)} | more
        return look(demo, "neuron", None, **address)

    def test_link_opened_cold(self, look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
        at = self.opened(look, demo)
        assert at.title[0].value.split() == ["demo-1", "L2.N117"]
        (excess, corr) = one(
            con, "select excess_corr, mean_corr from neurons where model = 'demo-1' and layer = 2 and neuron = 117"
        )
        figures = {metric.label: metric.value for metric in at.metric}
        assert float(figures["excess correlation"].split()[0]) == pytest.approx(excess, abs=1e-3)
        assert float(figures["mean best correlation"]) == pytest.approx(corr, abs=1e-3)

    def test_examples_and_their_switches(self, look: Look, demo: Path) -> None:
        at = self.opened(look, demo)
        assert len(passages(at)) == 5 + 5 + 5  # where it fires, and side by side with its partner
        snippet = passages(at)[0]
        at.segmented_control(key="own-text").set_value("full row").run()
        assert len(passages(at)[0]) > len(snippet)
        at.selectbox(key="own-n").set_value(10).run()
        assert len(passages(at)) == 10 + 5 + 5
        at.segmented_control(key="own-level").set_value("near 50%").run()
        assert not at.exception
        assert 0 < len(passages(at)) < 10 + 5 + 5

    def test_effects_over_the_vocabulary_are_asked_for_when_unfolded(self, look: Look, demo: Path) -> None:
        model, layer, neuron = self.PLACE
        address = {"model": model, "layer": str(layer), "neuron": str(neuron)}
        for is_open in (False, True):
            at = look(demo, "neuron", {"vocabulary-open": is_open}, **address)
            assert ("effect" in {each.key for each in at.segmented_control}) is is_open

    def test_partners_of_every_other_model(self, look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
        at = self.opened(look, demo)
        rows = con.execute(
            "select other_model || ' L' || other_layer || '.N' || other_neuron from neuron_partners "
            "where model = 'demo-1' and layer = 2 and neuron = 117 order by max_corr desc"
        ).fetchall()
        beside = at.segmented_control(key="beside")
        assert list(beside.options) == [label for (label,) in rows]
        at.segmented_control(key="beside").set_value(rows[1][0]).run()
        assert any(rows[1][0] in text.value for text in at.markdown)

    def test_statistics_have_percentiles(self, look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
        at = self.opened(look, demo)
        card = next(frame.value for frame in at.dataframe if "percentile" in frame.value).set_index("property")
        (skew, pct) = one(
            con,
            "select n.skew, p.skew_pct from neurons n join neuron_percentiles p using (model, layer, neuron) "
            "where model = 'demo-1' and layer = 2 and neuron = 117",
        )
        assert card["value"]["skew"] == pytest.approx(skew)
        assert card["percentile"]["skew"] == pytest.approx(pct)

    @pytest.mark.parametrize(
        ("typed", "title"),
        [("0/3", "demo-1 L0.N3"), ("demo-2 3 511", "demo-2 L3.N511"), ("L1.N17", "demo-1 L1.N17")],
    )
    def test_jump_box(self, look: Look, demo: Path, typed: str, title: str) -> None:
        at = self.opened(look, demo)
        at.text_input(key="jump-to").set_value(typed)
        next(button for button in at.button if button.label == "Go").click()
        at.run()
        assert at.title[0].value.split() == title.split()

    @pytest.mark.parametrize(("step", "title"), [("next", "demo-1 L2.N118"), ("previous", "demo-1 L2.N116")])
    def test_steps(self, look: Look, demo: Path, step: str, title: str) -> None:
        at = self.opened(look, demo)
        at.button(key=f"go-{step}").click().run()
        assert at.title[0].value.split() == title.split()

    def test_the_next_universal_one_is_universal(self, look: Look, demo: Path) -> None:
        at = self.opened(look, demo)
        at.button(key="go-next universal").click().run()
        assert any("universal" in each.value and "not universal" not in each.value for each in at.markdown)

    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ({"layer": "9"}, "layers 0 to 3, and neurons 0 to 511"),
            ({"neuron": "512"}, "layers 0 to 3, and neurons 0 to 511"),
            ({"model": "nobody"}, "There is no model nobody. There are: demo-1, demo-2, demo-3"),
            ({"layer": "two"}, "needs model, layer and neuron"),
        ],
    )
    def test_unknown_neurons(self, look: Look, demo: Path, address: dict[str, str], said: str) -> None:
        at = self.opened(look, demo, **address)
        assert said in at.warning[0].value
        assert at.text_input(key="jump-to") is not None


def test_a_click_on_a_point_opens_its_neuron(look: Look, demo: Path) -> None:
    picked = {"model": "demo-1", "layer": 3, "neuron": 7}
    at = look(demo, "universality", {"scatter": {"selection": {"picked": [picked]}}})
    assert at.title[0].value.split() == ["demo-1", "L3.N7"]


def test_a_click_on_a_row_opens_its_neuron(look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
    model, layer, neuron = one(
        con,
        "select model, layer, neuron from neuron_families where family = 'unigram' "
        "order by strength desc, model, layer, neuron limit 1 offset 1",
    )
    row = {"selection": {"rows": [1], "columns": [], "cells": []}}
    at = look(demo, "families", {"members": row}, family="unigram")
    assert at.title[0].value.split() == [model, f"L{layer}.N{neuron}"]


def test_a_cell_lists_its_neurons(look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
    cell = {"is_universal": False, "is_explained": True}
    at = look(demo, "universality", {"cells": {"selection": {"picked": [cell]}}})
    listed = next(frame.value for frame in at.dataframe if "largest_score" in frame.value)
    (n,) = one(
        con, "select count(*) from neuron_families where model = 'demo-1' and not is_universal and family <> 'none'"
    )
    assert len(listed) == min(n, 1000)
    assert "none" not in set(listed["family"])


def test_a_bar_of_the_excess_lists_its_neurons(look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
    bar = {"is_universal": False, "low": 0.1, "high": 0.2}
    at = look(demo, "universality", {"excess": {"selection": {"picked": [bar]}}})
    listed = next(
        frame.value for frame in at.dataframe if list(frame.value.columns)[3:5] == ["excess_corr", "excess_se"]
    )
    (n,) = one(
        con,
        "select count(*) from neurons where model = 'demo-1' and not is_universal and not is_dead "
        "and excess_corr >= 0.1 and excess_corr < 0.2",
    )
    assert 0 < len(listed) == min(n, 1000)


def test_universal_neurons_are_listed_when_unfolded(look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
    at = look(demo, "universality", {"universal-open": True})
    (n_universal,) = one(con, "select count(*) from neurons where model = 'demo-1' and is_universal")
    assert any(len(frame.value) == n_universal and "excess_corr" in frame.value for frame in at.dataframe)


def test_a_cell_of_the_depth_map_lists_its_neurons_and_a_row_opens_one(
    look: Look, demo: Path, con: duckdb.DuckDBPyConnection
) -> None:
    (other, layer, other_layer, n_best) = one(
        con,
        "select other_model, layer, other_layer, n_best from layer_matches where model = 'demo-1' "
        "order by other_model, n_best desc limit 1",
    )
    cell = {f"depth-map-demo-1-{other}": {"selection": {"picked": [{"layer": layer, "other_layer": other_layer}]}}}
    at = look(demo, "universality", cell)
    listed = next(frame.value for frame in at.dataframe if "other_neuron" in frame.value)
    assert len(listed) == min(n_best, 1000)
    row = {"matched_neurons": {"selection": {"rows": [1], "columns": [], "cells": []}}}
    opened = look(demo, "universality", cell | row)
    assert opened.title[0].value.split() == ["demo-1", f"L{layer}.N{listed['neuron'][1]}"]


def test_a_click_on_a_partner_opens_it(look: Look, demo: Path) -> None:
    picked = {"other_model": "demo-2", "other_layer": 1, "other_neuron": 9}
    clicked = {"partners-chart": {"selection": {"picked": [picked]}}}
    at = look(demo, "neuron", clicked, model="demo-1", layer="2", neuron="117")
    assert at.title[0].value.split() == ["demo-2", "L1.N9"]


def test_a_click_on_a_near_neuron_opens_it_once(look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
    tab = {"more": "Nearest neurons"}
    row = tab | {"nearest": {"selection": {"rows": [0], "columns": [], "cells": []}}}
    at = look(demo, "neuron", tab, model="demo-1", layer="2", neuron="117")
    nearest = next(frame.value for frame in at.dataframe if "cosine" in frame.value).iloc[0]
    at = look(demo, "neuron", row, model="demo-1", layer="2", neuron="117")
    assert at.title[0].value.split() == ["demo-1", f"L{nearest['layer']}.N{nearest['neuron']}"]


def test_family_sliders_call_the_rule(look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
    at = look(demo, "families")
    assert not at.code
    at.slider(key="slider-unigram_cutoff").set_value(0.25).run()
    assert at.code[0].value == "neurons build --vars '{unigram_cutoff: 0.25}'"
    moved = next(frame.value for frame in at.dataframe if "family_then" in frame.value)
    rule = "marts.rule_family(0.25, 0.37, 0.2, 0.8, 0.2, 0.2, 800)"
    (n,) = one(
        con,
        f"select count(*) from {rule} r join neuron_families f using (run, model, layer, neuron) "
        "where model = 'demo-1' and r.family is distinct from f.family",
    )
    assert n > 0
    assert len(moved) == min(n, 500)


def test_role_and_universality_sliders(look: Look, demo: Path, con: duckdb.DuckDBPyConnection) -> None:
    at = look(demo, "roles")
    at.selectbox(key="choice-role_null_share").set_value(0.9).run()
    assert at.code[0].value == "neurons build --vars '{role_null_share: 0.9}'"
    at = look(demo, "universality")
    at.slider(key="slider-universal_threshold").set_value(0.3).run()
    assert at.code[0].value == "neurons build --vars '{universal_threshold: 0.3}'"
    (n,) = one(
        con,
        "select count(*) from marts.rule_universal(0.3, 800) "
        "where comparison = 'seeds' and model = 'demo-1' and is_universal",
    )
    assert next(metric.value for metric in at.metric if metric.label == "universal") == f"{n:,}"


class TestSql:
    def asked(self, at: AppTest, sql: str) -> AppTest:
        at.text_area(key="sql").set_value(sql).run()
        at.button(key="run").click().run()
        for _ in range(40):
            if not any(button.key == "cancel" for button in at.button):
                break
            at.run()
        assert not at.exception
        return at

    def answer(self, at: AppTest) -> Any:
        return next(frame.value for frame in at.dataframe if "meaning" not in frame.value)

    def test_free_query(self, look: Look, demo: Path) -> None:
        at = self.asked(look(demo, "sql"), "select 6 * 7 as n, 'x' as s")
        assert self.answer(at).to_dict("list") == {"n": [42], "s": ["x"]}
        assert at.query_params["sql"] == "select 6 * 7 as n, 'x' as s"

    def test_link_holds_query_and_parameters(self, look: Look, demo: Path) -> None:
        at = look(demo, "sql", sql="select $a::integer + 1 as n", p_a="41")
        at = self.asked(at, str(at.text_area(key="sql").value))
        assert self.answer(at)["n"].tolist() == [42]

    @pytest.mark.parametrize(
        ("sql", "said"),
        [
            ("drop table marts.neurons", "DROP is refused"),
            ("select * from read_csv('/etc/passwd')", "read_csv"),
            ("select modle from neurons", 'Candidate bindings: "model"'),
            ("select 1; select 2", "2 statements"),
        ],
    )
    def test_what_is_not_answered_says_why(self, look: Look, demo: Path, sql: str, said: str) -> None:
        at = self.asked(look(demo, "sql"), sql)
        assert at.error[0].value == "This query was not answered."
        assert said in at.code[0].value
        assert str(demo.parent) not in at.code[0].value

    def test_questions_come_with_their_parameters(self, look: Look, demo: Path) -> None:
        at = look(demo, "sql")
        at.selectbox(key="question").set_value("universal_neurons").run()
        assert at.text_area(key="sql").value == next(q.sql for q in questions() if q.name == "universal_neurons")
        at.text_input(key="given-layer").set_value("3").run()
        at.button(key="run").click().run()
        at.run()
        assert set(self.answer(at)["layer"]) == {3}

    def test_columns_stand_beside_it_with_their_comments(self, look: Look, demo: Path) -> None:
        at = look(demo, "sql")
        columns = next(frame.value for frame in at.dataframe if "meaning" in frame.value).set_index("column")
        assert columns["meaning"]["excess_corr"] == "mean_corr - mean_baseline."


@pytest.mark.parametrize("path", sorted((FOLDER / "app").glob("*.sql")), ids=lambda path: path.stem)
def test_every_file_of_the_explorer_is_asked_and_described(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("-- ")
    code = "".join(file.read_text() for file in sorted((FOLDER.parent / "app").rglob("*.py")))
    assert f'"{path.stem}"' in code
    described = {line[4:].split(":")[0] for line in text.splitlines() if line.startswith("-- $")}
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    used = set(re.findall(r"\$(\w+)", body))
    assert described == used


def test_numbers_that_labels_were_made_with_are_in_the_warehouse(con: duckdb.DuckDBPyConnection) -> None:
    import yaml

    project = yaml.safe_load((FOLDER.parent / "dbt_project.yml").read_text())
    numbers = {name: float(value) for name, value in project["vars"].items() if isinstance(value, int | float)}
    assert dict(con.execute("select name, value from build_vars").fetchall()) == numbers
