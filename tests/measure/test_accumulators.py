"""Accumulators against numpy on values that are all in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.baseline import RotatedLayer, rotation
from ingest.measure.correlation import CrossMoments, Standardised, correlation, covariance
from ingest.measure.moments import Moments, Pilot
from ingest.measure.selection import extreme_partners, layer_extremes
from ingest.measure.text_totals import TextTotals
from ingest.measure.weights import vocabulary_power_sums, weight_columns
from ingest.tables import STRATA

LAYERS, WIDTH = 2, 6
N = LAYERS * WIDTH
DEAD = 8
DRAW = np.random.default_rng(3)


def activations(tokens: int = 700) -> torch.Tensor:
    values = DRAW.standard_normal((tokens, N)) * DRAW.uniform(0.01, 30, N) + DRAW.uniform(-100, 100, N)
    values[:, DEAD] = 1.25
    return torch.from_numpy(values).float()


def standardised(post: torch.Tensor) -> tuple[TextTotals, Standardised]:
    """Everything in one part, all positions of stratum text."""
    totals = TextTotals(Pilot(post[:50], post[:50], n_layers=LAYERS))
    moments = Moments(totals.pre_shift, totals.post_shift)
    moments.update(post, post, torch.zeros(len(post), dtype=torch.uint8))
    totals.add(moments)
    return totals, totals.finish()


def test_power_sums_of_batches_are_those_of_the_whole() -> None:
    pre, post = activations(), activations()
    stratum = torch.from_numpy(DRAW.integers(0, 3, 700).astype(np.uint8))
    moments = Moments(pre.double().mean(0), post.double().mean(0))
    for start in range(0, 700, 290):
        part = slice(start, start + 290)
        moments.update(pre[part], post[part], stratum[part])
    for values, sums in ((pre, moments.pre), (post, moments.post)):
        for index in range(len(STRATA)):
            here = values.double().numpy()[stratum.numpy() == index]
            for power in range(4):
                expected = ((here - sums.shift.numpy()) ** (power + 1)).sum(0)
                assert sums.sums[power, index].numpy() == pytest.approx(expected, rel=1e-9, abs=1e-6)
            assert np.array_equal(sums.minimum[index], here.min(0))
            assert np.array_equal(sums.maximum[index], here.max(0))


def test_positive_preactivations_are_counted_per_stratum() -> None:
    pre = torch.tensor([[1.0, -1.0], [0.0, 2.0], [3.0, 4.0]])
    moments = Moments(torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    moments.update(pre, pre, torch.tensor([0, 0, 2], dtype=torch.uint8))
    assert moments.n.tolist() == [2, 0, 1]
    assert moments.n_positive.tolist() == [[1, 1], [0, 0], [1, 1]]


def test_a_neuron_silent_in_the_pilot_gets_the_layers_floor_as_scale() -> None:
    post = activations(50)
    pilot = Pilot(post, post, n_layers=LAYERS)
    spread = post.double().std(0, correction=0).view(LAYERS, WIDTH)
    assert pilot.scale[DEAD].item() == pytest.approx(1e-3 * spread.median(1).values[DEAD // WIDTH].item())
    alive = [i for i in range(N) if i != DEAD]
    assert pilot.scale[alive].numpy() == pytest.approx(spread.reshape(-1)[alive].numpy())


def test_a_layer_silent_in_the_pilot_has_a_scale_all_the_same() -> None:
    silent = torch.zeros(10, N)
    assert Pilot(silent, silent, n_layers=LAYERS).scale.tolist() == [1.0] * N


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_correlations_from_cross_moments_and_dead_columns() -> None:
    a = activations()
    b = a.flip(1) * 3 + activations()
    (totals_a, spread_a), (totals_b, spread_b) = standardised(a), standardised(b)
    cross = CrossMoments([(0, 1)], [(LAYERS, WIDTH)] * 2, "cpu")
    for start in range(0, 700, 100):
        part = slice(start, start + 100)
        cross.update([totals_a.standardise(a[part]), totals_b.standardise(b[part])])
    found = correlation(covariance(cross.pairs[0, 1], spread_a, spread_b), spread_a, spread_b).numpy()
    expected = np.corrcoef(a.double().numpy().T, b.double().numpy().T)[:N, N:]
    assert spread_a.is_dead.nonzero().flatten().tolist() == [DEAD]
    assert (found[DEAD] == 0).all()
    alive = [i for i in range(N) if i != DEAD]
    assert found[alive] == pytest.approx(expected[alive], abs=1e-5)


def test_a_layer_without_a_living_neuron_has_no_extremes() -> None:
    nobody = torch.zeros(0, 2 * WIDTH)
    highest, lowest = layer_extremes(nobody, torch.zeros(2 * WIDTH, dtype=torch.bool), 2)
    assert highest.index.shape == lowest.index.shape == (0, 2)
    dead = torch.tensor([True] * WIDTH + [False] * WIDTH)
    highest, _ = layer_extremes(torch.rand(3, 2 * WIDTH), dead, 2)
    assert torch.isinf(highest.corr[:, 0]).all()
    assert torch.isfinite(highest.corr[:, 1]).all()


def test_the_baseline_by_algebra_is_the_one_by_rotating() -> None:
    a, b = activations(), activations()
    b[:, :WIDTH] += a[:, WIDTH:] * 0.5
    (totals_a, spread_a), (totals_b, spread_b) = standardised(a), standardised(b)
    cross = CrossMoments([(0, 1)], [(LAYERS, WIDTH)] * 2, "cpu")
    cross.update([totals_a.standardise(a), totals_b.standardise(b)])
    for layer in range(LAYERS):
        columns = slice(layer * WIDTH, (layer + 1) * WIDTH)
        matrix = rotation(WIDTH, seed=1, draw=0, layer=layer)
        rotated = RotatedLayer(matrix, cross.layers[1][layer], spread_b.part(columns))
        covariances = covariance(cross.pairs[0, 1][:, columns], spread_a, spread_b.part(columns))
        found = rotated.largest_correlation(covariances, spread_a).numpy()
        turned = b[:, columns].double() @ matrix.T
        both = np.corrcoef(np.delete(a.double().numpy(), DEAD, 1).T, turned.numpy().T)
        assert np.delete(found, DEAD) == pytest.approx(both[: N - 1, N - 1 :].max(1), abs=1e-5)
        assert found[DEAD] == 0


def test_rotations_are_gaussian_with_unit_rows_and_functions_of_their_arguments() -> None:
    matrix = rotation(300, seed=1, draw=2, layer=3)
    assert matrix.norm(dim=1).numpy() == pytest.approx(1.0)
    assert matrix.mean().item() == pytest.approx(0.0, abs=1e-3)
    assert matrix.std().item() == pytest.approx(300**-0.5, rel=0.02)
    # Rows of an orthogonal matrix would have products of 0.
    assert (matrix @ matrix.T - torch.eye(300)).std().item() == pytest.approx(300**-0.5, rel=0.05)
    assert torch.equal(matrix, rotation(300, seed=1, draw=2, layer=3))
    others = [rotation(300, seed=s, draw=d, layer=k) for s, d, k in ((2, 2, 3), (1, 1, 3), (1, 2, 2))]
    assert not any(torch.equal(matrix, other) for other in others)


def test_selected_partners_are_the_first_of_a_sort() -> None:
    corr = torch.from_numpy(DRAW.uniform(-1, 1, (5, N)))
    dead = torch.zeros(N, dtype=torch.bool)
    dead[[2, 9]] = True
    alive = np.flatnonzero(~dead.numpy())
    for k in (3, 50):
        top, bottom = extreme_partners(corr, dead, k)
        order = alive[np.argsort(-corr.numpy()[:, alive], axis=1)]
        count = min(k, len(alive))
        assert np.array_equal(top.index.numpy(), order[:, :count])
        assert np.array_equal(bottom.index.numpy(), order[:, ::-1][:, :count])
        assert np.array_equal(top.corr.numpy(), np.take_along_axis(corr.numpy(), order[:, :count], 1))


def test_extremes_of_layers_leave_dead_partners_out() -> None:
    corr = torch.tensor([[0.5, 0.1, -0.2, 0.9, -0.9, 0.3]])
    dead = torch.tensor([True, False, False, False, True, False])
    highest, lowest = layer_extremes(corr, dead, 2)
    assert highest.index.tolist() == [[1, 0]]
    assert highest.corr[0].tolist() == pytest.approx([0.1, 0.9])
    assert lowest.index.tolist() == [[2, 2]]
    assert lowest.corr[0].tolist() == pytest.approx([-0.2, 0.3])
    whole_layer_dead = layer_extremes(corr, torch.tensor([True] * 3 + [False] * 3), 2)[0]
    assert not torch.isfinite(whole_layer_dead.corr[0, 0])


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
