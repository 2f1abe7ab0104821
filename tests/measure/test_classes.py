"""Sums by class against float64 numpy: features of kept and of other classes, and what classes explain."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ingest.measure.classes import HALVES, ClassSums, Scheme

LAYERS, WIDTH, TOKENS = 2, 5, 600
N_CLASSES, N_FEATURES, KEPT = 12, 4, 3


@pytest.fixture(scope="module")
def values() -> NDArray[np.float64]:
    """Activations (layers, tokens, width) in float32's precision."""
    drawn = np.random.default_rng(0).normal(size=(LAYERS, TOKENS, WIDTH))
    return drawn.astype(np.float32).astype(np.float64)


@pytest.fixture(scope="module")
def classes() -> NDArray[np.int64]:
    """Classes of positions, the first ones frequent."""
    return np.minimum(np.random.default_rng(1).geometric(0.25, TOKENS) - 1, N_CLASSES - 1)


def summed(values: NDArray[np.float64], classes: NDArray[np.int64], holds: NDArray[np.bool_], kept: int) -> ClassSums:
    """Everything in batches of 100, the first four of half 0."""
    scheme = Scheme(holds, kept)
    sums = ClassSums(scheme, n_layers=LAYERS, width=WIDTH, device="cpu")
    for batch, start in enumerate(range(0, TOKENS, 100)):
        half, part = int(batch >= 4), slice(start, start + 100)
        present = scheme.present(classes[part], "cpu")
        sums.count(present, half)
        for layer in range(LAYERS):
            sums.update(layer, torch.from_numpy(values[layer, part]).float(), present, half)
    return sums


def between(values: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of squares between groups, (layers, width)."""
    means = values.mean(1)
    groups = [values[:, labels == label] for label in np.unique(labels)]
    return np.asarray(np.sum([group.shape[1] * (group.mean(1) - means) ** 2 for group in groups], axis=0))


@pytest.mark.parametrize("kept", [0, KEPT, N_CLASSES])
def test_features_of_all_classes_are_summed_whether_they_are_kept_or_not(
    values: NDArray[np.float64], classes: NDArray[np.int64], kept: int
) -> None:
    holds = np.random.default_rng(2).random((N_CLASSES, N_FEATURES)) < 0.4
    sums = summed(values, classes, holds, kept)
    for half, span in enumerate((slice(0, 400), slice(400, TOKENS))):
        of_position = holds[classes[span]]
        assert sums.n_true[half].tolist() == of_position.sum(0).tolist()
        expected = np.einsum("ltw,tf->lfw", values[:, span], of_position)
        np.testing.assert_allclose(sums.features[half].numpy(), expected, atol=1e-4)
    assert int(sums.counts.sum()) == TOKENS
    assert sums.features.shape[0] == HALVES
    labels = np.minimum(classes, kept)
    total = torch.from_numpy(values.sum(1))
    np.testing.assert_allclose(sums.between(total).numpy(), between(values, labels), rtol=1e-4, atol=1e-4)


def test_parts_of_classes_explain_what_their_partition_explains(
    values: NDArray[np.float64], classes: NDArray[np.int64]
) -> None:
    """Classes of tokens, two of the first one's and one of all others' parts known: the rest of each is one more."""
    colour = np.random.default_rng(3).integers(0, 3, TOKENS)
    parts = np.full(TOKENS, 3)
    parts[(classes == 0) & (colour == 0)] = 0
    parts[(classes == 0) & (colour == 1)] = 1
    parts[(classes >= KEPT) & (colour == 2)] = 2
    whole = summed(values, classes, np.zeros((N_CLASSES, 0), bool), KEPT)
    some = summed(values, parts, np.zeros((4, 0), bool), 3)
    found, n_parts = some.between_parts(whole, torch.tensor([0, 0, KEPT]), torch.from_numpy(values.sum(1)))
    labels = np.minimum(classes, KEPT) * 4 + parts
    assert n_parts == len(np.unique(labels)) == 7
    np.testing.assert_allclose(found.numpy(), between(values, labels), rtol=1e-4, atol=1e-4)


def test_a_class_that_its_parts_use_up_leaves_nothing(values: NDArray[np.float64]) -> None:
    whole = summed(values, np.arange(TOKENS) % 2, np.zeros((2, 0), bool), 2)
    parts = np.where(np.arange(TOKENS) % 2, 2, np.arange(TOKENS) % 4 // 2)
    some = summed(values, parts, np.zeros((3, 0), bool), 2)
    found, n_parts = some.between_parts(whole, torch.tensor([0, 0]), torch.from_numpy(values.sum(1)))
    assert n_parts == 3
    np.testing.assert_allclose(found.numpy(), between(values, parts), rtol=1e-4, atol=1e-4)
