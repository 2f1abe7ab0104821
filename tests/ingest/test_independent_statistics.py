"""Statistics of activations and weights of trained models against float64 numpy on the plain Hugging Face model."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.conftest import Ingested
from tests.ingest.by_hand import Array, ByHand, PlainGPT2, Shape, assert_close, cosines, shape_of
from tests.support.tables import rows

OTHER = 1e-5

_SUMS_OF_PARTS = (
    "select layer, neuron, sum(n)::bigint as n, sum(n_positive)::bigint as n_positive, "
    + ", ".join(
        f"any_value({p}_shift) as {p}_shift, min({p}_min) as {p}_min, max({p}_max) as {p}_max, "
        + ", ".join(f"sum({p}_sum_{k}) as {p}_sum_{k}" for k in (1, 2, 3, 4))
        for p in ("pre", "post")
    )
    + " from raw.moments where model = $model and stratum = $kind group by all order by layer, neuron"
)


@pytest.mark.parametrize("kind", ["text", "newline", "bos"])
def test_power_sums_of_each_kind_of_position(trained: Ingested, by_hand: ByHand, kind: str) -> None:
    for name in by_hand.models:
        found = rows(trained.warehouse, _SUMS_OF_PARTS, model=name, kind=kind)
        here = by_hand.kinds == kind
        assert set(found["n"]) == {int(here.sum())}
        for prefix, values in (("pre", by_hand.pre[name][here]), ("post", by_hand.post[name][here])):
            deviation = values - found[f"{prefix}_shift"].to_numpy()
            power = np.ones_like(deviation)
            for k in (1, 2, 3, 4):
                power *= deviation
                assert_close(found[f"{prefix}_sum_{k}"].to_numpy() / len(values), power.mean(0), OTHER)
            assert_close(found[f"{prefix}_min"], values.min(0), OTHER)
            assert_close(found[f"{prefix}_max"], values.max(0), OTHER)
        # A pre-activation of almost nothing may round to either side of 0.
        pre = by_hand.pre[name][here]
        positive = found["n_positive"].to_numpy()
        assert ((pre > 1e-4).sum(0) <= positive).all()
        assert (positive <= (pre > -1e-4).sum(0)).all()


def test_statistics_of_weights(trained: Ingested, by_hand: ByHand) -> None:
    for name, model in by_hand.models.items():
        found = rows(trained.warehouse, "select * from raw.weights where model = $m order by layer, neuron", m=name)
        into, out = (np.linalg.norm(w, axis=1) for w in _both_weights(model))
        assert_close(found["w_in_norm"], into, OTHER)
        assert_close(found["w_out_norm"], out, OTHER)
        assert_close(found["input_bias"], np.concatenate([f.b_in for f in model.folded]), OTHER)
        w_in, w_out = _both_weights(model)
        assert_close(found["in_out_sim"], (w_in * w_out).sum(1) / into / out, OTHER)
        assert found["w_up_norm"].is_null().all()


def test_cosines_with_the_vocabulary(trained: Ingested, by_hand: ByHand) -> None:
    for name, model in by_hand.models.items():
        w_in, w_out = _both_weights(model)
        for effect, directions, tokens in (("out", w_out, model.unembedding.T), ("in", w_in, model.embedding)):
            found = rows(
                trained.warehouse,
                "select * from raw.vocabulary_sums where model = $m and effect = $e order by layer, neuron",
                m=name, e=effect,
            )  # fmt: skip
            cosine = cosines(directions, tokens)
            assert set(found["n"]) == {len(cosine)}
            for power in (1, 2, 3, 4):
                mean = found[f"sum_{power}"].to_numpy() / len(cosine)
                assert_close(mean, (cosine**power).mean(0), OTHER)


def test_marts_of_statistics(trained: Ingested, by_hand: ByHand) -> None:
    for name, model in by_hand.models.items():
        found = rows(trained.warehouse, "select * from marts.neurons where model = $m order by layer, neuron", m=name)
        pre, (w_in, w_out) = by_hand.pre[name], _both_weights(model)
        _check_shape(found, "", shape_of(pre))
        _check_shape(found, "post_", shape_of(by_hand.text(name)))
        slack = (np.abs(pre) < 1e-4).mean(0).max()
        assert_close(found["sparsity"], (pre > 0).mean(0), slack + OTHER)
        assert_close(found["l2_penalty"], (w_in**2).sum(1) + (w_out**2).sum(1), OTHER)
        for prefix, directions, tokens in (("vocab_", w_out, model.unembedding.T), ("embed_", w_in, model.embedding)):
            _check_shape(found, prefix, shape_of(cosines(directions, tokens)))
        percentiles = rows(
            trained.warehouse, "select * from marts.neuron_percentiles where model = $m order by layer, neuron", m=name
        )
        for column in ("w_out_norm", "kurt", "excess_corr", "vocab_var"):
            values = found[column].to_numpy().reshape(len(model.layers), -1)
            assert_close(percentiles[f"{column}_pct"], np.concatenate([_percentiles(v) for v in values]), 1e-9)


def _both_weights(model: PlainGPT2) -> tuple[Array, Array]:
    return np.concatenate([f.w_in.T for f in model.folded]), np.concatenate([f.w_out for f in model.folded])


def _check_shape(found: pl.DataFrame, prefix: str, expected: Shape) -> None:
    off = np.abs(found[f"{prefix}mean"].to_numpy() - expected.mean)
    assert (off <= OTHER * np.sqrt(expected.var)).all()
    for moment in ("var", "skew", "kurt"):
        if prefix + moment in found.columns:
            assert_close(found[prefix + moment], getattr(expected, moment), OTHER)


def _percentiles(values: Array) -> Array:
    smaller = (values[None, :] < values[:, None]).sum(1)
    equal = (values[None, :] == values[:, None]).sum(1)
    return np.asarray(100.0 * (smaller + 0.5 * (equal + 1)) / len(values))
