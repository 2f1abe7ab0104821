"""Raw tables of probes of the next token's suffix."""

from __future__ import annotations

from ingest.tables.columns import LAYER, MODEL, RUN, SEQUENCE, Column, Table

_KIND = Column("kind", "varchar not null", "prediction, suppression, random; of a probe also model: its own top token")
_PROBE = Column("probe", "uinteger not null", "number of the probe within the run and model; 0 is the model itself")

PROBE_NEURONS = Table(
    "probe_neurons",
    "One row per run, model and neuron that probes read.",
    ("run", "model", "place"),
    (
        RUN,
        MODEL,
        Column("place", "uinteger not null", "entry of activations in raw.probe_examples, from 0"),
        _KIND,
        LAYER,
        Column("neuron", "uinteger not null", "entry of the MLP's hidden vector, from 0"),
        Column(
            "effect",
            "double not null",
            "mean cosine of its output weights with the tokens that have the suffix, less that with the others",
        ),
    ),
)

PROBE_EXAMPLES = Table(
    "probe_examples",
    "One row per run, model and example: a position, half of which have a next token with the suffix.",
    ("run", "model", "sequence", "position"),
    (
        RUN,
        MODEL,
        SEQUENCE,
        Column("position", "usmallint not null", "place in the row whose next token is in question"),
        Column("is_suffix", "boolean not null", "whether that ends in the suffix"),
        Column("is_test", "boolean not null", "whether it is of the documents that probes are scored on"),
        Column("is_predicted", "boolean not null", "whether the model's most probable next token ends in the suffix"),
        Column("activations", "float[] not null", "post-activations there, by place in raw.probe_neurons"),
    ),
)

SUFFIX_PROBES = Table(
    "suffix_probes",
    "One row per run, model and probe: a logistic regression on standardised activations, or the model itself.",
    ("run", "model", "probe"),
    (
        RUN,
        MODEL,
        _PROBE,
        _KIND,
        Column("n_neurons", "uinteger not null", "neurons it reads: the best single ones of the training documents"),
        Column("place", "uinteger", "the one neuron's place in raw.probe_neurons; NULL for several, and none"),
        Column("n_train", "uinteger not null", "examples it was fitted to"),
        Column("n_train_right", "uinteger not null", "those that it gets right"),
    ),
)

PROBE_SUMS = Table(
    "probe_sums",
    "One row per run, model, probe and token row of the documents that probes are scored on.",
    ("run", "model", "probe", "sequence"),
    (
        RUN,
        MODEL,
        _PROBE,
        SEQUENCE,
        Column("n", "usmallint not null", "examples of the row"),
        Column("n_right", "usmallint not null", "those that the probe gets right"),
    ),
)

SUFFIXES = (PROBE_NEURONS, PROBE_EXAMPLES, SUFFIX_PROBES, PROBE_SUMS)
