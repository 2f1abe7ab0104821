"""Scores of neurons with heads against the matrices written out."""

from __future__ import annotations

import pytest
import torch

from ingest.measure.heads import bos_readers, composition_readers, head_scores, top_heads

HEADS, D_MODEL, D_HEAD = 6, 16, 4


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_composition_is_the_norm_of_the_product() -> None:
    left, right, vectors = random(HEADS, D_MODEL, D_HEAD), random(HEADS, D_HEAD, D_MODEL), random(5, D_MODEL)
    scores = head_scores(vectors, composition_readers(left, right))
    for head in range(HEADS):
        matrix = left[head].double() @ right[head].double()
        norms = (vectors.double() @ matrix).norm(dim=1) / matrix.norm() / vectors.double().norm(dim=1)
        assert scores[:, head].numpy() == pytest.approx(norms.numpy(), rel=1e-5)


def test_random_directions_compose_by_one_over_the_width() -> None:
    readers = composition_readers(random(HEADS, D_MODEL, D_HEAD), random(HEADS, D_HEAD, D_MODEL))
    squares = head_scores(random(50_000, D_MODEL), readers).square().mean(0)
    assert squares.numpy() == pytest.approx([1 / D_MODEL] * HEADS, rel=0.03)


def test_attention_to_bos_is_signed_and_scaled() -> None:
    w_q, keys, vectors = random(HEADS, D_MODEL, D_HEAD), random(HEADS, D_HEAD), random(5, D_MODEL)
    scores = head_scores(3.0 * vectors, bos_readers(w_q, keys))
    unit = torch.nn.functional.normalize(vectors, dim=1)
    expected = torch.stack([unit @ w_q[h] @ keys[h] / 2.0 for h in range(HEADS)], dim=1)
    assert scores.numpy() == pytest.approx(expected.numpy(), abs=1e-5)
    top = top_heads(vectors, bos_readers(w_q, keys), 3)
    assert top.heads.tolist() == expected.abs().argsort(dim=1, descending=True)[:, :3].tolist()
    assert top.scores.numpy() == pytest.approx(expected.gather(1, top.heads).numpy(), abs=1e-5)


def test_a_head_without_weights_scores_nothing() -> None:
    left = random(2, D_MODEL, D_HEAD)
    left[1] = 0.0
    scores = head_scores(random(3, D_MODEL), composition_readers(left, random(2, D_HEAD, D_MODEL)))
    assert (scores[:, 0] > 0.0).all()
    assert scores[:, 1].tolist() == [0.0] * 3
    assert top_heads(random(3, D_MODEL), composition_readers(left, random(2, D_HEAD, D_MODEL)), 5).heads.shape == (3, 2)
