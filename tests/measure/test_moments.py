"""Power sums against numpy on values that are all in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.correlation import Shape
from ingest.measure.moments import Moments
from ingest.tables import STRATA
from tests.measure.arrays import drawn, layers_of

SHAPE = Shape(2, 6)
TOKENS = 700


def test_power_sums_of_batches_are_those_of_the_whole() -> None:
    pre, post = drawn(1, TOKENS, SHAPE.n_units), drawn(2, TOKENS, SHAPE.n_units)
    stratum = torch.from_numpy(np.random.default_rng(3).integers(0, 3, TOKENS).astype(np.uint8))
    moments = Moments(torch.from_numpy(pre.mean(0)), torch.from_numpy(post.mean(0)))
    for start in range(0, TOKENS, 290):
        part = slice(start, start + 290)
        moments.update(layers_of(pre[part], SHAPE), layers_of(post[part], SHAPE), stratum[part])
    for values, sums in ((pre, moments.pre), (post, moments.post)):
        for index in range(len(STRATA)):
            here = values[stratum.numpy() == index]
            for power in range(4):
                expected = ((here - sums.shift.numpy()) ** (power + 1)).sum(0)
                assert sums.sums[power, index].numpy() == pytest.approx(expected, rel=1e-6, abs=1e-3)
            assert np.array_equal(sums.minimum[index], here.min(0))
            assert np.array_equal(sums.maximum[index], here.max(0))


def test_positive_preactivations_are_counted_per_stratum() -> None:
    pre = torch.tensor([[1.0, -1.0], [0.0, 2.0], [3.0, 4.0]])
    moments = Moments(torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    moments.update([pre], [pre], torch.tensor([0, 0, 2], dtype=torch.uint8))
    assert moments.n.tolist() == [2, 0, 1]
    assert moments.n_positive.tolist() == [[1, 1], [0, 0], [1, 1]]
