"""A model is added to a built warehouse: only what is new is computed, and a full refresh gives the same."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from polars.testing import assert_frame_equal

from ingest.tables import TABLES
from tests.models.activations import N_PARTS, activations
from tests.models.harness import Built, run_dbt
from tests.models.raw_pairs import pair_rows
from tests.models.raw_profiles import profile_rows, vocabulary_rows
from tests.models.raw_warehouse import insert, moment_rows, part_rows, run_rows, site_rows, weight_rows
from tests.models.raw_weights import role_rows
from tests.support.tables import opened, rows

KNOWN, NEW = ("a", "b", "c", "d"), "e"
BY_RUN = Path(__file__).parents[2] / "models" / "intermediate" / "by_run"


def grow(path: Path) -> None:
    """Write a run `third` that extends `second` by a model e: its own rows, and whose the others are."""
    every = (*KNOWN, NEW)
    facts = activations("third", every, seed=6, with_floors=True)
    own = replace(facts, models=(NEW,))
    opening = run_rows("third", 20, "finished", N_PARTS, every, method="exact", n_passes=1, parent="second")
    pairs = pair_rows(facts, ("mlp",))
    for row in [*opening["models"], *pairs["pairs"]]:
        if NEW not in (row["model"], row.get("other_model")):
            row["taken_from"] = "second"
    of_new = {
        name: [row for row in found if name == "pairs" or NEW in (row["model"], row["other_model"])]
        for name, found in pairs.items()
    }
    with duckdb.connect(str(path)) as con:
        for tables in (
            opening,
            weight_rows("third", (NEW,), seed=12, with_features=True),
            {"moments": moment_rows(own, range(N_PARTS)), "sites": site_rows(facts, ("mlp",))},
            {"parts": part_rows("third", N_PARTS, 1)},
            vocabulary_rows("third", (NEW,), 5),
            role_rows("third", (NEW,)),
            profile_rows(own),
            of_new,
        ):
            insert(con, tables)


def with_copies(path: Path) -> None:
    """Give the run that extends another one copies of that one's rows, as if it had measured everything itself."""
    with duckdb.connect(str(path)) as con:
        for table in TABLES:
            columns = {column.name for column in table.columns}
            if {"run", "model"} <= columns and table.name not in ("models", "pairs", "sites"):
                con.execute(
                    f"insert into raw.{table.name} by name select * replace ('third' as run) from raw.{table.name} "
                    "where run = 'second'"
                )
        for name in ("models", "pairs"):
            con.execute(f"update raw.{name} set taken_from = null")


def built_again(path: Path, scratch: Path, *options: str) -> Path:
    """What dbt makes of a grown warehouse."""
    result = run_dbt("run", path, scratch, *options)
    assert result.returncode == 0, result.stdout
    return path


@pytest.fixture(scope="module")
def grown(built: Built) -> Path:
    """The small warehouse, built, then grown, then built again."""
    path = built.scratch / "grown.duckdb"
    shutil.copy(built.path, path)
    grow(path)
    return built_again(path, built.scratch / "growing")


@pytest.fixture(scope="module")
def compiled(grown: Path, built: Built) -> dict[str, str]:
    """The statements that the second build ran, by table that grows."""
    folder = built.scratch / "growing" / "target" / "run" / "neuron_warehouse" / "models" / "intermediate" / "by_run"
    return {path.stem: path.read_text() for path in folder.glob("*.sql")}


def relations(path: Path) -> list[str]:
    """Tables and views that dbt made, but the one that holds its invocation."""
    with opened(path) as con:
        found = con.execute(
            "select schema_name, table_name from duckdb_tables() where schema_name in ('marts', 'intermediate') "
            "union all select schema_name, view_name from duckdb_views() "
            "where schema_name in ('marts', 'intermediate') order by all"
        ).fetchall()
    return [f"{schema}.{name}" for schema, name in found if name != "builds"]


def assert_same(one: Path, other: Path, relation: str, *, but: tuple[str, ...] = ()) -> None:
    """Equal rows; sums over the parts of a text may differ in the last bits, with the order of the threads."""
    kept = [column for column in rows(one, f"from {relation} limit 0").columns if column not in but]
    query = f"select {', '.join(kept)} from {relation} order by all"
    assert_frame_equal(rows(one, query), rows(other, query), check_exact=False, rel_tol=1e-9, abs_tol=1e-12)


def test_growing_equals_a_full_refresh(grown: Path, built: Built) -> None:
    in_full = built.scratch / "refreshed.duckdb"
    shutil.copy(grown, in_full)
    built_again(in_full, built.scratch, "--full-refresh")
    assert relations(grown) == relations(in_full)
    for relation in relations(grown):
        assert_same(grown, in_full, relation, but=("made_of",))
    # What the partners of the new model were known by is added to in whole numbers: nothing depends on an order.
    scores = "select * from intermediate.int_run_scores order by all"
    assert rows(grown, scores).equals(rows(in_full, scores))


