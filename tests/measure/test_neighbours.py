"""Nearest and farthest vectors against the whole matrix of cosines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure import neighbours
from ingest.measure.neighbours import extreme_neighbours, paired_cosines


@pytest.mark.parametrize(("n", "block"), [(2, 4), (9, 4), (8, 4), (50, 7), (50, 64)])
def test_extremes_of_the_matrix(n: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_VECTORS_AT_ONCE", block)
    vectors = torch.randn(n, 5, generator=torch.Generator().manual_seed(n + block))
    unit = vectors.double().numpy() / np.linalg.norm(vectors.double().numpy(), axis=1, keepdims=True)
    cosines = unit @ unit.T
    top, bottom = extreme_neighbours(vectors)
    others = np.where(np.eye(n, dtype=bool), np.nan, cosines)
    assert top.index.tolist() == np.nanargmax(others, axis=1).tolist()
    assert bottom.index.tolist() == np.nanargmin(others, axis=1).tolist()
    assert top.cosine.numpy() == pytest.approx(np.nanmax(others, axis=1), abs=1e-6)
    assert bottom.cosine.numpy() == pytest.approx(np.nanmin(others, axis=1), abs=1e-6)


def test_cosines_of_pairs_and_of_nothing() -> None:
    vectors = torch.tensor([[3.0, 4.0], [4.0, 3.0], [0.0, 0.0]])
    found = paired_cosines(vectors, torch.tensor([1, 0, 0]))
    assert found[:2].tolist() == pytest.approx([0.96, 0.96])
    assert torch.isnan(found[2])
