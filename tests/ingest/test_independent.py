"""Every number of an ingest of trained models against float64 numpy on the plain Hugging Face model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from ingest.measure.baseline import rotation
from tests.conftest import Ingested
from tests.ingest.by_hand import Array, PlainGPT2, Shape, cosines, kinds_of_positions, shape_of, standardised
from tests.support.tables import rows

DRAWS, SEED, TOP = 2, 7, 50
CORRELATION, OTHER = 1e-4, 1e-5
# The baseline by really rotating costs more than everything else together: every eighth neuron stands for all.
ROTATED_FOR = slice(None, None, 8)

_SUMS_OF_PARTS = (
    "select layer, neuron, sum(n)::bigint as n, sum(n_positive)::bigint as n_positive, "
    + ", ".join(
        f"any_value({p}_shift) as {p}_shift, min({p}_min) as {p}_min, max({p}_max) as {p}_max, "
        + ", ".join(f"sum({p}_sum_{k}) as {p}_sum_{k}" for k in (1, 2, 3, 4))
        for p in ("pre", "post")
    )
    + " from raw.moments where model = $model and stratum = $kind group by all order by layer, neuron"
)


@dataclass(frozen=True)
class ByHand:
    """The models on the tokens of the ingest."""

    models: dict[str, PlainGPT2]
    kinds: NDArray[np.str_]
    pre: dict[str, Array]
    post: dict[str, Array]
    corr: dict[tuple[str, str], Array]

    def text(self, model: str) -> Array:
        """Post-activations on positions of stratum text."""
        return np.asarray(self.post[model][self.kinds == "text"])


@pytest.fixture(scope="module")
def by_hand(trained: Ingested) -> ByHand:
    ids = np.load(trained.corpus / "ids.npy")
    models = {name: PlainGPT2(folder) for name, folder in trained.models.items()}
    kinds = kinds_of_positions(ids, next(iter(trained.models.values())) / "tokenizer.json")
    pre, post = {}, {}
    for name, model in models.items():
        pre[name], post[name] = model.activations(ids)
    unit = {name: standardised(values[kinds == "text"]) for name, values in post.items()}
    corr = {(a, b): unit[a].T @ unit[b] for a, b in permutations(models, 2) if a < b}
    return ByHand(models, kinds, pre, post, corr | {(b, a): values.T for (a, b), values in corr.items()})


def assert_close(found: NDArray[np.generic] | pl.Series, expected: Array, tolerance: float) -> None:
    found = np.asarray(found, dtype=np.float64).reshape(expected.shape)
    error = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    assert error.max() <= tolerance, f"{error.max():.2g} at {np.unravel_index(error.argmax(), error.shape)}"


def test_positions_are_counted_by_kind(trained: Ingested, by_hand: ByHand) -> None:
    counts = rows(trained.warehouse, "select n_tokens, n_text, n_newline, n_bos from raw.corpora").row(0)
    expected = [int((by_hand.kinds == kind).sum()) for kind in ("text", "newline", "bos")]
    assert min(expected) > 0
    assert counts == (len(by_hand.kinds), *expected)


def test_extremes_of_correlation_in_each_layer(trained: Ingested, by_hand: ByHand) -> None:
    for (a, b), corr in by_hand.corr.items():
        found = rows(
            trained.warehouse,
            "select * from raw.layer_bests where model = $a and other_model = $b order by layer, neuron, other_layer",
            a=a, b=b,
        )  # fmt: skip
        width = by_hand.models[b].width
        by_layer = corr.reshape(len(corr), -1, width)
        assert_close(found["max_corr"], by_layer.max(2), CORRELATION)
        assert_close(found["min_corr"], by_layer.min(2), CORRELATION)
        # Where two neurons come close the other one may be named: then its own correlation is as good.
        for column, best in (("max_neuron", by_layer.max(2)), ("min_neuron", by_layer.min(2))):
            named = found[column].to_numpy().astype(np.int64).reshape(best.shape)
            assert_close(np.take_along_axis(by_layer, named[:, :, None], 2)[:, :, 0], best, CORRELATION)


def test_fifty_most_and_least_correlated_partners(trained: Ingested, by_hand: ByHand) -> None:
    for (a, b), corr in by_hand.corr.items():
        ordered = np.sort(corr, axis=1)
        for side, expected in (("top", ordered[:, ::-1][:, :TOP]), ("bottom", ordered[:, :TOP])):
            found = rows(
                trained.warehouse,
                "select * from raw.partners where model = $a and other_model = $b and side = $side "
                "order by layer, neuron, rank",
                a=a, b=b, side=side,
            )  # fmt: skip
            assert_close(found["corr"], expected, CORRELATION)
            width = by_hand.models[b].width
            named = (found["other_layer"].cast(pl.Int64) * width + found["other_neuron"]).to_numpy().reshape(-1, TOP)
            assert all(len(set(partners)) == TOP for partners in named)
            assert_close(np.take_along_axis(corr, named, 1), expected, CORRELATION)


def test_baselines_by_rotating_the_activations(trained: Ingested, by_hand: ByHand) -> None:
    some = {name: standardised(by_hand.text(name)[:, ROTATED_FOR]) for name in by_hand.models}
    for b, model in by_hand.models.items():
        others = [a for a in by_hand.models if a != b]
        for layer in range(len(model.layers)):
            here = by_hand.text(b)[:, layer * model.width : (layer + 1) * model.width]
            for draw in range(DRAWS):
                matrix = rotation(model.width, seed=SEED, draw=draw, layer=layer).numpy()
                assert np.linalg.norm(matrix, axis=1) == pytest.approx(1.0)
                rotated = standardised(here @ matrix.T)
                for a in others:
                    found = rows(
                        trained.warehouse,
                        "select max_corr from raw.baselines where model = $a and other_model = $b "
                        "and other_layer = $layer and draw = $draw order by layer, neuron",
                        a=a, b=b, layer=layer, draw=draw,
                    )  # fmt: skip
                    assert_close(found["max_corr"].to_numpy()[ROTATED_FOR], (some[a].T @ rotated).max(1), CORRELATION)


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


def test_marts_of_correlations(trained: Ingested, by_hand: ByHand) -> None:
    for a in by_hand.models:
        others = [b for b in by_hand.models if b != a]
        best = np.stack([by_hand.corr[a, b].max(1) for b in others])
        found = rows(trained.warehouse, "select * from marts.neurons where model = $m order by layer, neuron", m=a)
        assert set(found["n_partners"]) == {len(others)}
        for column, expected in (("mean", best.mean(0)), ("max", best.max(0)), ("min", best.min(0))):
            assert_close(found[f"{column}_corr"], expected, CORRELATION)
        baseline = rows(
            trained.warehouse,
            # The largest over layers comes first, per draw and partner; then the mean.
            "select avg(largest) as baseline from (select layer, neuron, other_model, draw, max(max_corr) as largest "
            "from raw.baselines where model = $m group by all) group by layer, neuron order by layer, neuron",
            m=a,
        )["baseline"].to_numpy()
        assert_close(found["mean_baseline"], baseline, CORRELATION)
        assert_close(found["excess_corr"], best.mean(0) - baseline, 2 * CORRELATION)
        certain = np.abs(best.mean(0) - baseline - 0.5) > 2 * CORRELATION
        assert (found["is_universal"].to_numpy() == (best.mean(0) - baseline > 0.5))[certain].all()


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
