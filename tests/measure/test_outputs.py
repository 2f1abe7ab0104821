"""Effects of neurons on the vocabulary, against every effect written out in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ingest.measure.outputs import (
    EffectSimilarity,
    Writing,
    feature_effects,
    frequency_correlations,
)

Array = NDArray[np.float64]
LAYERS, WIDTH, VOCABULARY = 2, 6, 40


def drawn(seed: int, d_model: int) -> tuple[Writing, Array]:
    """A model's writing and its effects, (neurons, tokens); the first neuron writes nothing."""
    generator = torch.Generator().manual_seed(seed)
    w_out = [torch.randn(WIDTH, d_model, generator=generator) for _ in range(LAYERS)]
    w_out[0][0] = 0.0
    tokens = torch.randn(VOCABULARY, d_model, generator=generator) + 0.5
    neurons, of_tokens = (
        (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)).astype(np.float64)
        for x in (torch.cat(w_out).numpy(), tokens.numpy())
    )
    return Writing.of(w_out, tokens), neurons @ of_tokens.T


def residual(effects: Array, without: Array) -> Array:
    """What a least-squares fit on some directions leaves."""
    return np.asarray(effects - (without @ np.linalg.lstsq(without, effects.T, rcond=None)[0]).T)


def test_sums_over_features() -> None:
    writing, effects = drawn(0, 5)
    holds = np.random.default_rng(0).random((VOCABULARY, 7)) < 0.3
    found = feature_effects(writing, torch.from_numpy(holds)).flatten(0, 1)
    assert found.numpy() == pytest.approx(effects @ holds, abs=1e-5)


def test_correlation_with_log_frequency() -> None:
    writing, effects = drawn(1, 5)
    counts = np.random.default_rng(1).integers(0, 1000, VOCABULARY)
    assert (counts == 0).sum() < VOCABULARY
    found = frequency_correlations(writing, torch.from_numpy(counts)).flatten().numpy()
    assert np.isnan(found[0])
    expected = [np.corrcoef(e, np.log(np.maximum(counts, 0.5)))[0, 1] for e in effects[1:]]
    assert found[1:] == pytest.approx(np.array(expected), abs=1e-5)


@pytest.mark.parametrize("n_nuisances", [1, 2])
def test_similarity_of_pairs_and_of_layers(n_nuisances: int) -> None:
    (a, effects_a), (b, effects_b) = drawn(2, 5), drawn(3, 4)
    nuisance = np.stack([np.ones(VOCABULARY), np.random.default_rng(4).random(VOCABULARY)][:n_nuisances], 1)
    similarity = EffectSimilarity(a, b, torch.from_numpy(nuisance))
    left, right = residual(effects_a, nuisance), residual(effects_b, nuisance)
    with np.errstate(invalid="ignore"):
        left, right = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right))
    expected = left @ right.T
    i, j = torch.tensor([1, 3, 11, 0]), torch.tensor([2, 11, 4, 5])
    found = similarity.of_pairs((i // WIDTH, i % WIDTH), (j // WIDTH, j % WIDTH)).numpy()
    assert found[:3] == pytest.approx(expected[i[:3], j[:3]], abs=1e-5)
    assert np.isnan(found[3])
    mean, sd = similarity.of_layers()
    blocks = expected.reshape(LAYERS, WIDTH, LAYERS, WIDTH)[1]
    assert mean[1, 1] == pytest.approx(blocks[:, 1].mean(), abs=1e-5)
    assert sd[1, 1] == pytest.approx(blocks[:, 1].std(), abs=1e-5)
