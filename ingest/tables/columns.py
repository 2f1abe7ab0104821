"""What a raw table is, and the columns that many of them have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from app.quoting import literal
from ingest.names import Site

SCHEMA = "raw"


@dataclass(frozen=True)
class Column:
    """A column: its name, its DuckDB type, what it means."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A raw table; `key` names the columns that identify a row (no index is made for it)."""

    name: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def ddl(self) -> list[str]:
        """Statements that create the table and its comments where they are missing."""
        name = f"{SCHEMA}.{self.name}"
        body = ", ".join(f"{c.name} {c.type}" for c in self.columns)
        return [
            f"create table if not exists {name} ({body})",
            f"comment on table {name} is {literal(self.comment)}",
            *(f"comment on column {name}.{c.name} is {literal(c.comment)}" for c in self.columns),
        ]


def one_of(names: object) -> str:
    """The DuckDB type of a column with one of a `Literal`'s names, which is written faster and read faster than text.

    In alphabetical order, so that rows are sorted as they would be by text.
    """
    return f"enum({', '.join(map(literal, sorted(get_args(names))))})"


RUN = Column("run", "varchar not null", "fingerprint of the run's plan")
MODEL = Column("model", "varchar not null", "name of the model in the study")
# Signed, as the marts have them: a filter on a column that is cast reads the whole table.
LAYER = Column("layer", "smallint not null", "block of the model, from 0")
NEURON = Column("neuron", "integer not null", "entry of the MLP's hidden vector, from 0")
SEQUENCE = Column("sequence", "uinteger not null", "number of the token row in the corpus, from 0")
EDIT = Column("edit", "uinteger not null", "number of the edit within the run and model; 0 is the clean pass")
COUNTED = "positions that count: token and next token are text or newline, neither BOS, EOS nor padding"
OTHER = Column("other_model", "varchar not null", "the partner model")
OTHER_LAYER = Column("other_layer", "smallint not null", "layer of the partner model")
SITE = Column(
    "site", f"{one_of(Site)} not null", "mlp: MLP hidden layer; resid: residual stream; head_z: attention heads' output"
)
UNIT = Column("neuron", "integer not null", "entry of the site's vector in that layer, from 0")
UNIT_KEY = (RUN, SITE, MODEL, LAYER, UNIT)
NEURON_KEY = (RUN, MODEL, LAYER, NEURON)


def power_sums(prefix: str, of: str) -> tuple[Column, ...]:
    """Columns with the shift and the first four power sums of a quantity, its minimum and its maximum."""
    powers = tuple(Column(f"{prefix}_sum_{k}", "double not null", f"sum of ({of} - shift)^{k}") for k in (1, 2, 3, 4))
    return (
        Column(
            f"{prefix}_shift", "double not null", f"shift of the power sums of the {of}, its mean on the pilot rows"
        ),
        *powers,
        Column(f"{prefix}_min", "double not null", f"smallest {of}"),
        Column(f"{prefix}_max", "double not null", f"largest {of}"),
    )
