"""Small networks of three architectures in float64, with random weights, and where their neurons are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ingest.experiments.forward import Forward
from ingest.subject.bridge import find_sites, open_bridge
from ingest.subject.load import load_network
from ingest.subject.sites import Sites
from tests.support.small_models import VOCABULARY, save, small_gpt2, small_llama, small_neox

IDS = torch.randint(VOCABULARY, (3, 12), generator=torch.Generator().manual_seed(0))
MAKERS: dict[str, Callable[[], nn.Module]] = {
    "gpt2": lambda: small_gpt2(1, layers=3),
    "llama": lambda: small_llama(1, layers=3),
    "neox": lambda: small_neox(1, layers=3),
}


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
