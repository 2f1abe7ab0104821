"""Small networks of three architectures in float64, with random weights, and where their neurons are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ingest.experiments.controls import Population
from ingest.experiments.effects import Batch
from ingest.experiments.forward import Forward
from ingest.subject.bridge import find_sites, open_bridge
from ingest.subject.load import load_network
from ingest.subject.sites import Sites
from tests.experiments.planted import Planted, planted_gpt2
from tests.support.small_models import VOCABULARY, save, small_gpt2, small_llama, small_neox

IDS = torch.randint(VOCABULARY, (3, 12), generator=torch.Generator().manual_seed(0))
# The first and the last position do not count, nor do two others.
COUNTED = torch.ones(IDS.shape, dtype=torch.bool)
COUNTED[:, 0] = COUNTED[:, -1] = False
COUNTED[1, 4] = COUNTED[2, 9] = False
# Features of the next token may overlap, and some tokens have none.
N_CLASSES = 3
FEATURES = (torch.rand((*IDS.shape, N_CLASSES), generator=torch.Generator().manual_seed(1)) > 0.6).double()
NUMBERS = np.array([5, 8, 40])
POPULATION = Population(np.full((3, 48), 0.25), np.ones((3, 48)), np.zeros((3, 48), bool))
MAKERS: dict[str, Callable[[], nn.Module]] = {
    "gpt2": lambda: small_gpt2(1, layers=3),
    "llama": lambda: small_llama(1, layers=3),
    "neox": lambda: small_neox(1, layers=3),
}


def batch(rows: slice = slice(None)) -> Batch:
    """Some of the rows."""
    return Batch(IDS[rows], COUNTED[rows], FEATURES[rows], NUMBERS[rows])


@dataclass(frozen=True)
class Small:
    """A network of three layers."""

    name: str
    network: nn.Module
    sites: Sites

    @property
    def forward(self) -> Forward:
        return Forward(self.name, self.network, self.sites)

    def logits(self, network: nn.Module | None = None) -> Tensor:
        """Of the ids, by a plain call."""
        with torch.no_grad():
            found: Tensor = (network or self.network)(input_ids=IDS, use_cache=False).logits
        return found


@pytest.fixture(scope="package", params=MAKERS)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder: Path = save(MAKERS[request.param](), tmp_path_factory.mktemp("small") / "model")
    network = load_network("small", folder, n_ids=VOCABULARY)
    sites = find_sites("small", open_bridge("small", folder), network)
    return Small(request.param, network.double(), sites)


@pytest.fixture(scope="package")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = save(planted_gpt2(), tmp_path_factory.mktemp("planted") / "model")
    network = load_network("planted", folder, n_ids=VOCABULARY)
    sites = find_sites("planted", open_bridge("planted", folder), network)
    return Planted(network.double(), sites)
