"""What comes with exported marts: README.md for people and hubs, dataset.json for programs."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from app.exported_folder import CARD
from ingest.recipes.exported_marts import Mart, selected
from ingest.recipes.exported_parquet import ROWS_PER_FILE

MADE_BY = "neuron-warehouse"
_MODELS = ("model", "model_family", "seed", "step", "n_layers", "d_mlp", "source", "revision", "weights_hash", "run")
_RUNS = ("run", "study", "kind", "method", "n_tokens", "n_documents", "corpus", "split", "part", "revision", "version")
_LICENCE = (
    "The tables are under the MIT licence (LICENSE). The corpora and the models they were measured on have licences of "
    "their own, which hold for what is quoted of them: tokens, and the text around the examples of neurons."
)
_OPEN = {
    "parquet": """\
In DuckDB, from this folder:

```sql
select * from '{neurons}' where is_universal;
select decode(key), decode(value) from parquet_kv_metadata('{neurons}');   -- what its columns mean
```

In Polars:

```python
import polars as pl

pl.scan_parquet("{neurons}").filter(pl.col("is_universal")).collect()
```

A table of up to {rows} rows is one file. A larger one is a folder with a subfolder per model, or per pair of models, as
Hive names them (`neuron_matches/model=NAME/other_model=NAME/part-000.parquet`): these columns stand in the folders'
names, and readers put them behind the others. Below, every table says where it lies. Such a folder is read

- in DuckDB with `from read_parquet('neuron_matches/**/*.parquet', hive_partitioning = true)`,
- in Polars with `pl.scan_parquet("neuron_matches/**/*.parquet", hive_partitioning=True)`,
- in Spark with `spark.read.parquet("neuron_matches")`, in pandas with `pd.read_parquet("neuron_matches")`.
""",
    "duckdb": """\
In DuckDB {duckdb} or newer (`duckdb neurons.duckdb`):

```sql
select * from marts.neurons where is_universal;
select table_name, comment from duckdb_tables() where schema_name = 'marts';
select model, count(*) from marts.rule_universal(0.4, 800) where comparison = 'seeds' and is_universal group by 1;
```

In Python: `duckdb.connect("neurons.duckdb", read_only=True).sql("select * from marts.neurons").pl()`. With
neuron-warehouse, in the explorer: `neurons app --warehouse neurons.duckdb`; in a notebook: `connect("neurons.duckdb")`.

