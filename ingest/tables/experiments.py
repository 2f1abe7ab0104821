"""Raw tables of experiments: edits of a running model, and sums per token row of what they do."""

from __future__ import annotations

from ingest.tables.columns import COUNTED, EDIT, LAYER, MODEL, OTHER, OTHER_LAYER, RUN, SEQUENCE, Column, Table

_SET = Column("neuron_set", "uinteger not null", "number of the set within the run, 0 the asked one of the whole model")

EXPERIMENTS = Table(
    "experiments",
    "One row per run that is an experiment, and model: what was asked, and how the neurons were chosen.",
    ("run", "model"),
    (
        RUN,
        MODEL,
        Column("kind", "varchar not null", "ablation, pairs, entropy, attention, layers, lens or probe"),
        Column(
            "neurons",
            "varchar",
            "what the study asks for: universal, a role, a question, names; of a probe the suffix; NULL without",
        ),
        Column(
            "selection",
            "varchar",
            "what the neurons were chosen on: half (the first half of the documents, measured on the other half), same "
            "text (the very documents they are measured on), other text, weights, given; NULL without neurons",
        ),
        Column("weights_hash", "varchar not null", "hash of all parameters"),
    ),
)

EXPERIMENT_SEQUENCES = Table(
    "experiment_sequences",
    "One row per run and token row of an experiment: the document it is from.",
    ("run", "sequence"),
    (
        RUN,
        SEQUENCE,
        Column("document", "integer not null", "document at the row's middle, which a bootstrap draws; -1: none there"),
        Column("doc_group", "usmallint not null", "group of documents, 0 to 15"),
        Column("path", "varchar not null", "the document's path"),
    ),
)

NEURON_SETS = Table(
    "neuron_sets",
    "One row per run and set of neurons: the asked ones and their controls.",
    ("run", "neuron_set"),
    (
        RUN,
        _SET,
        Column("control", "varchar not null", "asked; random: random neurons of the same layers; energy: matched"),
        Column("draw", "uinteger not null", "number of the random draw, from 0"),
        Column("layer", "usmallint", "the one layer that the set is of; NULL for the whole model"),
        Column("n_neurons", "uinteger not null", "neurons of the set"),
    ),
)

SET_NEURONS = Table(
    "set_neurons",
    "One row per run, set and neuron in it.",
    ("run", "neuron_set", "layer", "neuron"),
    (
        RUN,
        _SET,
        LAYER,
        Column("neuron", "uinteger not null", "entry of the MLP's hidden vector, from 0"),
        Column("mean", "double not null", "mean post-activation, which mean ablation puts in its place"),
        Column("energy", "double not null", "E[a^2] |w_out|^2"),
    ),
)

EDITS = Table(
    "edits",
    "One row per run, model and edit of the forward pass.",
    ("run", "model", "edit"),
    (
        RUN,
        MODEL,
        EDIT,
        Column(
            "kind",
            "varchar not null",
            "none; zero or mean: a set of neurons ablated; delete, swap (with the next one) or repeat: a layer; lens: "
            "final norm and unembedding right behind a layer",
        ),
        Column("neuron_set", "uinteger", "set of neurons; NULL for layers"),
        Column("layer", "usmallint", "layer; NULL for neurons"),
    ),
)

EDIT_SUMS = Table(
    "edit_sums",
    "One row per run, model, edit and token row: sums over the positions that count, in nats.",
    ("run", "model", "edit", "sequence"),
    (
        RUN,
        MODEL,
        EDIT,
        SEQUENCE,
        Column("n", "usmallint not null", COUNTED),
        Column("loss", "double not null", "sum of -log p of the true next token"),
        Column("entropy", "double not null", "sum of the entropies of the next-token distribution"),
        Column("kl", "double not null", "sum of KL(clean || edited)"),
        Column("n_same_top", "usmallint not null", "positions with the same most probable token as in the clean pass"),
        Column("n_right", "usmallint not null", "positions whose most probable token is the true one"),
        Column(
            "class_n",
            "usmallint[]",
            "positions by class of the next token, see raw.edit_classes; NULL but for edit 0",
        ),
        Column("class_loss", "float[]", "sum of -log p by class of the next token; NULL without classes"),
    ),
)

