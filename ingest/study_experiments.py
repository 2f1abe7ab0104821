"""The `[[experiments]]` of a study: what is done to which neurons or layers of which models."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Mode = Literal["zero", "mean"]
LayerEdit = Literal["delete", "swap", "repeat"]
NEURON = re.compile(r"L(\d+)\.N(\d+)")
LIST = "list:"


class _Experiment(BaseModel):
    """What every kind has: models (default: all of the study) and tokens (default: all of its text)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    models: list[str] | None = Field(default=None, min_length=1)
    tokens: int | None = Field(default=None, ge=1)


class _OfNeurons(_Experiment):
    neurons: str | list[str] = Field(
        min_length=1, description="universal, a role, a question in sql/, list:NAME, or names"
    )

    @field_validator("neurons")
    @classmethod
    def _names(cls, neurons: str | list[str]) -> str | list[str]:
        for name in neurons if isinstance(neurons, list) else ():
            if not NEURON.fullmatch(name):
                raise ValueError(f"{name!r} is no neuron: write names such as L2.N117")
        return neurons

    @property
    def asked(self) -> str:
        """The neurons as one text."""
        return self.neurons if isinstance(self.neurons, str) else " ".join(self.neurons)

    @property
    def named_list(self) -> str | None:
        """Name of the list beside the warehouse that they are; None if they are not one."""
        is_list = isinstance(self.neurons, str) and self.neurons.startswith(LIST)
        return str(self.neurons).removeprefix(LIST) if is_list else None


class _Drawing(_OfNeurons):
    seed: int = Field(default=0, ge=0, lt=2**63, description="of what is drawn at random")


class Ablation(_Drawing):
    """A set of neurons set to 0 or to their means, at once and layer by layer, beside control sets."""

    kind: Literal["ablation"]
    modes: list[Mode] = Field(default=["zero", "mean"], min_length=1)
    by_layer: bool = True
    random: int = Field(default=99, ge=0, le=10_000, description="random sets for the whole model")
    random_per_layer: int = Field(default=19, ge=0, le=10_000)
    matched: int = Field(default=19, ge=0, le=10_000, description="sets of the same energy for the whole model")
    matched_per_layer: int = Field(default=19, ge=0, le=10_000)


class Pairs(_Drawing):
    """Single neurons ablated in one model, their best partners in another: do the same tokens suffer?"""

    kind: Literal["pairs"]
    modes: list[Mode] = Field(default=["mean"], min_length=1)
    most: int = Field(default=20, ge=1, description="neurons of each model, drawn from its set")


class Entropy(_Drawing):
    """Single neurons fixed at values and ablated with the final norm free and frozen, beside neurons of their norm."""

    kind: Literal["entropy"]
    neurons: str | list[str] = Field(default="entropy", min_length=1)
    values: list[float] = Field(default=[0, 1, 2, 3, 4, 5, 6], description="the published ones")
    quantiles: list[float] = Field(default=[0.01, 0.5, 0.99, 0.999], description="of the neuron's own activation")
    matched: int = Field(default=5, ge=0, le=10_000, description="neurons of the same layer and norm, for each")
    random: int = Field(default=20, ge=0, le=10_000, description="by the published rule, in the last two layers")
    frequency: int = Field(default=5, ge=0, le=10_000, description="that write most along the log frequency of tokens")

    @field_validator("values", "quantiles", mode="before")
    @classmethod
    def _whole_numbers_too(cls, numbers: object) -> object:
        return [float(n) if type(n) is int else n for n in numbers] if isinstance(numbers, list) else numbers

    @field_validator("values", "quantiles")
    @classmethod
    def _finite_and_once(cls, numbers: list[float]) -> list[float]:
        if len(set(numbers)) < len(numbers) or not all(math.isfinite(n) for n in numbers):
            raise ValueError("write finite numbers, each once")
        return numbers

    @field_validator("quantiles")
    @classmethod
    def _shares(cls, quantiles: list[float]) -> list[float]:
        if not all(0.0 <= q <= 1.0 for q in quantiles):
            raise ValueError("quantiles are between 0 and 1")
        return quantiles


class Attention(_OfNeurons):
    """A neuron's write taken out of one later head's query: attention to BOS, norm of the head's output."""

    kind: Literal["attention"]
    neurons: str | list[str] = Field(default="attention", min_length=1)
    heads: int = Field(default=1, ge=1, le=5, description="heads of each neuron, by their score for BOS")
    most: int = Field(default=100, ge=1, description="neurons with the largest scores")
    matched: int = Field(default=2, ge=0, le=10_000, description="neurons of the same layer and energy, for each")


class Layers(_Experiment):
    """Every layer deleted, swapped with the next one, and run twice."""

    kind: Literal["layers"]
    edits: list[LayerEdit] = Field(default=["delete", "swap", "repeat"], min_length=1)


class Lens(_Experiment):
    """Every layer read through the final norm and the unembedding; norms of its outputs; attention to near tokens."""

    kind: Literal["lens"]
    pieces: int = Field(default=4, ge=2, le=16, description="tokens of the words that heads may merge")


class Probe(_Experiment):
    """Does a neuron, or do several, say whether the next token ends in a suffix?"""

    kind: Literal["probe"]
    suffix: str = Field(default="ing", min_length=1)
    most: int = Field(default=32, ge=1, description="prediction and suppression neurons, by their effect on the suffix")
    random: int = Field(default=32, ge=1, description="random neurons of the same layers")
    sizes: list[int] = Field(default=[2, 4, 8, 16, 32], description="neurons that a probe reads together")
    context: int = Field(default=24, ge=1, description="tokens before the one in question")
    examples: int = Field(default=1000, ge=1, description="at most, with the suffix, in each half of the documents")
    seed: int = Field(default=0, ge=0, lt=2**63)

    @field_validator("suffix")
    @classmethod
    def _a_word_end(cls, suffix: str) -> str:
        if suffix != suffix.strip().lower():
            raise ValueError("write it in lower case, without spaces")
        return suffix

    @field_validator("sizes")
    @classmethod
    def _ascending(cls, sizes: list[int]) -> list[int]:
        if sizes != sorted({*sizes}) or min(sizes, default=2) < 2:
            raise ValueError("write whole numbers from 2 on, ascending")
        return sizes

    @property
    def asked(self) -> str:
        """The suffix, as `raw.experiments` has it."""
        return f"-{self.suffix}"


Experiment = Annotated[Ablation | Pairs | Entropy | Attention | Layers | Lens | Probe, Field(discriminator="kind")]
KINDS: dict[str, type[BaseModel]] = {
    "ablation": Ablation,
    "pairs": Pairs,
    "entropy": Entropy,
    "attention": Attention,
    "layers": Layers,
    "lens": Lens,
    "probe": Probe,
}
