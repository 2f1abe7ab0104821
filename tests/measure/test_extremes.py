"""Running extremes against a sort of everything at once, whatever the order of the blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.extremes import RunningBest, RunningTop

ROWS, COLUMNS = 7, 40
VALUES = np.random.default_rng(1).permutation(ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype(np.float32)
ORDERS = [[(0, 40)], [(0, 13), (13, 14), (14, 40)], [(30, 40), (0, 5), (20, 30), (5, 20)]]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("k", [1, 3, 40, 50])
def test_the_largest_are_the_first_of_a_sort(order: list[tuple[int, int]], k: int) -> None:
    top = RunningTop(ROWS, k, "cpu")
    for first, last in order:
        for rows in (slice(4, 7), slice(0, 4)):
            top.offer(torch.from_numpy(VALUES[rows, first:last]), rows, first)
    expected = np.argsort(-VALUES, axis=1)[:, :k]
    n = min(k, COLUMNS)
    assert np.array_equal(top.index[:, :n], expected)
    assert np.array_equal(top.values[:, :n], np.take_along_axis(VALUES, expected, 1))
    assert (top.values[:, n:] == -torch.inf).all()


@pytest.mark.parametrize("order", ORDERS)
def test_the_best_of_one_estimate_is_the_maximum(order: list[tuple[int, int]]) -> None:
    best = RunningBest(ROWS, 1, "cpu")
    assert (best.value == -torch.inf).all()
    for first, last in order:
        best.offer([torch.from_numpy(VALUES[:, first:last])], slice(0, ROWS))
    assert np.array_equal(best.value, VALUES.max(1))


@pytest.mark.parametrize("order", ORDERS)
def test_the_best_of_two_estimates_is_the_mean_over_both_of_each_ones_winner(order: list[tuple[int, int]]) -> None:
    other = np.random.default_rng(2).permutation(ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype(np.float32)
    best = RunningBest(ROWS, 2, "cpu")
    for first, last in order:
        best.offer([torch.from_numpy(values[:, first:last]) for values in (VALUES, other)], slice(0, ROWS))
    row = np.arange(ROWS)
    mean = (VALUES + other) / 2
    winners = [mean[row, values.argmax(1)] for values in (VALUES, other)]
    assert best.value.numpy() == pytest.approx((winners[0] + winners[1]) / 2)


def test_rows_without_an_offer_stay_without_a_value() -> None:
    best, top = RunningBest(3, 2, "cpu"), RunningTop(3, 2, "cpu")
    nobody = torch.full((1, 4), -torch.inf)
    best.offer([nobody, nobody], slice(0, 1))
    best.offer([torch.ones(1, 4), torch.ones(1, 4)], slice(2, 3))
    top.offer(torch.ones(1, 4), slice(2, 3), 0)
    assert best.value.tolist() == [-torch.inf, -torch.inf, 1.0]
    assert top.values[:, 0].tolist() == [-torch.inf, -torch.inf, 1.0]


def test_noise_in_two_estimates_hardly_lifts_the_best() -> None:
    # Many columns of like truth, as partners of a neuron are: the maximum of one noisy estimate is far above it.
    draw = np.random.default_rng(3)
    truth = np.sort(draw.standard_normal((2000, 200)) * 0.1, axis=1)
    noisy = [torch.from_numpy(truth + 0.02 * draw.standard_normal(truth.shape)).float() for _ in range(2)]
    best = RunningBest(len(truth), 2, "cpu")
    best.offer(noisy, slice(0, len(truth)))
    bias = float((best.value.double() - torch.from_numpy(truth[:, -1])).mean())
    naive = float((noisy[0].amax(1).double() - torch.from_numpy(truth[:, -1])).mean())
    assert naive > 0.005
    assert abs(bias) < 0.25 * naive
