"""Null spaces, heads and neighbours of trained models against float64 numpy on the plain Hugging Face model."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from tests.conftest import Ingested
from tests.ingest.by_hand import Array, ByHand, PlainGPT2, assert_close
from tests.support.tables import rows

PARTS = {"02": 0.02, "05": 0.05, "10": 0.1}
SOME = 12


def outputs(model: PlainGPT2) -> Array:
    return np.concatenate([folded.w_out for folded in model.folded])


def inputs(model: PlainGPT2) -> Array:
    return np.concatenate([folded.w_in.T for folded in model.folded])


def test_shares_in_the_null_space(trained: Ingested, by_hand: ByHand) -> None:
    for name, model in by_hand.models.items():
        w_out, unembedding = outputs(model), model.unembedding
        left, values, _ = np.linalg.svd(unembedding, full_matrices=False)
        # The constant direction is the one that centring made: the last, and the only one of no length.
        assert values[-1] < 1e-9
        assert values[-2] > 1e-3
        left, values = left[:, :-1], values[:-1]
        found = rows(trained.warehouse, "select * from raw.null_shares where model = $m order by layer, neuron", m=name)
        assert_close(found["logit_var"], (w_out @ unembedding).var(1), 1e-5)
        marts = rows(trained.warehouse, "select * from marts.neurons where model = $m order by layer, neuron", m=name)
        for column, part in PARTS.items():
            width = round(part * len(values))
            share = ((w_out @ left[:, -width:]) ** 2).sum(1) / (w_out**2).sum(1)
            assert_close(found[f"part_{column}"], share, 1e-4)
            assert_close(marts[f"null_share_{column}"], share - width / len(values), 1e-4)
            (space,) = rows(
                trained.warehouse, "select * from raw.null_spaces where model = $m and part = $p", m=name, p=part
            ).iter_rows(named=True)
            assert (space["n_directions"], space["n_all"]) == (width, len(values))
            assert space["singular_value"] == pytest.approx(values[-width], rel=1e-5)


def test_nearest_and_farthest_neurons(trained: Ingested, by_hand: ByHand) -> None:
    for name, model in by_hand.models.items():
        cosines = {}
        for vector, weights in (("in", inputs(model)), ("out", outputs(model))):
            unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
            cosines[vector] = unit @ unit.T
        for (vector, other), (side, best) in product(
            (("in", "out"), ("out", "in")), (("top", np.nanargmax), ("bottom", np.nanargmin))
        ):
            found = rows(
                trained.warehouse,
                "select *, other_layer * $w + other_neuron as other from raw.neighbours "
                "where model = $m and vector = $v and side = $s order by layer, neuron",
                m=name, v=vector, s=side, w=model.width,
            )  # fmt: skip
            own = np.arange(len(cosines[vector]))
            others = np.where(np.eye(len(own), dtype=bool), np.nan, cosines[vector])
            expected = best(others, axis=1)
            assert_close(found["cosine"], others[own, expected], 1e-6)
            partner = found["other"].to_numpy()
            assert_close(others[own, partner], others[own, expected], 1e-6)
            assert (partner == expected).mean() > 0.999
            assert_close(found["other_cosine"], cosines[other][own, partner], 1e-6)


@pytest.mark.slow
def test_scores_with_heads(trained: Ingested, by_hand: ByHand) -> None:
    """Some neurons of each layer against every head, the key of BOS from a run on BOS alone."""
    for name, model in by_hand.models.items():
        layers, n_heads = model.layers, model.network.config.n_head
        with torch.no_grad():
            cached = model.network(torch.tensor([[0]]), use_cache=True).past_key_values
        heads = {}
        for number, layer in enumerate(layers):
            joint = layer.ln_1.weight.detach().numpy()[:, None] * layer.attn.c_attn.weight.detach().numpy()
            joint = (joint - joint.mean(0)).reshape(len(joint), 3, n_heads, -1)
            out = layer.attn.c_proj.weight.detach().numpy()
            out = (out - out.mean(1, keepdims=True)).reshape(n_heads, -1, out.shape[1])
            for head in range(n_heads):
                key = cached.layers[number].keys[0, head, 0].numpy()
                q, k, v = joint[:, :, head].transpose(1, 0, 2)
                heads[number, head] = (q @ key / len(key) ** 0.5, of_norm_1(q @ k.T), of_norm_1(v @ out[head]))
        chosen = np.random.default_rng(3).choice(model.width, SOME, replace=False)
        for layer, neuron in product(range(len(layers)), chosen):
            w_in, w_out = model.folded[layer].w_in[:, neuron], model.folded[layer].w_out[neuron]
            expected: dict[str, dict[tuple[int, int], float]] = {kind: {} for kind in ("bos", "q", "k", "v", "ov")}
            for place, (to_bos, qk, ov) in heads.items():
                if place[0] > layer:
                    expected["bos"][place] = w_out @ to_bos / np.linalg.norm(w_out)
                    expected["q"][place] = composed(w_out, qk)
                    expected["k"][place] = composed(w_out, qk.T)
                    expected["v"][place] = composed(w_out, ov)
                else:
                    expected["ov"][place] = composed(w_in, ov.T)
            for kind, scores in expected.items():
                found = rows(
                    trained.warehouse,
                    "select * from marts.neuron_heads where model = $m and layer = $l and neuron = $n and kind = $k "
                    "order by rank",
                    m=name, l=layer, n=int(neuron), k=kind,
                )  # fmt: skip
                strongest = sorted(scores.values(), key=abs, reverse=True)[:5]
                assert found["score"].to_list() == pytest.approx(strongest, abs=1e-5)
                for row in found.iter_rows(named=True):
                    assert row["score"] == pytest.approx(scores[row["head_layer"], row["head"]], abs=1e-5)
                    if kind == "bos":
                        assert row["raw_score"] == pytest.approx(row["score"] * np.linalg.norm(w_out), rel=1e-5)


def of_norm_1(matrix: Array) -> Array:
    return matrix / np.linalg.norm(matrix)


def composed(vector: Array, matrix: Array) -> float:
    """Composition score with a matrix of norm 1."""
    return float(np.linalg.norm(vector @ matrix) / np.linalg.norm(vector))
