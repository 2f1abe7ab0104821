"""Raw tables of profiles: tokens and features, what neurons respond to, what that looks like."""

from __future__ import annotations

from ingest.tables.columns import NEURON_KEY, RUN, SEQUENCE, Column, Table

_SOURCE = Column("source", "varchar not null", "what decides the feature: token, subset or syntax of the position")
_PLACE = Column("place", "usmallint not null", "entry of the source's arrays in raw.feature_sums, from 1")
_LAG = Column(
    "lag", "tinyint not null", "positions between feature and activation: 0 the same, 1 the one before, -1 the next"
)
_HALF = Column("half", "utinyint not null", "half of the documents: 0 groups 0 to 7, 1 the others")

TOKENS = Table(
    "tokens",
    "One row per run and token id of the vocabulary: the token three ways, and how often it occurs.",
    ("run", "token_id"),
    (
        RUN,
        Column("token_id", "uinteger not null", "id"),
        Column("piece", "varchar not null", "as the tokenizer's file has it"),
        Column(
            "token", "varchar not null", "its bytes as text; a part of a character shows as the replacement character"
        ),
        Column("bytes", "blob not null", "its bytes"),
        Column("n", "ubigint", "positions of the corpus; NULL without one"),
    ),
)

FEATURES = Table(
    "features",
    "One row per run and feature: a binary property of positions.",
    ("run", "source", "place"),
    (
        RUN,
        _SOURCE,
        _PLACE,
        Column("feature", "varchar not null", "name"),
        Column("feature_kind", "varchar not null", "unigram, letter, suffix, topic, subset, syntax, ..."),
        Column("definition", "varchar not null", "what it means"),
    ),
)

TOKEN_FEATURES = Table(
    "token_features",
    "One row per run, feature and token id that has it.",
    ("run", "feature", "token_id"),
    (
        RUN,
        Column("feature", "varchar not null", "name of the feature"),
        Column("token_id", "uinteger not null", "id of the token"),
    ),
)

FEATURE_COUNTS = Table(
    "feature_counts",
    "One row per run, feature, lag and half of the documents: positions with it, of all neurons alike.",
    ("run", "source", "place", "lag", "half"),
    (
        RUN,
        _SOURCE,
        _PLACE,
        _LAG,
        _HALF,
        Column("n_true", "ubigint not null", "positions with the feature"),
        Column("n", "ubigint not null", "positions"),
    ),
)

FEATURE_SUMS = Table(
    "feature_sums",
    "One row per run, neuron, source, lag and half: sums of the post-activation over the positions with each feature.",
    ("run", "model", "layer", "neuron", "source", "lag", "half"),
    (
        *NEURON_KEY,
        _SOURCE,
        _LAG,
        _HALF,
        Column(
            "sums", "float[] not null", "sum of (post-activation - post_shift of raw.moments) per feature of the source"
        ),
    ),
)

EXPLAINED = Table(
    "explained",
    "One row per run, neuron and variable: how much of the post-activation's sum of squares lies between its values.",
    ("run", "model", "layer", "neuron", "variable"),
    (
        *NEURON_KEY,
        Column("variable", "varchar not null", "token, previous_token, position, subset, syntax or token_and_syntax"),
        Column("ss_between", "double not null", "sum of squares between the values"),
        Column("n_values", "uinteger not null", "values, or groups of rare ones, that are told apart"),
        Column("is_complete", "boolean not null", "whether those are all; else ss_between is a lower bound"),
        Column("mutual_information", "double", "of the variable and firing (pre-activation > 0), nats; position only"),
    ),
)

HISTOGRAMS = Table(
    "histograms",
    "One row per run and neuron: histogram of the pre-activation over all positions.",
    ("run", "model", "layer", "neuron"),
    (
        *NEURON_KEY,
        Column("lowest", "double not null", "lower edge of the first bin"),
        Column("step", "double not null", "width of a bin"),
        Column("counts", "uinteger[] not null", "positions below the first edge, in each bin, from the last edge on"),
    ),
)

EXAMPLES = Table(
    "examples",
    "One row per run, neuron and choice: rows of text, each at its largest post-activation.",
    ("run", "model", "layer", "neuron", "choice"),
    (
        *NEURON_KEY,
        Column("choice", "varchar not null", "top: the rows with the largest activations; quantile: from random rows"),
        Column("quantiles", "float[]", "share of the random rows with a smaller activation; NULL for top"),
        Column("sequences", "uinteger[] not null", "rows of the corpus, see raw.sequences"),
        Column("positions", "usmallint[] not null", "place of the largest activation in the row"),
        Column("activations", "float[] not null", "largest post-activation of the row"),
        Column("unit", "float not null", "what one unit of the windows is worth"),
        Column(
            "windows",
            "smallint[33][] not null",
            "activations from 16 positions before to 16 after, in units; -32768 beyond the row",
        ),
    ),
)

SEQUENCES = Table(
    "sequences",
    "One row per run and row of the corpus that an example is from.",
    ("run", "sequence"),
    (
        RUN,
        SEQUENCE,
        Column("path", "varchar not null", "document at the row's middle"),
        Column("subset", "varchar not null", "its subset"),
        Column("token_ids", "uinteger[] not null", "ids of the row"),
    ),
)

MEAN_TOKENS = Table(
    "mean_tokens",
    "One row per run and neuron: the tokens with the largest mean post-activation, of those that occur five times.",
    ("run", "model", "layer", "neuron"),
    (
        *NEURON_KEY,
        Column("token_ids", "uinteger[] not null", "ids, the largest mean first"),
        Column("means", "float[] not null", "mean post-activations at the token"),
        Column("n", "uinteger[] not null", "positions behind each mean"),
    ),
)

OUTPUT_SUMS = Table(
    "output_sums",
    "One row per run and neuron: its effects cos(W_U, w_out) summed over the tokens with each feature.",
    ("run", "model", "layer", "neuron"),
    (
        *NEURON_KEY,
        Column("frequency_corr", "double", "correlation over the vocabulary with log frequency; NULL if w_out is zero"),
        Column("sums", "float[] not null", "per feature of source token, see raw.features"),
    ),
)

# What is written of profiles when a run is finished.
PROFILES = (
    FEATURES,
    TOKEN_FEATURES,
    FEATURE_COUNTS,
    FEATURE_SUMS,
    EXPLAINED,
    HISTOGRAMS,
    EXAMPLES,
    SEQUENCES,
    MEAN_TOKENS,
    OUTPUT_SUMS,
)
