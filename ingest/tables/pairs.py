"""Raw tables of what is selected from the correlations of pairs of models."""

from __future__ import annotations

from ingest.names import GROUPS, BaselineKind, Side
from ingest.tables.columns import MODEL, NEURON_KEY, OTHER, OTHER_LAYER, RUN, SITE, UNIT_KEY, Column, Table, one_of

TOP_PARTNERS = 50

PARTNERS = Table(
    "partners",
    "The 50 most and the 50 least correlated partners of every unit in every partner model; none for dead units. "
    "Sketched correlations are the means of two sketches, biased outwards by the choice of the extremes.",
    ("run", "site", "model", "layer", "neuron", "other_model", "side", "rank"),
    (
        *UNIT_KEY,
        OTHER,
        Column("side", f"{one_of(Side)} not null", "top: largest correlations; bottom: smallest"),
        Column("rank", "smallint not null", "1 is the most extreme"),
        OTHER_LAYER,
        Column("other_neuron", "integer not null", "unit of the partner model"),
        Column("corr", "float not null", "Pearson correlation of the post-activations over stratum text"),
    ),
)

BESTS = Table(
    "bests",
    "Best partner and best anti-partner of every unit in every partner model; none for dead units.",
    ("run", "site", "model", "layer", "neuron", "other_model"),
    (
        *UNIT_KEY,
        OTHER,
        OTHER_LAYER,
        Column("other_neuron", "uinteger not null", "unit of the partner model with the largest correlation"),
        Column(
            "max_corr",
            "float not null",
            "that correlation; from sketches, the mean of the two sketches' values of either one's winner",
        ),
        Column("min_layer", "smallint not null", "layer of the unit with the smallest correlation"),
        Column("min_neuron", "integer not null", "unit of the partner model with the smallest correlation"),
        Column("min_corr", "float not null", "that correlation"),
        Column(
            "influence",
            f"float[{GROUPS}]",
            "what each group of documents adds to the jackknife variance of Fisher's z of max_corr, as signed roots: "
            "their sum of squares is the variance; NULL where the partner was not followed",
        ),
        Column("n_groups", "usmallint", "blocks of the jackknife; one less are the degrees of freedom"),
    ),
)

BASELINES = Table(
    "baselines",
    "Largest correlation of every unit with a partner model that cannot know it; none for dead units.",
    ("run", "site", "model", "layer", "neuron", "other_model", "kind", "draw"),
    (
        *UNIT_KEY,
        OTHER,
        Column(
            "kind",
            f"{one_of(BaselineKind)} not null",
            "rotation: layers of the partner randomly rotated; shift: its positions moved along the text by a random "
            "offset; noise: Gaussian noise in its place; twin: its architecture with random weights",
        ),
        Column("draw", "usmallint not null", "number of the random draw, from 0"),
        Column("max_corr", "float not null", "largest correlation"),
    ),
)

PARTIAL_BESTS = Table(
    "partial_bests",
    "Best correlation and rotation baseline over some groups of documents only; none for dead units.",
    ("run", "site", "model", "layer", "neuron", "other_model", "first_group", "last_group"),
    (
        *UNIT_KEY,
        OTHER,
        Column("first_group", "usmallint not null", "first group of documents"),
        Column("last_group", "usmallint not null", "group after the last one"),
        Column("n_positions", "ubigint not null", "positions of stratum text in these groups"),
        Column("max_corr", "float not null", "largest correlation over these positions"),
        Column("baseline", "float not null", "rotation baseline over these positions, mean over draws"),
    ),
)

PROBES = Table(
    "probes",
    "Error of sketched correlations against exact ones over the same positions, for a block of random units.",
    ("run", "site", "model", "other_model"),
    (
        RUN,
        SITE,
        MODEL,
        OTHER,
        Column("n", "uinteger not null", "pairs of units in the block"),
        Column("bias", "double not null", "mean of sketched minus exact"),
        Column("sd", "double not null", "root mean square of sketched minus exact"),
        Column("max_error", "double not null", "largest absolute difference"),
    ),
)

SITES = Table(
    "sites",
    "One row per run, site and model: shape of what was correlated there.",
    ("run", "site", "model"),
    (
        RUN,
        SITE,
        MODEL,
        Column("n_layers", "usmallint not null", "layers"),
        Column("width", "uinteger not null", "units per layer"),
    ),
)

EFFECT_MATCHES = Table(
    "effect_matches",
    "How alike a neuron and its best partner write to the vocabulary: correlations of their effects cos(W_U, w_out).",
    ("run", "model", "layer", "neuron", "other_model"),
    (
        *NEURON_KEY,
        OTHER,
        Column("effect_corr", "double", "over all tokens; NULL where one of them writes nothing"),
        Column("free_effect_corr", "double", "the same after the logarithm of the tokens' frequency is regressed out"),
    ),
)

EFFECT_LAYERS = Table(
    "effect_layers",
    "The same correlations over all pairs of neurons of two layers: what random pairs have.",
    ("run", "model", "layer", "other_model", "other_layer"),
    (
        RUN,
        MODEL,
        Column("layer", "smallint not null", "layer of the model, from 0"),
        OTHER,
        OTHER_LAYER,
        Column("effect_corr_mean", "double not null", "mean over all pairs"),
        Column("effect_corr_sd", "double not null", "standard deviation over all pairs"),
        Column("free_effect_corr_mean", "double not null", "mean without log frequency"),
        Column("free_effect_corr_sd", "double not null", "standard deviation without log frequency"),
    ),
)

# What is written of pairs when a run is finished.
SELECTIONS = (PARTNERS, BESTS, BASELINES, PARTIAL_BESTS, PROBES, EFFECT_MATCHES, EFFECT_LAYERS)