EDIT_CLASSES = Table(
    "edit_classes",
    "One row per run and class of the next token.",
    ("run", "place"),
    (
        RUN,
        Column("place", "usmallint not null", "entry of class_n and class_loss in raw.edit_sums, from 1"),
        Column("class", "varchar not null", "feature of the corpus's syntax; a token may have several, or none"),
    ),
)

STREAM_SUMS = Table(
    "stream_sums",
    "One row per run, model, layer and token row: sums of norms over the positions that count.",
    ("run", "model", "layer", "sequence"),
    (
        RUN,
        MODEL,
        LAYER,
        SEQUENCE,
        Column("n", "usmallint not null", COUNTED),
        Column("stream_norm", "double not null", "sum of the norms of the residual stream behind the layer"),
        Column("attention_norm", "double", "sum of the norms of the attention's output; NULL if it has no one module"),
        Column("mlp_norm", "double not null", "sum of the norms of the MLP's output"),
    ),
)

ATTENTION_SUMS = Table(
    "attention_sums",
    "One row per run, model, layer, head, token row: attention to the five positions before, none of them the first.",
    ("run", "model", "layer", "head", "sequence"),
    (
        RUN,
        MODEL,
        LAYER,
        Column("head", "usmallint not null", "attention head, from 0"),
        SEQUENCE,
        Column("n", "usmallint not null", "positions that count, from the 7th of the row on"),
        Column("attention", "double[5] not null", "sum of the attention to the 1st, ..., 5th position before"),
    ),
)

SUBWORD_SUMS = Table(
    "subword_sums",
    "One row per run, model, layer, head, token row and kind of position, where there is any: attention to the "
    "positions before the end of a word.",
    ("run", "model", "layer", "head", "sequence", "kind"),
    (
        RUN,
        MODEL,
        LAYER,
        Column("head", "usmallint not null", "attention head, from 0"),
        SEQUENCE,
        Column("kind", "varchar not null", "pieces: the last token of a word of several; whole: a word of one token"),
        Column("n", "usmallint not null", "such positions, from the pieces + 1st of the row on, that count"),
        Column("attention", "double[] not null", "sum of the attention to the 1st, ..., pieces - 1st position before"),
    ),
)

PAIR_SUMS = Table(
    "pair_sums",
    "One row per run, pair of neurons of two models, ablation and group of documents: sums over the positions that "
    "count of the changes x and y of the loss when one is ablated in its own model, the other in the other one.",
    ("run", "model", "layer", "neuron", "other_layer", "other_neuron", "kind", "doc_group"),
    (
        RUN,
        MODEL,
        LAYER,
        Column("neuron", "uinteger not null", "neuron of the model"),
        OTHER,
        OTHER_LAYER,
        Column("other_neuron", "uinteger not null", "neuron of the other model"),
        Column("control", "varchar not null", "matched: the best partner; random: a random neuron of its layer"),
        Column("kind", "varchar not null", "ablation: zero or mean"),
        Column("doc_group", "usmallint not null", "group of documents, 0 to 15"),
        Column("n", "ubigint not null", COUNTED),
        *(Column(f"sum_{name}", "double not null", f"sum of {name}") for name in ("x", "y", "xx", "yy", "xy")),
    ),
)

EXPERIMENTAL = (
    EXPERIMENTS,
    EXPERIMENT_SEQUENCES,
    NEURON_SETS,
    SET_NEURONS,
    EDITS,
    EDIT_SUMS,
    EDIT_CLASSES,
    STREAM_SUMS,
    ATTENTION_SUMS,
    SUBWORD_SUMS,
    PAIR_SUMS,
)
