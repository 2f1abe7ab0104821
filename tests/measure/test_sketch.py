"""Sketches: their hash, and estimates without bias and with the variance of the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.correlation import Shape
from ingest.measure.sketch import SKETCHES, SketchedCovariances, bucket_and_sign, bucket_starts
from ingest.names import GROUPS
from tests.measure.arrays import CONTEXT, Array, Measured, dealt, drawn

TOKENS, BUCKETS, SEEDS = 640, 256, 300
A, B = Shape(1, 4), Shape(2, 3)


@pytest.fixture(scope="module")
def measured() -> Measured:
    # Heavy tails: with normal values sum x^2 y^2 would hardly count.
    a, b = drawn(1, TOKENS, A.n_units, shared=0.7), drawn(2, TOKENS, B.n_units, shared=0.7)
    for values in (a, b):
        values[::50] += 6 * (values[::50] - values.mean(0))
    return Measured([a, b], [A, B], dealt(TOKENS, [1] * 16))


@pytest.fixture(scope="module")
def estimates(measured: Measured) -> Array:
    """Estimated correlations of all units, (seeds, sketches, units of a, units of b)."""
    found = []
    for seed in range(SEEDS):
        sketched = measured.sketched(buckets=BUCKETS, seed=seed)
        (tile,) = sketched.tiles((0, 1))
        found.append(torch.stack(sketched.estimates(tile)).double().numpy())
    sd = [spread.sd.numpy() for spread in measured.spreads]
    return np.asarray(np.stack(found) / sd[0][:, None] / sd[1])


def unit_vectors(measured: Measured) -> list[Array]:
    vectors = []
    for layers in measured.z:
        deviation = torch.cat(layers, 1).double().numpy()
        deviation = deviation - deviation.mean(0)
        vectors.append(deviation / np.linalg.norm(deviation, axis=0))
    return vectors


def test_a_positions_hash_depends_on_the_seed_and_its_row_alone() -> None:
    def hashed(rows: list[int], seed: int = 3) -> torch.Tensor:
        slot, sign = bucket_and_sign(rows, context=CONTEXT, buckets=64, seed=seed)
        return torch.stack([slot.float(), sign]).view(2, SKETCHES, len(rows), CONTEXT)

    together = hashed([7, 0, 123_456, 8])
    assert torch.equal(together[:, :, [2, 0]], hashed([123_456, 7]))
    rows = [together[:, :, k] for k in range(4)] + [hashed([7], seed=4)[:, :, 0]]
    assert not any(torch.equal(one, other) for k, one in enumerate(rows) for other in rows[:k])
    assert not torch.equal(together[:, 0], together[:, 1])


def test_buckets_and_signs_are_uniform_and_independent() -> None:
    each = 16
    slot, sign = bucket_and_sign(range(4000), context=CONTEXT, buckets=each, seed=0)
    n = slot.shape[1]
    for sketch in range(SKETCHES):
        counts = np.bincount(slot[sketch].numpy(), minlength=each)
        assert len(counts) == each
        assert ((counts - n / each) ** 2 / (n / each)).sum() < 45  # chi square of 15: 1e-4
        assert set(sign[sketch].tolist()) == {-1.0, 1.0}
        assert abs(float(sign[sketch].mean())) < 4 / n**0.5
        assert abs(np.corrcoef(slot[sketch], sign[sketch])[0, 1]) < 4 / n**0.5
        assert abs(np.corrcoef(sign[sketch][:-1], sign[sketch][1:])[0, 1]) < 4 / n**0.5
    assert abs(np.corrcoef(sign)[0, 1]) < 4 / n**0.5
    assert abs(np.corrcoef(slot)[0, 1]) < 4 / n**0.5


def test_estimates_are_without_bias(measured: Measured, estimates: Array) -> None:
    a, b = unit_vectors(measured)
    error = estimates.mean((0, 1)) - a.T @ b
    assert np.abs(a.T @ b).max() > 0.3
    assert (np.abs(error) < 4 * estimates.std((0, 1)) / (SEEDS * SKETCHES) ** 0.5).all()


def test_estimates_vary_as_the_formula_says(measured: Measured, estimates: Array) -> None:
    a, b = unit_vectors(measured)
    corr, both = a.T @ b, (a * a).T @ (b * b)
    formula = (1 + corr**2 - 2 * both) / BUCKETS
    # Exactly: positions of one group alone can meet in a bucket.
    of_group = np.array(
        [[(a[g].T @ b[g]) ** 2, np.outer(*((x[g] ** 2).sum(0) for x in (a, b)))] for g in _members(measured)]
    )
    exact = (of_group.sum((0, 1)) - 2 * both) * GROUPS / BUCKETS
    for sketch in range(SKETCHES):
        variance = estimates[:, sketch].var(0)
        assert variance == pytest.approx(exact, rel=0.45)
        assert variance.mean() == pytest.approx(exact.mean(), rel=0.1)
        assert variance.mean() == pytest.approx(formula.mean(), rel=0.3)


def test_the_two_sketches_are_independent(measured: Measured, estimates: Array) -> None:
    error = estimates - estimates.mean(0)
    together = (error[:, 0] * error[:, 1]).mean(0) / error.std((0, 1)) ** 2
    assert np.abs(together).max() < 4 / SEEDS**0.5


def test_covariances_within_a_layer_are_without_bias(measured: Measured) -> None:
    found = np.stack([measured.sketched(buckets=BUCKETS, seed=s).within(0, 0).numpy() for s in range(SEEDS)])
    expected = np.cov(measured.z[0][0].double().numpy().T, bias=True)
    assert (np.abs(found.mean(0) - expected) < 4 * found.std(0) / SEEDS**0.5 + 1e-6).all()
    assert found[0] == pytest.approx(found[0].T, abs=1e-6)


def test_sums_of_groups_add_up_to_the_whole(measured: Measured) -> None:
    sketched = measured.sketched(buckets=BUCKETS, seed=1)
    i, j = torch.tensor([0, 3, 2]), torch.tensor([1, 5, 5])
    by_group = sketched.group_sums((0, 1), i, j)
    (tile,) = sketched.tiles((0, 1))
    whole = torch.stack(sketched.estimates(tile)).mean(0)[i, j] * TOKENS
    assert by_group.sum(0).numpy() == pytest.approx(whole.numpy(), rel=1e-4, abs=1e-2)


def test_sums_of_each_group_are_without_bias(measured: Measured) -> None:
    i, j = torch.tensor([0, 3]), torch.tensor([0, 5])
    found = np.stack([measured.sketched(buckets=BUCKETS, seed=s).group_sums((0, 1), i, j) for s in range(SEEDS)])
    a, b = (torch.cat(layers, 1).double().numpy() for layers in measured.z)
    product = ((a - a.mean(0))[:, i] * (b - b.mean(0))[:, j])[None]
    expected = np.stack([product[0][members].sum(0) for members in _members(measured)])
    assert (np.abs(found.mean(0) - expected) < 4.5 * found.std(0) / SEEDS**0.5).all()


@pytest.mark.parametrize("groups", [slice(0, 8), slice(8, 16), slice(3, 4)])
def test_a_sketch_of_some_groups_is_the_sketch_of_their_positions(measured: Measured, groups: slice) -> None:
    sketched = measured.sketched(buckets=BUCKETS, seed=2, groups=groups)
    here = np.isin(measured.groups, np.arange(GROUPS)[groups])
    rows = np.flatnonzero(here)[::CONTEXT] // CONTEXT
    a, b = (torch.cat(layers, 1)[torch.from_numpy(here)].numpy() for layers in measured.z)
    # The same hash and slices, and the whole text's standardisation undone by correlating.
    only = Measured([a, b], [A, B], measured.groups[here])
    alone = only.sketches_in(bucket_starts([1] * GROUPS, BUCKETS), seed=2, rows=rows.tolist())
    spreads = [units.finish(groups) for units in measured.units]
    (tile,) = sketched.tiles((0, 1))
    for one, other in zip(
        sketched.estimates(tile), SketchedCovariances(alone, only.spreads, [tile]).estimates(tile), strict=True
    ):
        found, expected = (
            covariance.double() / x[0].sd[:, None] / x[1].sd
            for covariance, x in ((one, spreads), (other, only.spreads))
        )
        assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-4)


def test_buckets_are_shared_out_by_the_size_of_groups() -> None:
    for sizes in ([3] * 16, [1, 9, 2, 2, 5, 1, 7, 3, 3, 1, 1, 1, 8, 2, 4, 2], [40, 0, 0, 9] + [0] * 12):
        starts = np.array(bucket_starts(sizes, 4096))
        assert (len(starts), starts[0], starts[-1]) == (17, 0, 4096)
        assert np.diff(starts) == pytest.approx(4096 * np.array(sizes) / sum(sizes), abs=16)


def test_every_group_with_text_has_a_bucket() -> None:
    sizes = [5000] + [1] * 15
    assert (np.diff(bucket_starts(sizes, 256)) >= 1).all()


@pytest.mark.parametrize("sizes", [[1, 9, 2, 2, 5, 1, 7, 3, 3, 1, 1, 1, 8, 2, 4, 14], [64] + [0] * 15])
def test_groups_of_uneven_size_cost_no_variance(sizes: list[int]) -> None:
    a, b = drawn(1, TOKENS, A.n_units, shared=0.7), drawn(2, TOKENS, B.n_units, shared=0.7)
    uneven = Measured([a, b], [A, B], dealt(TOKENS, sizes))
    (tile,) = uneven.exact().tiles((0, 1))
    (exact,) = uneven.exact().estimates(tile)
    found = np.stack([uneven.sketched(buckets=BUCKETS, seed=s).estimates(tile)[0].numpy() for s in range(100)])
    sd = np.outer(*(spread.sd.numpy() for spread in uneven.spreads))
    corr, variance = exact.numpy() / sd, ((found - exact.numpy()) ** 2).mean(0) / sd**2
    assert variance.mean() == pytest.approx(((1 + corr**2) / BUCKETS).mean(), rel=0.15)


def _members(measured: Measured) -> list[np.ndarray]:
    return [np.flatnonzero(measured.groups == group) for group in range(GROUPS)]
