"""The `[[experiments]]` of a study: what is done to which neurons or layers of which models."""

from __future__ import annotations

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
    seed: int = Field(default=0, ge=0, lt=2**63)

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


class Ablation(_OfNeurons):
    """A set of neurons set to 0 or to their means, at once and layer by layer, beside control sets."""

    kind: Literal["ablation"]
    modes: list[Mode] = Field(default=["zero", "mean"], min_length=1)
    by_layer: bool = True
    random: int = Field(default=99, ge=0, le=10_000, description="random sets for the whole model")
    random_per_layer: int = Field(default=19, ge=0, le=10_000)
    matched: int = Field(default=19, ge=0, le=10_000, description="sets of the same energy for the whole model")
    matched_per_layer: int = Field(default=19, ge=0, le=10_000)


class Pairs(_OfNeurons):
    """Single neurons ablated in one model, their best partners in another: do the same tokens suffer?"""

    kind: Literal["pairs"]
    modes: list[Mode] = Field(default=["mean"], min_length=1)
    most: int = Field(default=20, ge=1, description="neurons of each model, drawn from its set")


class Layers(_Experiment):
    """Every layer deleted, swapped with the next one, and run twice."""

    kind: Literal["layers"]
    edits: list[LayerEdit] = Field(default=["delete", "swap", "repeat"], min_length=1)


class Lens(_Experiment):
    """Every layer read through the final norm and the unembedding; norms of its outputs; attention to near tokens."""

    kind: Literal["lens"]


Experiment = Annotated[Ablation | Pairs | Layers | Lens, Field(discriminator="kind")]
KINDS: dict[str, type[BaseModel]] = {"ablation": Ablation, "pairs": Pairs, "layers": Layers, "lens": Lens}
