"""Exact sums that do not fit in memory at once: several passes say the same as one, if nobody mixes their parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.runs.interrupted import MEASURES, SAVING_OFTEN, ingest, make_models, make_study, memory_for
from tests.support.bombs import Bomb
from tests.support.commands import one_line_of_refusal
from tests.support.tables import rows

MEASURE = MEASURES["exact in passes"]
UNIT = "site, model, layer, neuron, other_model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("passes")
    make_models(folder)
    return folder


def measured(study: Path, warehouse: Path) -> Path:
    ended = ingest(study, warehouse, study.parent / "printed")()
    assert ended.code == 0, ended.err
    return warehouse


def test_several_passes_say_the_same_as_one(folder: Path, tmp_path: Path) -> None:
    once = make_study(folder / "once.toml", MEASURE)
    thrice = make_study(folder / "thrice.toml", MEASURE, memory=memory_for(once, 3))
    one, three = (measured(study, tmp_path / f"{study.stem}.duckdb") for study in (once, thrice))
    assert [rows(file, "select n_passes from raw.runs").row(0) for file in (one, three)] == [(1,), (3,)]
    for query in (
        f"select {UNIT}, other_layer, other_neuron, max_corr, min_layer, min_neuron, min_corr from raw.bests",
        "select * exclude (run) from raw.baselines",
        "select * exclude (run) from raw.partners",
        "select * exclude (run) from raw.moments",
    ):
        assert rows(one, f"{query} order by all").equals(rows(three, f"{query} order by all")), query
    floors = rows(three, "select distinct kind from raw.baselines")["kind"]
    assert set(floors) == {"rotation", "shift", "noise", "twin"}
    # More partners can be followed in several passes, so errors may rest on more groups, but not on fewer.
    errors = [rows(file, f"select {UNIT}, n_groups, influence from raw.bests order by {UNIT}") for file in (one, three)]
    assert (errors[1]["n_groups"].fill_null(0) >= errors[0]["n_groups"].fill_null(0)).all()
    same = (errors[0]["n_groups"] == errors[1]["n_groups"]).fill_null(value=False)
    assert same.sum() > 0.5 * len(same)
    here, there = (error.filter(same)["influence"].to_numpy() for error in errors)
    assert np.abs(here - there).max() < 1e-5


@pytest.mark.slow
def test_what_was_begun_in_other_passes_is_not_gone_on_with(folder: Path, tmp_path: Path) -> None:
    plain = make_study(folder / "plain.toml", MEASURE)
    # Both take two passes, and share the tiles out in other ways.
    memory = memory_for(plain, 2)
    other = make_study(folder / "other.toml", MEASURE, memory=memory)
    begun = make_study(folder / "begun.toml", MEASURE, memory=memory + 0.8 * (memory_for(plain, 1) - memory))
    undisturbed = measured(other, tmp_path / "undisturbed" / "neurons.duckdb")
    warehouse = tmp_path / "neurons.duckdb"
    in_the_second = Bomb("ingest.recipes.passes:FusedPass.run_part", call=20)
    killed = ingest(begun, warehouse, tmp_path / "printed")(bomb=in_the_second, settings=SAVING_OFTEN)
    assert killed.code == -9
    assert rows(warehouse, "select n_passes from raw.runs").row(0) == (2,)
    measured(other, warehouse)
    assert rows(warehouse, "select status from raw.runs order by status")["status"].to_list() == ["finished", "running"]
    for table in ("bests", "baselines", "partners"):
        query = (
            f"select t.* from raw.{table} as t inner join raw.runs using (run) where status = 'finished' order by all"
        )
        assert rows(warehouse, query).equals(rows(undisturbed, query)), table


def test_halves_that_do_not_fit_at_once_are_refused(folder: Path, tmp_path: Path) -> None:
    plain = make_study(folder / "whole.toml", MEASURE)
    halves = make_study(folder / "halves.toml", MEASURE | {"validation": ["split-half"]}, memory=memory_for(plain, 3))
    warehouse = tmp_path / "neurons.duckdb"
    line = one_line_of_refusal(ingest(halves, warehouse, tmp_path / "printed")())
    assert "split-half" in line
    assert "memory" in line
    assert not warehouse.exists()


def test_memory_for_no_layer_at_all_is_refused(folder: Path, tmp_path: Path) -> None:
    plain = make_study(folder / "roomy.toml", MEASURE)
    least = memory_for(plain, 6)
    warehouse = tmp_path / "neurons.duckdb"
    for memory, measure in ((0.999 * least, MEASURE), (0.1 * least, MEASURE), (0.1 * least, MEASURES["sketch"])):
        narrow = make_study(folder / "narrow.toml", measure, memory=memory)
        line = one_line_of_refusal(ingest(narrow, warehouse, tmp_path / "printed")())
        assert "raise [device] memory" in line
        assert not warehouse.exists()


def test_tiles_are_cut_where_one_does_not_fit(folder: Path, tmp_path: Path) -> None:
    plain = make_study(folder / "uncut.toml", MEASURE)
    cut = make_study(folder / "cut.toml", MEASURE, memory=memory_for(plain, 12))
    one, many = (measured(study, tmp_path / f"{study.stem}.duckdb") for study in (plain, cut))
    (tiles,) = rows(many, "select plan -> '$.tiles_per_pass' as tiles from raw.runs").row(0)
    assert json.loads(tiles) == [1] * 12
    for query in (
        f"select {UNIT}, other_layer, other_neuron, max_corr, min_layer, min_neuron, min_corr from raw.bests",
        "select * exclude (run) from raw.baselines",
        "select * exclude (run) from raw.partners",
    ):
        assert rows(one, f"{query} order by all").equals(rows(many, f"{query} order by all")), query
