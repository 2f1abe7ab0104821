"""`neurons import`: what is read of published frames, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest.errors import InputError
from ingest.recipes.importing import Imported, import_frame
from tests.support.commands import neurons, one_line_of_refusal
from tests.support.published_frames import D_MLP, N_LAYERS, SHAPE, frame

Import = Callable[..., Imported]


@pytest.fixture
def take(tmp_path: Path) -> Import:
    """Imports a frame, or a file, into the test's warehouse."""

    def take_one(what: pl.DataFrame | Path, name: str = "m", file: str = "frame.csv") -> Imported:
        path = what if isinstance(what, Path) else tmp_path / file
        if isinstance(what, pl.DataFrame):
            what.write_parquet(path) if path.suffix == ".parquet" else what.write_csv(path)
        return import_frame(path, name, tmp_path / "w.duckdb", **SHAPE)

    return take_one


def stored(tmp_path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as con:
        return con.execute(query).fetchall()


@pytest.mark.parametrize("file", ["frame.csv", "frame.parquet"])
def test_every_cell_arrives(take: Import, tmp_path: Path, file: str) -> None:
    whole = frame()
    done = take(whole, file=file)
    assert (done.n_rows, done.n_neurons, done.is_universal_subset) == (N_LAYERS * D_MLP, N_LAYERS * D_MLP, False)
    with duckdb.connect(str(tmp_path / "w.duckdb"), read_only=True) as con:
        there = con.sql(f"select {', '.join(whole.columns)} from raw.imported_neurons order by layer, neuron").pl()
    assert there.cast(pl.Float64).equals(whole.cast(pl.Float64))


def test_the_other_spelling_and_an_unnamed_index(take: Import, tmp_path: Path) -> None:
    names = {"neuron": "neuron_ix", "w_in_norm": "input_weight_norm", "l2_penalty": "weight_norm_penalty"}
    whole = frame().rename(names).drop("excess_corr")
    text = whole.write_csv().splitlines()
    indexed = [f"{'' if row == 0 else row - 1},{line}" for row, line in enumerate(text)]
    file = tmp_path / "indexed.csv"
    file.write_text("\n".join(indexed) + "\n")
    done = take(file)
    assert {"w_in_norm", "l2_penalty"} <= set(done.columns)
    assert "excess_corr" not in done.columns
    assert stored(tmp_path, "select count(*), count(w_in_norm) from raw.imported_neurons") == [(100, 100)]


def test_a_second_import_changes_nothing(take: Import, tmp_path: Path) -> None:
    first, second = take(frame()), take(frame())
    assert (first.was_there, second.was_there) == (False, True)
    assert first.run == second.run
    assert stored(tmp_path, "select count(*) from raw.runs") == [(1,)]
    assert stored(tmp_path, "select count(*) from raw.imported_neurons") == [(100,)]


def test_empty_cells_are_not_known(take: Import, tmp_path: Path) -> None:
    take(frame().with_columns(skew=pl.when(pl.col("neuron") == 3).then(None).otherwise(pl.col("skew"))))
    assert stored(tmp_path, "select count(*) from raw.imported_neurons where skew is null") == [(N_LAYERS,)]


def test_a_universal_subset_bounds_the_others(take: Import, tmp_path: Path) -> None:
    done = take(frame().filter(pl.col("excess_corr") > 0.5))
    assert done.is_universal_subset
    assert stored(tmp_path, "select excess_bound from raw.imports") == [(0.5,)]
    assert not take(frame().head(7), name="other").is_universal_subset


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop("layer"), "has no column layer"),
        (lambda f: f.select("layer", "neuron"), "says nothing about its neurons"),
        (lambda f: f.select("layer", "neuron", is_surpress=pl.lit(True)), "every warehouse has the published one"),
        (lambda f: f.head(0), "has no rows"),
        (lambda f: pl.concat([f.head(5), f.slice(2, 1)]), "row 6: L0.N2 is there a second time"),
        (lambda f: pl.concat([f, f.head(1)]), "has 101 rows"),
        (lambda f: f.with_columns(input_weight_norm=pl.col("w_in_norm")), "has both w_in_norm and input_weight_norm"),
        (lambda f: f.with_columns(layer=pl.col("layer") + 1), "row 51: layer is 2, but a model of 2 x 50 has 0 to 1"),
        (lambda f: f.with_columns(neuron=pl.col("neuron") - 1), "row 1: neuron is -1"),
        (lambda f: f.with_columns(neuron=pl.col("neuron") + 0.5), "row 1: neuron is '0.5', no whole number"),
        (lambda f: cell(f, "skew", 4, "NaN"), "row 5: skew is 'NaN', no finite number"),
        (lambda f: cell(f, "kurt", 9, "inf"), "row 10: kurt is 'inf', no finite number"),
        (lambda f: cell(f, "mean", 0, "much"), "row 1: mean is 'much', no finite number"),
        (lambda f: cell(f, "layer", 7, ""), "row 8: layer is empty, no whole number"),
    ],
)
def test_what_cannot_be_is_refused(
    take: Import, tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], said: str
) -> None:
    with pytest.raises(InputError, match=r"^frame\.csv") as refused:
        take(change(frame()))
    assert said in str(refused.value)
    assert not (tmp_path / "w.duckdb").exists()