def test_only_the_new_run_is_computed(compiled: dict[str, str], built: Built) -> None:
    assert set(compiled) == {path.stem for path in BY_RUN.glob("*.sql")}
    for name, statement in compiled.items():
        assert "insert into" in statement, name
    queries = built.scratch / "growing" / "target" / "compiled" / "neuron_warehouse" / "models/intermediate/by_run"
    for name in compiled:
        asked = re.findall(r"run in \(('.*?')\)", (queries / f"{name}.sql").read_text())
        assert asked, name
        for runs in asked:
            assert "'third'" in runs, name
            assert "'second'" not in runs, name


def test_the_checksum_holds_every_macro_that_such_tables_are_made_with() -> None:
    project = BY_RUN.parents[2]
    macros = {
        name: file.read_text()
        for file in (project / "sql" / "macros").glob("*.sql")
        for name in re.findall(r"\{% macro (\w+)\(", file.read_text())
    }
    more = [BY_RUN.parent / f"{name}.sql" for name in ("int_power_sums", "int_own_percentiles")]
    sql = "".join(file.read_text() for file in [*BY_RUN.glob("*.sql"), *more])
    called = {name for name in re.findall(r"(\w+)\(", " ".join(re.findall(r"\{\{.*?\}\}", sql))) if name in macros}
    assert {"exact_sum", "of_new_runs", "percentiles_of"} <= called
    (hashed,) = re.findall(r"macro checksum_of\(.*?endmacro", macros["checksum_of"], re.DOTALL)
    assert called - {"of_new_runs", "ref"} <= set(re.findall(r"(\w+)\(", hashed))


def test_a_new_model_is_compared_with_every_known_one(grown: Path) -> None:
    universality = "select model, n_partners from marts.neuron_universality where comparison = 'seeds'"
    found = rows(grown, f"{universality} and run = 'third' group by all order by all").rows()
    assert found == [(model, 4) for model in (*KNOWN, NEW)]
    partners = "select model, other_model, run from marts.neuron_partners where relation = 'seed' group by all"
    assert len(rows(grown, f"from ({partners}) where run = 'third'")) == 20


def test_percentiles_are_made_anew_for_models_whose_neurons_changed(grown: Path, built: Built) -> None:
    path = built.scratch / "changed-neurons.duckdb"
    shutil.copy(grown, path)
    with duckdb.connect(str(path)) as con:
        con.execute("update intermediate.int_own_percentiles set mean_pct = -1")
        con.execute("update raw.weights set input_bias = input_bias + neuron where model = 'b'")
    built_again(path, built.scratch, "--select", "int_neuron_properties", "neurons", "int_property_hashes+2")
    found = "select model, min(mean_pct) = -1 as is_old from marts.neuron_percentiles group by all order by all"
    models = rows(grown, found)["model"]
    assert rows(path, found).rows() == [(model, model != "b") for model in models]


def test_a_build_that_fails_leaves_what_was_there(grown: Path, built: Built) -> None:
    path = built.scratch / "failing.duckdb"
    shutil.copy(grown, path)
    with duckdb.connect(str(path)) as con:
        con.execute("update raw.runs set n_tokens = 18446744073709551615")
    result = run_dbt("run", path, built.scratch, "--select", "runs")
    assert result.returncode == 1
    assert "Conversion Error" in result.stdout
    assert rows(path, "from marts.runs order by all").equals(rows(grown, "from marts.runs order by all"))


@pytest.mark.slow
def test_rows_that_are_not_copied_are_shown_as_if_they_were(grown: Path, built: Built) -> None:
    copied = built.scratch / "copied.duckdb"
    shutil.copy(grown, copied)
    with_copies(copied)
    built_again(copied, built.scratch, "--full-refresh")
    # Features are left out: here the two runs have different ones.
    for name in ("neurons", "neuron_partners", "neuron_matches", "universality", "layer_universality"):
        assert_same(grown, copied, f"marts.{name}", but=("run", "moments_run", "weights_run", "family"))
    speaking = "(from marts.neuron_universality where not contains(comparison, '@'))"
    assert_same(grown, copied, speaking)


@pytest.mark.slow
def test_a_table_that_was_made_by_something_else_is_made_anew(grown: Path, built: Built) -> None:
    path = built.scratch / "other.duckdb"
    shutil.copy(grown, path)
    with duckdb.connect(str(path)) as con:
        for name in ("int_supports", "int_moments"):
            con.execute(f"delete from intermediate.{name} where run <> 'third'")
        con.execute("comment on table intermediate.int_supports is 'made by another project'")
    built_again(path, built.scratch)
    n = "select count(*) as n from intermediate.int_{}"
    assert rows(path, n.format("supports"))["n"][0] == rows(grown, n.format("supports"))["n"][0]
