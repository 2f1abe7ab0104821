"""Raw tables of what others have published about the neurons of a model."""

from __future__ import annotations

from ingest.tables.columns import MODEL, NEURON_KEY, RUN, Column, Table

# Columns of a published frame, under the names that marts have for them too.
PUBLISHED_COLUMNS = (
    Column("max_corr", "double", "largest of the best correlations with the other models' neurons"),
    Column("mean_corr", "double", "mean over the other models of the best correlation"),
    Column("min_corr", "double", "smallest of the best correlations"),
    Column("max_baseline", "double", "largest rotation baseline"),
    Column("mean_baseline", "double", "mean rotation baseline"),
    Column("min_baseline", "double", "smallest rotation baseline"),
    Column("excess_corr", "double", "mean_corr - mean_baseline"),
    Column("w_in_norm", "double", "Euclidean norm of the input weights"),
    Column("w_out_norm", "double", "norm of the output weights"),
    Column("input_bias", "double", "bias of the pre-activation"),
    Column("in_out_sim", "double", "cosine of input and output weights"),
    Column("l2_penalty", "double", "w_in_norm^2 + w_out_norm^2"),
    Column("mean", "double", "mean pre-activation"),
    Column("var", "double", "variance of the pre-activation"),
    Column("skew", "double", "skewness of the pre-activation"),
    Column("kurt", "double", "kurtosis of the pre-activation, 3 for a Gaussian"),
    Column("sparsity", "double", "share of positions with a positive pre-activation"),
    Column("vocab_mean", "double", "mean of cos(W_U, w_out) over the vocabulary"),
    Column("vocab_var", "double", "variance of cos(W_U, w_out)"),
    Column("vocab_skew", "double", "skewness of cos(W_U, w_out)"),
    Column("vocab_kurt", "double", "kurtosis of cos(W_U, w_out), 3 for a Gaussian"),
)

IMPORTS = Table(
    "imports",
    "One row per imported file: which model it is about, and how much of it.",
    ("run",),
    (
        RUN,
        MODEL,
        Column("model_family", "varchar not null", "models of one architecture and size trained alike"),
        Column("seed", "bigint", "training seed, if known"),
        Column("n_layers", "usmallint not null", "blocks of the model"),
        Column("d_mlp", "uinteger not null", "neurons per layer"),
        Column("file", "varchar not null", "name of the file, without its folder"),
        Column("file_hash", "varchar not null", "sha256 of the file"),
        Column("n_rows", "ubigint not null", "neurons that the file has"),
        Column("columns", "varchar[] not null", "columns that were read, by the names of the marts"),
        Column(
            "excess_bound",
            "double",
            "the model's other neurons have an excess_corr of at most this: the file holds all universal ones; NULL if "
            "it says nothing of others",
        ),
    ),
)

IMPORTED_NEURONS = Table(
    "imported_neurons",
    "One row per imported file and neuron: what the file says; NULL where it says nothing.",
    ("run", "model", "layer", "neuron"),
    (*NEURON_KEY, *PUBLISHED_COLUMNS),
)

IMPORTED = (IMPORTS, IMPORTED_NEURONS)
