"""Examples of neurons against a sort of all rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.examples import REACH, WINDOW, Examples

ROWS, CONTEXT, WIDTH, K = 40, 70, 6, 7
X = np.random.default_rng(4).normal(size=(ROWS, CONTEXT, WIDTH)).astype(np.float32)
NUMBERS = np.random.default_rng(5).permutation(ROWS)


def offered(rows: int, *, first_place: int, at_once: int = 8) -> Examples:
    examples = Examples(WIDTH, K, "cpu")
    for start in range(0, rows, at_once):
        end = min(rows, start + at_once)
        examples.offer(torch.from_numpy(X[start:end]), torch.from_numpy(NUMBERS[start:end]), first_place)
    return examples


@pytest.mark.parametrize("first_place", [0, 1])
def test_the_largest_rows_come_first_with_their_places_and_windows(first_place: int) -> None:
    examples = offered(ROWS, first_place=first_place)
    values, rows, places, windows = examples.chosen(list(range(K)))
    assert examples.n == K
    peaks = X[:, first_place:].max(1)
    for neuron in range(WIDTH):
        order = np.argsort(-peaks[:, neuron])[:K]
        assert values[neuron].tolist() == peaks[order, neuron].tolist()
        assert rows[neuron].tolist() == NUMBERS[order].tolist()
        for slot, row in enumerate(order):
            place = first_place + int(X[row, first_place:, neuron].argmax())
            line = np.full(CONTEXT + 2 * REACH, np.nan, np.float32)
            line[REACH:-REACH] = X[row, :, neuron]
            assert places[neuron, slot] == place
            assert np.array_equal(windows[neuron, slot], line[place : place + WINDOW], equal_nan=True)


def test_of_equal_activations_the_first_row_comes_first() -> None:
    examples = Examples(1, 3, "cpu")
    examples.offer(torch.ones(2, 4, 1), torch.tensor([9, 5]), 0)
    examples.offer(torch.full((1, 4, 1), 2.0), torch.tensor([7]), 0)
    assert examples.chosen([0, 1, 2])[1].tolist() == [[7, 5, 9]]


def test_with_fewer_rows_than_slots_all_are_kept() -> None:
    examples = offered(3, first_place=0)
    assert examples.n == 3
    assert sorted(examples.chosen([0, 1, 2])[1][0].tolist()) == sorted(NUMBERS[:3].tolist())
