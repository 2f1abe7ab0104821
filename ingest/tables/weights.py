"""Raw tables of what follows from a model's weights alone."""

from __future__ import annotations

from ingest.tables.columns import LAYER, MODEL, NEURON_KEY, RUN, Column, Table

_PART = Column("part", "double not null", "share of all singular directions: 0.02, 0.05 or 0.1")
_KIND = Column(
    "kind",
    "varchar not null",
    "bos: attention to BOS; q, k, v: composition of w_out with a later head's query, key and value; ov: of an earlier "
    "head's output with w_in",
)

WEIGHTS = Table(
    "weights",
    "One row per run and neuron: facts of the processed weights (folded norms, centred writing weights).",
    ("run", "model", "layer", "neuron"),
    (
        *NEURON_KEY,
        Column("w_in_norm", "double not null", "Euclidean norm of the input weights; of the gate's, if there is one"),
        Column("w_up_norm", "double", "norm of the up projection's weights in a gated MLP"),
        Column("w_out_norm", "double not null", "norm of the output weights"),
        Column("input_bias", "double", "bias of the pre-activation after folding; NULL if the layer has none"),
        Column("in_out_sim", "double", "cosine of input and output weights; NULL if one of them is zero"),
        Column("up_out_sim", "double", "cosine of the up projection's and the output weights in a gated MLP"),
    ),
)

VOCABULARY_SUMS = Table(
    "vocabulary_sums",
    "One row per run, neuron and effect: power sums over the vocabulary of cosines with the (un)embedding.",
    ("run", "model", "layer", "neuron", "effect"),
    (
        *NEURON_KEY,
        Column("effect", "varchar not null", "out: cos(W_U, w_out); in: cos(W_E, w_in)"),
        Column("n", "ubigint not null", "tokens of the vocabulary"),
        *(Column(f"sum_{k}", "double not null", f"sum of cosine^{k}") for k in (1, 2, 3, 4)),
    ),
)

VOCABULARY_TOKENS = Table(
    "vocabulary_tokens",
    "One row per run, neuron and side: the tokens whose logits a neuron raises or lowers most.",
    ("run", "model", "layer", "neuron", "side"),
    (
        *NEURON_KEY,
        Column("side", "varchar not null", "promoted, suppressed: largest and smallest W_U . w_out"),
        Column("token_ids", "uinteger[] not null", "ids, the most extreme first"),
        Column("effects", "float[] not null", "W_U . w_out: what one unit of activation adds to the logit"),
    ),
)

VOCABULARY_HISTOGRAMS = Table(
    "vocabulary_histograms",
    "One row per run, neuron and effect: histogram over the vocabulary of what weights do to tokens.",
    ("run", "model", "layer", "neuron", "effect"),
    (
        *NEURON_KEY,
        Column("effect", "varchar not null", "logit: W_U . w_out; out: cos(W_U, w_out); in: cos(W_E, w_in)"),
        Column("lowest", "float not null", "lower edge of the first bin, four standard deviations below the mean"),
        Column("step", "float not null", "width of a bin"),
        Column("counts", "uinteger[] not null", "tokens below the first edge, in each bin, from the last edge on"),
    ),
)

VOCABULARY_NULLS = Table(
    "vocabulary_nulls",
    "One row per run, model, statistic and quantile: what 10,000 random unit directions do to the vocabulary.",
    ("run", "model", "statistic", "quantile"),
    (
        RUN,
        MODEL,
        Column(
            "statistic",
            "varchar not null",
            "vocab_var, vocab_kurt: moments of cos(W_U, direction); logit_var, part_02, part_05, part_10: as in "
            "raw.null_shares",
        ),
        Column("quantile", "double not null", "share of the random directions with a smaller value"),
        Column("value", "double not null", "of the statistic"),
    ),
)

