"""The raw contract: every table that the ingest writes into schema `raw`.

Raw tables hold facts (sums, weights, selections by rank), never a threshold or a label: those are SQL in `models/`.
Every row belongs to a run. Sums are additive over `part`; NULL stands for "was not measured" or "does not exist".
"""

from __future__ import annotations

from ingest.tables.columns import SCHEMA, Column, Table
from ingest.tables.pairs import (
    BASELINES,
    BESTS,
    EFFECT_LAYERS,
    EFFECT_MATCHES,
    PARTIAL_BESTS,
    PARTNERS,
    PROBES,
    SELECTIONS,
    SITES,
    TOP_PARTNERS,
)
from ingest.tables.profiles import (
    EXAMPLES,
    EXPLAINED,
    FEATURE_COUNTS,
    FEATURE_SUMS,
    FEATURES,
    HISTOGRAMS,
    MEAN_TOKENS,
    OUTPUT_SUMS,
    PROFILES,
    SEQUENCES,
    TOKEN_FEATURES,
    TOKENS,
)
from ingest.tables.runs import CORPORA, MODELS, MOMENTS, PAIRS, PARTS, RUNS, STRATA
from ingest.tables.weights import (
    FROM_WEIGHTS,
    HEAD_NULLS,
    HEAD_SCORES,
    NEIGHBOURS,
    NULL_SHARES,
    NULL_SPACES,
    VOCABULARY_HISTOGRAMS,
    VOCABULARY_NULLS,
    VOCABULARY_SUMS,
    VOCABULARY_TOKENS,
    WEIGHTS,
)

TABLES = (
    RUNS,
    PARTS,
    CORPORA,
    MODELS,
    PAIRS,
    MOMENTS,
    SITES,
    TOKENS,
    *FROM_WEIGHTS,
    *SELECTIONS,
    *PROFILES,
)

__all__ = [
    "BASELINES",
    "BESTS",
    "CORPORA",
    "EFFECT_LAYERS",
    "EFFECT_MATCHES",
    "EXAMPLES",
    "EXPLAINED",
    "FEATURES",
    "FEATURE_COUNTS",
    "FEATURE_SUMS",
    "FROM_WEIGHTS",
    "HEAD_NULLS",
    "HEAD_SCORES",
    "HISTOGRAMS",
    "MEAN_TOKENS",
    "MODELS",
    "MOMENTS",
    "NEIGHBOURS",
    "NULL_SHARES",
    "NULL_SPACES",
    "OUTPUT_SUMS",
    "PAIRS",
    "PARTIAL_BESTS",
    "PARTNERS",
    "PARTS",
    "PROBES",
    "PROFILES",
    "RUNS",
    "SCHEMA",
    "SELECTIONS",
    "SEQUENCES",
    "SITES",
    "STRATA",
    "TABLES",
    "TOKENS",
    "TOKEN_FEATURES",
    "TOP_PARTNERS",
    "VOCABULARY_HISTOGRAMS",
    "VOCABULARY_NULLS",
    "VOCABULARY_SUMS",
    "VOCABULARY_TOKENS",
    "WEIGHTS",
    "Column",
    "Table",
]
