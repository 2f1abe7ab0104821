"""Published frames in the marts, beside what was measured."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.stats import percentileofscore

from ingest.recipes.importing import import_frame
from tests.app.looking import opened
from tests.models.harness import ROOT, Built, records, run_dbt
from tests.support.published_frames import D_MLP, N_LAYERS, frame

pytestmark = pytest.mark.slow

REFERENCE = ROOT.parent / "shared" / "reference" / "stanford-gpt2-small-a.universal.csv"
MARTS = (
    *("published_neurons", "published_comparison", "universality", "layer_universality", "universality_curve"),
    *("property_contrasts", "neuron_roles", "layer_profiles", "models", "runs"),
)
SHIFT, SCALE = 0.125, 0.5


@pytest.fixture(scope="session")
def published(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The small warehouse with a whole frame, a universal subset beside weights, a subset alone, and one of model a."""
    folder = tmp_path_factory.mktemp("published")
    warehouse = folder / "small.duckdb"
    shutil.copy(built.path, warehouse)

    def take(rows: pl.DataFrame, name: str, file: str, n_layers: int = N_LAYERS, d_mlp: int = D_MLP) -> None:
        rows.write_csv(folder / file)
        import_frame(folder / file, name, warehouse, n_layers=n_layers, d_mlp=d_mlp)

    take(frame(), "whole", "whole.csv")
    universal = frame(1).filter(pl.col("excess_corr") > 0.5)
    take(universal, "subset", "subset.csv")
    # Norms of another checkpoint: a little apart.
    take(
        frame(2).filter(pl.col("excess_corr") > 0.5).with_columns(pl.col("w_in_norm") * 1.001), "both", "universal.csv"
    )
    weights = frame(2).select("layer", "neuron", "w_in_norm", "w_out_norm")
    take(weights, "both", "weights.csv")
    take(frame(3).head(60), "part", "part.csv")
    with duckdb.connect(str(built.path), read_only=True) as con:
        ours = con.sql("select layer, neuron, w_out_norm, excess_corr from marts.neurons where model = 'a'").pl()
        ((n_layers, d_mlp),) = con.sql("select n_layers, d_mlp from marts.models where model = 'a'").fetchall()
    scaled = ours.with_columns(w_out_norm=(pl.col("w_out_norm") - SHIFT) / SCALE)
    take(scaled, "a", "of_a.csv", n_layers, d_mlp)
    if REFERENCE.exists():
        import_frame(REFERENCE, "stanford-gpt2-small-a", warehouse, n_layers=None, d_mlp=None)
    result = run_dbt("build", warehouse, folder, "--select", *(f"+{mart}" for mart in MARTS))
    assert result.returncode == 0, result.stdout
    with duckdb.connect(str(warehouse), read_only=True) as con:
        con.execute("set schema = 'marts'")
        yield con


def test_a_whole_frame_is_a_model_like_others(published: duckdb.DuckDBPyConnection) -> None:
    rows = frame()
    n_universal = rows.filter(pl.col("excess_corr") > 0.5).height
    (row,) = records(published, "select * from universality where model = 'whole'")
    assert (row["n_neurons"], row["n_universal"]) == (N_LAYERS * D_MLP, n_universal)
    assert row["pct_universal"] == pytest.approx(100 * n_universal / (N_LAYERS * D_MLP))
    (model,) = records(published, "select * from models where model = 'whole'")
    assert model["source"] == "imported: whole.csv"
    assert records(published, "select kind, status, is_speaking from runs where study = 'whole.csv'") == [
        {"kind": "import", "status": "finished", "is_speaking": True}
    ]


@pytest.mark.parametrize("column", ["sparsity", "kurt", "l2_penalty", "vocab_kurt"])
def test_percentiles_are_those_of_scipy(published: duckdb.DuckDBPyConnection, column: str) -> None:
    rows = frame()
    for layer in range(N_LAYERS):
        values = rows.filter(layer=layer)[column].to_numpy()
        ours = published.execute(
            f"select {column}_pct from neuron_percentiles where model = 'whole' and layer = ? order by neuron", [layer]
        ).fetchnumpy()[f"{column}_pct"]
        np.testing.assert_allclose(ours, [percentileofscore(values, value) for value in values])


def test_medians_of_percentiles(published: duckdb.DuckDBPyConnection) -> None:
    rows = frame()
    pct = pl.concat(
        part.with_columns(pct=pl.Series([percentileofscore(part["skew"].to_numpy(), v) for v in part["skew"]]))
        for part in rows.partition_by("layer")
    )
    (row,) = records(published, "select * from property_contrasts where model = 'whole' and property = 'skew'")
    assert row["universal_median_pct"] == pytest.approx(pct.filter(pl.col("excess_corr") > 0.5)["pct"].median())
    assert row["rest_median_pct"] == pytest.approx(pct.filter(pl.col("excess_corr") <= 0.5)["pct"].median())