NULL_SPACES = Table(
    "null_spaces",
    "One row per run, model and part: the unembedding's smallest singular directions, through which hardly anything "
    "reaches the logits. The constant direction, which centring takes out of every weight, is not among them.",
    ("run", "model", "part"),
    (
        RUN,
        MODEL,
        _PART,
        Column("n_directions", "uinteger not null", "singular directions in the part, the smallest ones"),
        Column("n_all", "uinteger not null", "singular directions in all"),
        Column("singular_value", "double not null", "the largest singular value in the part"),
        Column("median_singular_value", "double not null", "of all directions"),
    ),
)

NULL_SHARES = Table(
    "null_shares",
    "One row per run and neuron: what w_out does to the logits, and how much of it hardly reaches them.",
    ("run", "model", "layer", "neuron"),
    (
        *NEURON_KEY,
        Column("logit_var", "double not null", "variance over the vocabulary of W_U . w_out, not of its cosines"),
        *(
            Column(
                f"part_{per_cent}",
                "double",
                f"share of the squared norm of w_out that lies in the part of raw.null_spaces with {int(per_cent)}% of "
                "the directions; NULL if w_out is zero",
            )
            for per_cent in ("02", "05", "10")
        ),
    ),
)

HEAD_SCORES = Table(
    "head_scores",
    "One row per run, neuron, kind and rank: the attention heads that a neuron's weights meet most. None for zero "
    "weights, nor where TransformerLens does not give an architecture's heads as q, k, v and o; no bos without a BOS "
    "token. raw.models.processing says why.",
    ("run", "model", "layer", "neuron", "kind", "rank"),
    (
        *NEURON_KEY,
        _KIND,
        Column("rank", "utinyint not null", "1 is the largest absolute score"),
        Column("head_layer", "usmallint not null", "block of the head, from 0"),
        Column("head", "usmallint not null", "head within the block, from 0"),
        Column(
            "score",
            "float not null",
            "bos: w_out . W_Q k / sqrt(d_head) for a w_out of norm 1, k the key of BOS at position 0, with rotary "
            "positions the mean over queries 1 to 255 places later; q, k, v, ov: |w M| / (|w| |M|), M = W_Q W_K', "
            "W_K W_Q', W_V W_O and, for ov, its transpose with w = w_in; Frobenius norm, rotations left out",
        ),
    ),
)

HEAD_NULLS = Table(
    "head_nulls",
    "One row per run, model, layer, kind and quantile: the largest absolute score of 10,000 random unit directions "
    "among the heads that a neuron of the layer is compared with.",
    ("run", "model", "layer", "kind", "quantile"),
    (
        RUN,
        MODEL,
        LAYER,
        _KIND,
        Column("quantile", "double not null", "share of the random directions with a smaller value"),
        Column("value", "double not null", "largest absolute score"),
    ),
)

NEIGHBOURS = Table(
    "neighbours",
    "One row per run, neuron, vector and side: the neuron of the same model, in any layer, with the most similar and "
    "the most opposite weights. None for zero weights.",
    ("run", "model", "layer", "neuron", "vector", "side"),
    (
        *NEURON_KEY,
        Column("vector", "varchar not null", "which weights are compared: in (the gate's, if there is one) or out"),
        Column("side", "varchar not null", "top: largest cosine; bottom: smallest"),
        Column("other_layer", "usmallint not null", "layer of the other neuron"),
        Column("other_neuron", "uinteger not null", "the other neuron"),
        Column("cosine", "float not null", "cosine of these weights of the two"),
        Column("other_cosine", "float", "cosine of the two neurons' other weights; NULL if one is zero"),
    ),
)

# What follows from weights, written when a run begins.
FROM_WEIGHTS = (
    WEIGHTS,
    VOCABULARY_SUMS,
    VOCABULARY_NULLS,
    VOCABULARY_HISTOGRAMS,
    VOCABULARY_TOKENS,
    NULL_SPACES,
    NULL_SHARES,
    HEAD_SCORES,
    HEAD_NULLS,
    NEIGHBOURS,
)
