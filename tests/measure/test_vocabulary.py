"""What weights do to each token of the vocabulary, against every product written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.vocabulary import cosine_effects, logit_effects, power_sums

N, VOCABULARY = 600, 300


@pytest.fixture
def directions() -> torch.Tensor:
    """Some hundred, one zero and one of hardly any length."""
    drawn = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
    drawn[2] = 0.0
    drawn[7] *= 1e-20
    return drawn


@pytest.fixture
def tokens() -> torch.Tensor:
    """Some hundred, one zero."""
    drawn = torch.randn(VOCABULARY, 6, generator=torch.Generator().manual_seed(1)) + 0.5
    drawn[5] = 0.0
    return drawn


def test_power_sums_of_cosines(directions: torch.Tensor, tokens: torch.Tensor) -> None:
    cosines = torch.nn.functional.cosine_similarity(
        directions.double()[:, None], tokens.double()[None], dim=2, eps=1e-300
    )
    found = (
        power_sums(directions, tokens),
        cosine_effects(directions, tokens, 64).sums,
        logit_effects(directions, tokens, 3, 64).cosines.sums,
    )
    for sums in found:
        for power in range(4):
            assert sums[power].numpy() == pytest.approx((cosines ** (power + 1)).sum(1).numpy(), abs=3e-5)
        assert sums[:, 2].tolist() == [0.0] * 4


def test_the_most_extreme_tokens(directions: torch.Tensor, tokens: torch.Tensor) -> None:
    found = logit_effects(directions, tokens, 3, 64)
    products = directions.double() @ tokens.double().T
    alive = torch.arange(N) != 2
    for ids, values, is_descending in ((found.raised, found.rises, True), (found.lowered, found.falls, False)):
        expected = products.sort(dim=1, descending=is_descending)
        assert ids[alive].tolist() == expected.indices[alive, :3].tolist()
        assert values.numpy() == pytest.approx(expected.values[:, :3].numpy(), rel=1e-5, abs=1e-30)
    assert logit_effects(directions, tokens[:2], 3, 64).raised.shape == (N, 2)


def test_histograms_count_every_token_once(directions: torch.Tensor, tokens: torch.Tensor) -> None:
    of_logits = logit_effects(directions, tokens, 3, 64)
    unit = torch.nn.functional.normalize(tokens.double(), dim=1)
    for found, vectors, is_unit in (
        (of_logits.histograms, tokens.double(), False),
        (of_logits.cosines.histograms, unit, True),
        (cosine_effects(directions, tokens, 64).histograms, unit, True),
    ):
        assert found.counts.shape == (N, 66)
        assert (found.counts.sum(1) == VOCABULARY).all()
        for neuron in (0, 7, N - 1):
            direction = directions[neuron].double()
            effects = (vectors @ (direction / direction.norm() if is_unit else direction)).numpy()
            edges = float(found.lowest[neuron]) + float(found.step[neuron]) * np.arange(65)
            expected = np.histogram(effects, np.concatenate([[-np.inf], edges, [np.inf]]))[0]
            # A token on an edge may fall on either side of it in float32.
            assert np.abs(np.cumsum(found.counts[neuron].numpy() - expected)).max() <= 1
            assert edges[0] == pytest.approx(effects.mean() - 4 * effects.std(), rel=1e-4)
