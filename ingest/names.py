"""Names that several rooms share: relations of two models, sites that are measured, kinds of baselines and features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Relation = Literal["seed", "step", "size", "self", "mixed"]
Site = Literal["mlp", "resid", "head_z"]
# Ends of a list of partners: the largest correlations, and the smallest.
Side = Literal["top", "bottom"]
# What a baseline correlates with instead of a partner model.
BaselineKind = Literal["rotation", "shift", "noise", "twin"]
FeatureKind = Literal[
    "unigram",
    "type",
    "symbol",
    "numeric",
    "start",
    "suffix",
    "prefix",
    "letter",
    "pronoun",
    "word_group",
    "topic",
    "subset",
    "syntax",
]

# Documents are dealt into this many groups, for standard errors.
GROUPS = 16


@dataclass(frozen=True)
class Identity:
    """What a model's relation to another one rests on."""

    name: str
    model_family: str
    seed: int | None
    step: int | None


def relation(a: Identity, b: Identity) -> Relation:
    """How two models are related.

    `size`: different families. Within one family: `seed`, another seed at the same step (a seed that is not given
    counts as one of its own); `step`, another checkpoint of the same seed; `mixed`, both differ; `self`, neither does.
    """
    if a.name == b.name:
        return "self"
    if a.model_family != b.model_family:
        return "size"
    same_seed = a.seed is not None and a.seed == b.seed
    if a.step == b.step:
        return "self" if same_seed else "seed"
    return "step" if same_seed else "mixed"