What this file is stands in `marts.dataset`. `target/`, where it is there, has the SQL of every table, for the
explorer's panel of origins.
""",
}


@dataclass(frozen=True)
class Dataset:
    """What an export is of.

    Attributes:
        form: parquet or duckdb.
        build: id of the dbt build.
        built_at: when it ended, UTC.
        models: the measured models, some columns of the mart.
        runs: the runs that the marts show, likewise.
    """

    form: str
    build: str
    built_at: str
    models: list[dict[str, Any]]
    runs: list[dict[str, Any]]

    @property
    def versions(self) -> dict[str, str]:
        """Versions of what exported it."""
        return {
            "neuron-warehouse": version("neuron-warehouse"),
            "DuckDB": duckdb.__version__,
            "Python": platform.python_version(),
        }

    @property
    def facts(self) -> dict[str, str]:
        """What it is, in short."""
        about = {"made_by": MADE_BY, "build": self.build, "built_at": self.built_at, "licence": _LICENCE}
        return about | {f"version of {name}": number for name, number in self.versions.items()}


def describe(con: duckdb.DuckDBPyConnection, form: str) -> Dataset:
    """What the database that a connection uses was built from.

    Raises:
        duckdb.Error: if the marts are of another version.
    """
    ((build, built_at),) = con.execute(
        "select cast(build as varchar), strftime(built_at at time zone 'UTC', '%Y-%m-%d %H:%M:%S') from marts.builds "
        "order by built_at desc limit 1"
    ).fetchall()
    models = _rows(con, _MODELS, f"(select {selected('models')} from marts.models) order by model")
    runs = _rows(con, _RUNS, f"(select {selected('runs')} from marts.runs) where is_speaking order by started_at, run")
    return Dataset(form, build, built_at, models, runs)


def write_card(dataset: Dataset, marts: Sequence[Mart], folder: Path) -> None:
    """Write README.md and, last, dataset.json with the names and sizes of all files.

    Raises:
        OSError: if they cannot be written.
    """
    (folder / "README.md").write_text(_readme(dataset, marts), encoding="utf-8")
    card = {
        "made_by": MADE_BY,
        "form": dataset.form,
        "build": dataset.build,
        "built_at": dataset.built_at,
        "versions": dataset.versions,
        "licence": _LICENCE,
        "models": dataset.models,
        "runs": dataset.runs,
        "tables": [
            {
                "name": mart.name,
                "description": mart.description,
                "n_rows": mart.n_rows,
                "key": mart.key,
                **({"files": mart.files, "partitions": mart.partitions} if mart.files else {}),
                "columns": [vars(column) for column in mart.columns],
            }
            for mart in marts
        ],
        "files": [
            {"name": file.relative_to(folder).as_posix(), "n_bytes": file.stat().st_size}
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        ],
    }
    (folder / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _rows(con: duckdb.DuckDBPyConnection, columns: tuple[str, ...], rest: str) -> list[dict[str, Any]]:
    found = con.execute(f"select {', '.join(columns)} from {rest}").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]


def _readme(dataset: Dataset, marts: Sequence[Mart]) -> str:
    studies = ", ".join(dict.fromkeys(run["study"] for run in dataset.runs))
    title = f"Neurons of {studies}" if studies else "Neurons"
    sources = sorted({run["corpus"] for run in dataset.runs if run["corpus"]})
    sections = [
        *_front_matter(dataset, marts, title),
        f"# {title}\n",
        f"Which neurons {len(dataset.models)} language models share, what they respond to and what they do: the tables "
        f"that neuron-warehouse built on {dataset.built_at} UTC (build {dataset.build}).\n",
        "## Open it\n",
        _open(dataset, marts),
        f"For programs, `{CARD}` says what stands here.\n",
        "## Models\n",
        _table(_MODELS, ([model[name] for name in _MODELS] for model in dataset.models)),
        "## Runs\n",
        _table(_RUNS, ([run[name] for name in _RUNS] for run in dataset.runs)),
        "## Versions\n",
        _table(["", "version"], dataset.versions.items()),
        "## Licences\n",
        f"{_LICENCE}\n\nText: {', '.join(sources) or 'none'}. Models: see their sources above.\n",
        "## Tables\n",
        _table(["table", "rows", "what it holds"], ([m.name, f"{m.n_rows:,}", m.description] for m in marts)),
        *(_columns(mart, dataset.form) for mart in marts),
    ]
    return "\n".join(sections)


def _open(dataset: Dataset, marts: Sequence[Mart]) -> str:
    """How to open it."""
    said = {"duckdb": dataset.versions["DuckDB"], "rows": f"{ROWS_PER_FILE:,}"}
    said["neurons"] = next((mart.files for mart in marts if mart.name == "neurons"), "neurons.parquet")
    text = _OPEN[dataset.form]
    for name, value in said.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _front_matter(dataset: Dataset, marts: Sequence[Mart], title: str) -> list[str]:
    """What hubs read: licence, and which file is which table."""
    lines = ["---", f"pretty_name: {json.dumps(title)}", "license: other", "license_name: mit-and-those-of-its-sources"]
    lines += ["license_link: LICENSE"]
    if dataset.form == "parquet":
        lines += ["configs:"]
        # An empty file has nothing that a viewer could show.
        for mart in sorted((m for m in marts if m.n_rows), key=lambda m: (m.name != "neurons", m.name)):
            lines += [f"- config_name: {mart.name}", f"  data_files: {json.dumps(mart.files)}"]
            lines += ["  default: true"] if mart.name == "neurons" else []
    return [*lines, "---", ""]


def _columns(mart: Mart, form: str) -> str:
    order = f"A row is named by {', '.join(mart.key)}."
    if form == "parquet":
        inner = ", ".join(name for name in mart.key if name not in mart.partitions)
        folders = f", {' and '.join(mart.partitions)} in the folders' names" if mart.partitions else ""
        order = f"In `{mart.files}`{folders}, sorted by {inner}."
    rows = ([f"`{column.name}`", column.type.lower(), column.description] for column in mart.columns)
    return f"### {mart.name}\n\n{mart.description} {order}\n\n{_table(['column', 'type', 'meaning'], rows)}"


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    cells = [list(head), *([_cell(value) for value in row] for row in rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + " --- |" * len(cells[0]), *lines[1:], ""])


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split()).replace("|", "\\|")
