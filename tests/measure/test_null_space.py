"""Shares in the unembedding's null space against a singular value decomposition in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.null_space import logit_variances, null_parts, spectrum

PARTS = (0.02, 0.05, 0.1)


@pytest.fixture
def tokens() -> torch.Tensor:
    """An unembedding of 40 dimensions with singular values from 1 to 40, of 60 tokens, not centred."""
    generator = torch.Generator().manual_seed(0)
    left, _ = torch.linalg.qr(torch.randn(60, 40, generator=generator, dtype=torch.float64))
    right, _ = torch.linalg.qr(torch.randn(40, 40, generator=generator, dtype=torch.float64))
    found: torch.Tensor = left @ torch.diag(torch.arange(1.0, 41.0, dtype=torch.float64)) @ right.T
    return found


def test_shares_are_those_of_the_decomposition(tokens: torch.Tensor) -> None:
    vectors = torch.randn(7, 40, generator=torch.Generator().manual_seed(1))
    space = spectrum(tokens.float(), is_centred=False)
    _, values, right = np.linalg.svd(tokens.numpy())
    assert space.values.numpy() == pytest.approx(values[::-1], rel=1e-4)
    unit = vectors.double().numpy() / np.linalg.norm(vectors.numpy(), axis=1, keepdims=True)
    for column, (part, width) in enumerate(zip(PARTS, (1, 2, 4), strict=True)):
        assert space.n_smallest(part) == width
        expected = ((unit @ right[-width:].T) ** 2).sum(1)
        assert null_parts(vectors, space, PARTS)[:, column].numpy() == pytest.approx(expected, abs=1e-5)
    effects = vectors.double().numpy() @ tokens.numpy().T
    assert logit_variances(vectors, space).numpy() == pytest.approx(effects.var(1), rel=1e-5)


def test_the_constant_direction_is_no_part_of_the_null_space(tokens: torch.Tensor) -> None:
    centred = tokens - tokens.mean(1, keepdim=True)
    # Another direction that no token has: it must stay, though its singular value is 0 as well.
    silent = torch.zeros(40, dtype=torch.float64)
    silent[0], silent[1] = 1.0, -1.0
    centred -= torch.outer(centred @ silent, silent) / 2.0
    space = spectrum(centred, is_centred=True)
    assert space.directions.shape == (40, 39)
    assert (space.directions.T @ space.directions - torch.eye(39)).abs().max() < 1e-9
    assert space.directions.sum(0).abs().max() < 1e-9
    assert space.values[0] < 1e-6
    assert space.values[1] > 1e-2
    assert null_parts(silent[None], space, (0.02,)).item() == pytest.approx(1.0)


def test_random_directions_have_the_share_of_their_number(tokens: torch.Tensor) -> None:
    vectors = torch.randn(20_000, 40, generator=torch.Generator().manual_seed(2))
    shares = null_parts(vectors, spectrum(tokens, is_centred=False), PARTS).mean(0)
    assert shares.numpy() == pytest.approx([1 / 40, 2 / 40, 4 / 40], rel=0.05)


def test_a_zero_vector_has_no_share(tokens: torch.Tensor) -> None:
    space = spectrum(tokens, is_centred=False)
    assert torch.isnan(null_parts(torch.zeros(1, 40), space, PARTS)).all()
    assert logit_variances(torch.zeros(1, 40), space).tolist() == [0.0]
