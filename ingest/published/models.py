"""The models of published frames: their shapes and seeds (Gurnee et al. 2024, Table 1)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True)
class PublishedModel:
    """A model that others have measured.

    Attributes:
        name: what its published files are named after.
        model_family: models of one architecture and size trained alike.
        seed: training seed; None where it is not known.
        n_layers, d_mlp: shape; every layer has d_mlp neurons.
    """

    name: str
    model_family: str
    seed: int | None
    n_layers: int
    d_mlp: int

    @property
    def n_neurons(self) -> int:
        """In all layers."""
        return self.n_layers * self.d_mlp


_SEEDS = {"a": 21, "b": 49, "c": 81, "d": 343, "e": 777}

_KNOWN = {
    model.name: model
    for model in chain(
        (
            PublishedModel(f"stanford-gpt2-{size}-{letter}", f"stanford-gpt2-{size}", seed, *shape)
            for size, shape in (("small", (12, 3072)), ("medium", (24, 4096)))
            for letter, seed in _SEEDS.items()
        ),
        (PublishedModel("pythia-160m", "pythia-160m", None, 12, 3072),),
        (PublishedModel(f"pythia-160m-seed{seed}", "pythia-160m", seed, 12, 3072) for seed in (1, 2, 3)),
    )
}


def published_model(name: str) -> PublishedModel | None:
    """The published model of this name, None if there is none."""
    return _KNOWN.get(name)


def known_names() -> list[str]:
    """Names of all of them."""
    return list(_KNOWN)
