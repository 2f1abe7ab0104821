"""Sketches: their hash, and estimates without bias and with the variance of the formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.correlation import Shape
from ingest.measure.sketch import SKETCHES, CountSketch, SketchedCovariances, bucket_and_sign
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
    return np.stack(found) / sd[0][:, None] / sd[1]


def unit_vectors(measured: Measured) -> list[Array]:
    vectors = []
    for layers in measured.z:
        deviation = torch.cat(layers, 1).double().numpy()
        deviation = deviation - deviation.mean(0)
        vectors.append(deviation / np.linalg.norm(deviation, axis=0))
    return vectors


def test_a_positions_hash_depends_on_the_seed_and_its_row_alone() -> None:
    def hashed(rows: list[int], seed: int = 3) -> torch.Tensor:
        slot, sign = bucket_and_sign(rows, context=CONTEXT, buckets=BUCKETS, seed=seed)
        return torch.stack([slot.float(), sign]).unflatten(2, (len(rows), CONTEXT))

    together = hashed([7, 0, 123_456, 8])
    assert torch.equal(together[:, :, [2, 0]], hashed([123_456, 7]))
    rows = [together[:, :, k] for k in range(4)] + [hashed([7], seed=4)[:, :, 0]]
    assert not any(torch.equal(one, other) for k, one in enumerate(rows) for other in rows[:k])
    assert not torch.equal(together[:, 0], together[:, 1])


def test_buckets_and_signs_are_uniform_and_independent() -> None:
    slot, sign = bucket_and_sign(range(4000), context=CONTEXT, buckets=BUCKETS, seed=0)
    n, each = slot.shape[1], BUCKETS // GROUPS
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
    of_group = np.array([[(a[g].T @ b[g]) ** 2, np.outer(*((x[g] ** 2).sum(0) for x in (a, b)))] for g in _members(measured)])
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
    here = np.isin(measured.groups, np.arange(GROUPS)[groups])
    values = [drawn(seed, TOKENS, shape.n_units) for seed, shape in ((1, A), (2, B))]
    only = Measured([v[here] for v in values], [A, B], measured.groups[here])
    part = Measured(values, [A, B], measured.groups)
    # The same hash in both: the positions' own rows.
    rows = np.flatnonzero(here)[::CONTEXT] // CONTEXT
    slot, sign = bucket_and_sign(rows.tolist(), context=CONTEXT, buckets=BUCKETS, seed=2)
    made = []
    for shape, layers in zip([A, B], only.z, strict=True):
        sketch = CountSketch(shape, buckets=BUCKETS, device="cpu")
        for group, chosen in only.blocks():
            sketch.update([z[chosen] for z in layers], slot[:, chosen], sign[:, chosen], group)
        made.append(sketch)
    tiles = part.sketched(buckets=BUCKETS, seed=2).tiles((0, 1))
    alone = SketchedCovariances(made, only.spreads, tiles)
    sliced = part.sketched(buckets=BUCKETS, seed=2, groups=groups)
    # Correlations, since the two were standardised by different pilots.
    for found, expected in zip(sliced.estimates(tiles[0]), alone.estimates(tiles[0]), strict=True):
        one, other = (
            covariance.double() / x[0].sd[:, None] / x[1].sd
            for covariance, x in ((found, [u.finish(groups) for u in part.units]), (expected, only.spreads))
        )
        assert one.numpy() == pytest.approx(other.numpy(), abs=1e-4)


def _members(measured: Measured) -> list[np.ndarray]:
    return [np.flatnonzero(measured.groups == group) for group in range(GROUPS)]