def cell(rows: pl.DataFrame, column: str, row: int, text: str) -> pl.DataFrame:
    """The frame as text, with another text in one cell."""
    texts = rows[column].cast(pl.String).to_list()
    texts[row] = text
    return rows.with_columns(pl.Series(column, texts))


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe garbage \x80\n\x81,\x82\n", b"PAR1 no parquet"])
@pytest.mark.parametrize("name", ["broken.csv", "broken.parquet"])
def test_no_frame_at_all(take: Import, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refused:
        take(tmp_path / name)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "w.duckdb").exists()


class TestTwoFiles:
    """Frames of one model may differ a little; what contradicts is refused, and the first one stays."""

    def refused(self, take: Import, tmp_path: Path, other: pl.DataFrame) -> str:
        take(frame())
        with pytest.raises(InputError) as refused:
            take(other, file="other.csv")
        assert stored(tmp_path, "select count(*) from raw.imports") == [(1,)]
        return str(refused.value)

    def test_a_little_apart(self, take: Import, tmp_path: Path) -> None:
        take(frame())
        take(frame().with_columns(pl.col("w_in_norm") * 1.0015), file="other.csv")
        assert stored(tmp_path, "select count(*) from raw.imports") == [(2,)]

    def test_a_column_that_is_off(self, take: Import, tmp_path: Path) -> None:
        sd = frame().filter(pl.col("layer") == 1)["kurt"].std()
        assert isinstance(sd, float)
        off = pl.when((pl.col("layer") == 1) & (pl.col("neuron") >= 30)).then(0.11 * sd).otherwise(0.0)
        said = self.refused(take, tmp_path, frame().with_columns(pl.col("kurt") + off))
        assert "other.csv contradicts frame.csv" in said
        assert "L1.N30 has kurt" in said

    def test_the_other_side_of_the_threshold(self, take: Import, tmp_path: Path) -> None:
        near = frame(seed=0, excess=0.4999)
        take(near, name="near")
        moved = near.with_columns(excess_corr=pl.col("excess_corr") + 0.0002)
        with pytest.raises(InputError, match=r"L0\.N0 has excess_corr 0\.5001, not 0\.4999"):
            take(moved, name="near", file="other.csv")

    def test_a_subset_that_lacks_a_universal_one(self, take: Import, tmp_path: Path) -> None:
        universal = frame().filter(pl.col("excess_corr") > 0.5)
        said = self.refused(take, tmp_path, universal.tail(-1))
        first = universal.row(0, named=True)
        assert f"L{first['layer']}.N{first['neuron']} is universal in frame.csv" in said

    def test_another_shape(self, take: Import, tmp_path: Path) -> None:
        take(frame())
        with pytest.raises(InputError, match="was imported with 2 x 50 neurons, not 3 x 50"):
            import_frame(tmp_path / "frame.csv", "m", tmp_path / "w.duckdb", n_layers=3, d_mlp=50)


def test_known_and_unknown_names(take: Import, tmp_path: Path) -> None:
    file, warehouse = tmp_path / "frame.csv", tmp_path / "w.duckdb"
    frame().write_csv(file)
    with pytest.raises(InputError, match="the shape of mine is not known: give --layers and --d-mlp"):
        import_frame(file, "mine", warehouse, n_layers=None, d_mlp=None)
    with pytest.raises(InputError, match="--layers 11: stanford-gpt2-small-a has 12"):
        import_frame(file, "stanford-gpt2-small-a", warehouse, n_layers=11, d_mlp=None)
    known = import_frame(file, "stanford-gpt2-small-a", warehouse, n_layers=None, d_mlp=None)
    assert known.n_neurons == 12 * 3072


def test_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "frame.csv"
    frame().write_csv(file)
    done = neurons(
        *("import", file, "--model", "m", "--layers", N_LAYERS, "--d-mlp", D_MLP, "--warehouse", tmp_path / "w.duckdb")
    )
    assert done.code == 0, done.err
    assert "m: 100 of 100 neurons" in done.out
    assert "next: neurons build" in done.out
    refused = neurons("import", tmp_path / "none.csv", "--model", "pythia-160m", "--warehouse", tmp_path / "w.duckdb")
    assert refused.code == 2
    assert "is no file" in one_line_of_refusal(refused)
