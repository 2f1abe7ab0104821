"""Statistics of weights: what does not exist, and vectors of zeros."""

from __future__ import annotations

import pytest
import torch

from ingest.measure.weights import vocabulary_power_sums, weight_columns


def test_weight_columns_of_a_gated_mlp_without_bias_and_of_zero_weights() -> None:
    w_in, w_up, w_out = torch.randn(4, 3), torch.randn(4, 3), torch.randn(3, 4)
    w_in[:, 1] = 0.0
    found = weight_columns(w_in, w_up, w_out, None)
    assert found["input_bias"] is None
    cosine = torch.nn.functional.cosine_similarity
    for name, into in (("in_out_sim", w_in), ("up_out_sim", w_up)):
        column = found[name]
        assert column is not None
        expected = cosine(into.double().T, w_out.double(), dim=1)
        assert column[[0, 2]].numpy() == pytest.approx(expected[[0, 2]].numpy(), abs=1e-6)
    assert torch.isnan(found["in_out_sim"][1])  # type: ignore[index]
    assert weight_columns(w_in, None, w_out, None)["w_up_norm"] is None


def test_cosines_with_the_vocabulary_and_zero_vectors() -> None:
    directions, tokens = torch.randn(7, 4), torch.randn(11, 4)
    directions[2] = 0.0
    tokens[5] = 0.0
    sums = vocabulary_power_sums(directions, tokens)
    cosines = torch.nn.functional.cosine_similarity(directions.double()[:, None], tokens.double()[None], dim=2)
    assert torch.isfinite(sums).all()
    for power in range(4):
        assert sums[power].numpy() == pytest.approx((cosines ** (power + 1)).sum(1).numpy(), abs=1e-9)
    assert sums[:, 2].tolist() == [0.0] * 4
