"""Statistics of weights: what does not exist, and vectors of zeros."""

from __future__ import annotations

import pytest
import torch

from ingest.measure.weights import weight_columns


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
