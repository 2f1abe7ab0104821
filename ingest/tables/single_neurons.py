"""Raw tables of experiments on single neurons: fixed at values, and cut off from the query of one head."""

from __future__ import annotations

from ingest.tables.columns import COUNTED, EDIT, LAYER, MODEL, NEURON, RUN, SEQUENCE, Column, Table

_PATH = Column("path", "uinteger not null", "number of the path within the run and model, from 0")
_HEAD = Column("head", "usmallint not null", "attention head, from 0")

ENTROPY_NEURONS = Table(
    "entropy_neurons",
    "One row per run, model, neuron of an entropy experiment and what it is there for.",
    ("run", "model", "layer", "neuron", "control", "asked_neuron"),
    (
        RUN,
        MODEL,
        LAYER,
        NEURON,
        Column(
            "control",
            "varchar not null",
            "asked; norm: of an asked neuron's layer, nearest in the norm of w_out; random: of the last two layers, by "
            "the published rule; frequency: writes most along the log frequency of tokens",
        ),
        Column("asked_neuron", "uinteger not null", "norm: the asked neuron it is nearest to; else the neuron itself"),
        Column("mean", "double not null", "mean post-activation, which mean ablation puts in its place"),
        Column("w_out_norm", "double not null", "norm of the output weights"),
    ),
)

ENTROPY_EDITS = Table(
    "entropy_edits",
    "One row per run, model and edit: one neuron's post-activation fixed at one value, at every position.",
    ("run", "model", "edit"),
    (
        RUN,
        MODEL,
        EDIT,
        Column("layer", "usmallint", "block of the neuron, from 0; NULL for the clean pass"),
        Column("neuron", "uinteger", "the neuron; NULL for the clean pass"),
        Column(
            "kind",
            "varchar not null",
            "none; value: one that the study names; quantile: of the neuron's own activation; mean: its mean",
        ),
        Column("value", "double", "the value; NULL for the clean pass"),
        Column("quantile", "double", "which quantile it is; NULL but for quantiles"),
        Column(
            "frozen",
            "varchar",
            "what is held at the clean pass: norm: the scale of the final norm; frequency: the logits' component along "
            "the log frequency of tokens; NULL for nothing",
        ),
    ),
)

ENTROPY_SUMS = Table(
    "entropy_sums",
    "One row per run, model, edit and token row: sums over the positions that count, in nats.",
    ("run", "model", "edit", "sequence"),
    (
        RUN,
        MODEL,
        EDIT,
        SEQUENCE,
        Column("n", "usmallint not null", COUNTED),
        Column("scale", "double not null", "sum of what the final norm divides by, were it not frozen"),
        Column("loss", "double not null", "sum of -log p of the true next token"),
        Column("entropy", "double not null", "sum of the entropies of the next-token distribution"),
        Column("reciprocal_rank", "double not null", "sum of 1 / (1 + tokens with a larger logit than the true one)"),
        Column("absolute_loss", "double not null", "sum of |loss - loss of the clean pass|"),
        Column(
            "frequency_kl",
            "double not null",
            "sum of KL(p || frequency of tokens in the corpus, half an occurrence at least)",
        ),
    ),
)

HEAD_PATHS = Table(
    "head_paths",
    "One row per run, model and path from a neuron's output to a later head's query.",
    ("run", "model", "path"),
    (
        RUN,
        MODEL,
        _PATH,
        LAYER,
        NEURON,
        Column("head_layer", "usmallint not null", "block of the head, from 0"),
        _HEAD,
        Column("control", "varchar not null", "asked; energy: a neuron of the same layer that writes about as much"),
        Column("asked_neuron", "uinteger not null", "the asked neuron that the path is about or compared with"),
        Column("draw", "usmallint not null", "number of the control, the nearest first; 0 for asked"),
    ),
)

PATH_SUMS = Table(
    "path_sums",
    "One row per run, model, path, token row and half of it: sums over the positions that count, the head's query "
    "without the neuron's write, its keys and values as in the clean pass.",
    ("run", "model", "path", "sequence", "is_late"),
    (
        RUN,
        MODEL,
        _PATH,
        SEQUENCE,
        Column("is_late", "boolean not null", "whether the positions are in the second half of the row"),
        Column("n", "usmallint not null", COUNTED),
        Column("activation", "double not null", "sum of the neuron's post-activation a"),
        Column("attention", "double not null", "sum of the head's attention to BOS in the clean pass"),
        Column("delta", "double not null", "sum of d: that attention less the one without the neuron's write"),
        Column("norm", "double not null", "sum of the norm of the head's output in the clean pass"),
        Column("norm_without", "double not null", "sum of that norm without the neuron's write"),
        Column("ratio", "double not null", "sum of r: log of the clean norm over the one without"),
        *(
            Column(f"sum_{name}", "double not null", f"sum of {of}")
            for name, of in (
                ("aa", "a^2"), ("dd", "d^2"), ("rr", "r^2"), ("ad", "a d"), ("dr", "d r"), ("ar", "a r")
            )
        ),
    ),
)  # fmt: skip

HEAD_VALUE_SUMS = Table(
    "head_value_sums",
    "One row per run, model, layer, head and token row: what the head would write of BOS alone and of other tokens.",
    ("run", "model", "layer", "head", "sequence"),
    (
        RUN,
        MODEL,
        LAYER,
        _HEAD,
        SEQUENCE,
        Column("n", "usmallint not null", COUNTED),
        Column("attention", "double not null", "sum of the attention to BOS"),
        Column("bos_norm", "double not null", "norm of W_O v at BOS"),
        Column("other_norm", "double not null", "sum of the norms of W_O v at the positions that count"),
    ),
)

OF_SINGLE_NEURONS = (ENTROPY_NEURONS, ENTROPY_EDITS, ENTROPY_SUMS, HEAD_PATHS, PATH_SUMS, HEAD_VALUE_SUMS)