@pytest.mark.parametrize(("name", "seed"), [("subset", 1), ("both", 2)])
def test_a_universal_subset_is_a_share_of_the_model(published: duckdb.DuckDBPyConnection, name: str, seed: int) -> None:
    n_universal = frame(seed).filter(pl.col("excess_corr") > 0.5).height
    (row,) = records(published, "select * from universality where model = $name", name=name)
    assert (row["n_neurons"], row["n_universal"]) == (N_LAYERS * D_MLP, n_universal)
    assert row["pct_universal"] == pytest.approx(100 * n_universal / (N_LAYERS * D_MLP))
    curve = records(
        published, "select threshold, n_neurons, n_universal from universality_curve where model = $n", n=name
    )
    assert min(point["threshold"] for point in curve) == 0.5
    assert {point["n_neurons"] for point in curve} == {N_LAYERS * D_MLP}
    with_kurt = "select count(*) n from neuron_percentiles where model = $n and kurt_pct is not null"
    assert records(published, with_kurt, n=name) == [{"n": 0}]
    assert records(published, "select count(*) n from layer_profiles where model = $n", n=name) == [{"n": 0}]


def test_the_wider_file_supplies_a_column_whole(published: duckdb.DuckDBPyConnection) -> None:
    rows = published.execute(
        "select w_in_norm, l2_penalty from published_neurons where model = 'both' order by layer, neuron"
    ).fetchnumpy()
    np.testing.assert_array_equal(rows["w_in_norm"], frame(2)["w_in_norm"])
    known = ~np.ma.getmaskarray(rows["l2_penalty"])
    assert known.all()


def test_a_part_has_a_number_and_no_share(published: duckdb.DuckDBPyConnection) -> None:
    (row,) = records(published, "select * from universality where model = 'part'")
    assert row["n_universal"] == frame(3).head(60).filter(pl.col("excess_corr") > 0.5).height
    assert row["pct_universal"] is None
    assert records(published, "select count(*) n from universality_curve where model = 'part'") == [{"n": 0}]


def test_roles_follow_the_published_rule(published: duckdb.DuckDBPyConnection) -> None:
    rows = frame().filter(pl.col("vocab_kurt") > 10)
    found = dict(
        published.execute(
            "select role, count(*) from neuron_roles where model = 'whole' and passes_published "
            "and role in ('prediction', 'suppression') group by role"
        ).fetchall()
    )
    n_positive = rows.filter(pl.col("vocab_skew") > 0).height
    assert found == {"prediction": n_positive, "suppression": rows.height - n_positive}


def test_ours_against_published(published: duckdb.DuckDBPyConnection) -> None:
    rows = {row["property"]: row for row in records(published, "select * from published_comparison where model = 'a'")}
    norm = rows["w_out_norm"]
    assert norm["corr"] == pytest.approx(1)
    assert norm["slope"] == pytest.approx(SCALE)
    assert rows["excess_corr"]["largest_difference"] == pytest.approx(0, abs=1e-12)
    (ours,) = records(published, "select n_universal from universality where model = 'a'")
    assert (
        rows["excess_corr"]["n_universal_ours"] == ours["n_universal"] == rows["excess_corr"]["n_universal_published"]
    )
    assert rows["excess_corr"]["jaccard"] == 1
    assert norm["jaccard"] is None


def test_what_was_measured_stays_as_it_is(published: duckdb.DuckDBPyConnection, con: duckdb.DuckDBPyConnection) -> None:
    query = (
        "select * exclude (run, moments_run, weights_run) from marts.neurons where model = 'a' order by layer, neuron"
    )
    assert published.sql(query).pl().equals(con.sql(query).pl())


def test_the_page_shows_both(published: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = published.execute("select path from duckdb_databases() where database_name = 'small'").fetchone() or ("",)
    monkeypatch.setenv("NEURONS_WAREHOUSE", str(file))
    at = opened("published", {"of": "a"}, {})
    assert [box.value for box in at.selectbox if box.key == "of"] == ["a"]
    frames = [frame.value for frame in at.dataframe]
    assert set(frames[0]["model"]) >= {"a", "b", "both", "part", "subset", "whole"}
    assert frames[1].set_index("property")["slope"]["w_out_norm"] == pytest.approx(SCALE)


@pytest.mark.skipif(not REFERENCE.exists(), reason="the published frame of GPT2-small-a is not beside this project")
class TestPublishedModel:
    """GPT2-small-a, of which the universal neurons are published."""

    def test_share(self, published: duckdb.DuckDBPyConnection) -> None:
        (row,) = records(published, "select * from universality where model = 'stanford-gpt2-small-a'")
        assert (row["n_universal"], row["n_neurons"]) == (1533, 36_864)
        assert round(row["pct_universal"], 2) == 4.16

    def test_layers(self, published: duckdb.DuckDBPyConnection) -> None:
        rows = records(
            published,
            "select n_universal from layer_universality where model = 'stanford-gpt2-small-a' order by layer",
        )
        layers = [222, 244, 101, 110, 71, 72, 56, 112, 101, 142, 125, 177]
        assert [row["n_universal"] for row in rows] == layers

    def test_roles_among_them(self, published: duckdb.DuckDBPyConnection) -> None:
        rows = published.execute(
            "select roles.role, count(*) from neuron_roles as roles join neurons using (model, layer, neuron) "
            "where model = 'stanford-gpt2-small-a' and passes_published and is_universal "
            "and roles.role in ('prediction', 'suppression') group by 1"
        ).fetchall()
        assert dict(rows) == {"prediction": 89, "suppression": 124}
