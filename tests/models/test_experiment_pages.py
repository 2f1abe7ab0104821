"""The explorer's pages of experiments and of training, on the warehouse of these tests."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.app.looking import opened
from tests.models.harness import Built, records

Con = duckdb.DuckDBPyConnection


@pytest.fixture
def look(built: Built, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Opens a page."""
    monkeypatch.setenv("NEURONS_WAREHOUSE", str(built.path))
    st.cache_data.clear()

    def look_at(page: str) -> AppTest:
        return opened(page, {}, {})

    return look_at


def shown(at: AppTest, column: str) -> Any:
    """The first table that has a column."""
    return next(frame.value for frame in at.dataframe if column in frame.value)


def test_home_counts_the_tokens_of_measured_runs(look: Any, con: Con) -> None:
    (shown_tokens,) = (metric.value for metric in look("home").metric if metric.label == "tokens")
    ((measured, every),) = con.execute(
        "select sum(n_tokens) filter (where kind = 'ingest'), sum(n_tokens) from marts.runs where is_speaking"
    ).fetchall()
    assert shown_tokens == f"{measured:,}"
    assert measured < every


def test_ablation(look: Any, con: Con) -> None:
    at = look("ablation")
    assert not at.info
    rows = shown(at, "excess_loss")
    (expected,) = records(
        con,
        "from marts.ablation_contrasts "
        "where neurons = $neurons and mode = $mode and control = 'energy' and scope = 'model'",
        neurons=at.selectbox(key="neurons").value,
        mode=rows["mode"][0],
    )
    whole = rows[rows["scope"] == "model"].iloc[0]
    assert whole["excess_loss"] == expected["excess_loss"]
    at.selectbox(key="control").set_value("random").run()
    assert not at.exception
    assert set(shown(at, "excess_loss")["control"]) == {"random"}
    assert len(shown(at, "draw")) == 7


def test_entropy(look: Any, con: Con) -> None:
    at = look("entropy")
    assert not at.info
    model = at.selectbox(key="of").value
    asked = {"model": model, "neurons": at.selectbox(key=f"neurons-of-{model}").value}
    (expected,) = records(
        con,
        "select min(delta_entropy) as least, max(delta_entropy) as most from marts.entropy_sweeps "
        "where model = $model and neurons = $neurons and is_asked",
        **asked,
    )
    rows = shown(at, "delta_entropy")["delta_entropy"]
    assert (rows.min(), rows.max()) == (expected["least"], expected["most"])
    for measure in ("scale", "reciprocal_rank"):
        at.selectbox(key="measure").set_value(measure).run()
        assert not at.exception
    of_set = "where model = $model and neurons = $neurons"
    query = f"from marts.entropy_mediation {of_set} and frozen = 'norm' and quantity = 'entropy'"
    assert len(shown(at, "mediated_share")) == len(records(con, query, **asked))
    assert "pulls" in shown(at, "pulls")


def test_attention(look: Any, con: Con) -> None:
    at = look("attention")
    assert not at.info
    model = at.selectbox(key="of").value
    asked = {"model": model, "neurons": at.selectbox(key=f"neurons-of-{model}").value}
    query = (
        "from marts.path_ablations where model = $model and neurons = $neurons and span = 'all' and control = 'asked'"
    )
    expected = records(con, query, **asked)
    rows = shown(at, "delta_attention")
    assert sorted(rows["delta_attention"]) == sorted(row["delta_attention"] for row in expected)
    heads = records(con, "from marts.head_bos_outputs where model = $model", model=model)
    assert len(shown(at, "other_to_bos")) == len(heads)


def test_stages(look: Any, con: Con) -> None:
    at = look("stages")
    assert not at.info
    (last,) = records(con, "select lens_kl, delete_kl from marts.layer_stages where model = 'b' and layer = 1")
    rows = shown(at, "lens_kl")
    assert (rows["lens_kl"].iloc[-1], rows["delete_kl"].iloc[-1]) == (last["lens_kl"], last["delete_kl"])
    at.segmented_control(key="over").set_value("relative_depth").run()
    assert not at.exception
    assert len(shown(at, "attention_to_pieces")) == 4
    assert set(shown(at, "pct_beyond_model")["kind"]) == {"model", "prediction", "random"}
    at.multiselect(key="models").set_value([]).run()
    assert at.info[0].value == "Choose a model."


def test_training(look: Any, con: Con) -> None:
    at = look("training")
    assert not at.info
    assert len(shown(at, "n_born")) == 18
    at.selectbox(key="scope").set_value("L1").run()
    assert not at.exception
    n = records(con, "select count(*) as n from marts.neuron_steps where change = 'kept'")[0]["n"]
    at.segmented_control(key="change").set_value("kept").run()
    assert len(shown(at, "excess_from")) == n
