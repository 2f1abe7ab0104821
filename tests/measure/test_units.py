"""Shifts, scales and the first sums of units, per group of documents."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ingest.measure.correlation import Shape
from ingest.measure.units import Pilot, UnitSums
from ingest.names import GROUPS
from tests.measure.arrays import Measured, dealt, drawn, layers_of, placed

SHAPE = Shape(2, 6)
TOKENS = 600
DEAD = 8


@pytest.fixture(scope="module")
def measured() -> Measured:
    groups = dealt(TOKENS, [1, 3, 0, 2, 5])
    return Measured([drawn(1, TOKENS, SHAPE.n_units, dead=[DEAD])], [SHAPE], groups)


def test_a_unit_silent_in_the_pilot_gets_the_layers_floor_as_scale() -> None:
    values = drawn(1, 50, SHAPE.n_units, dead=[DEAD])
    pilot = Pilot()
    for some in (values[:7], values[7:7], values[7:]):
        pilot.add(layers_of(some, SHAPE))
    place = pilot.place()
    spread = values.std(0)
    median = np.sort(spread[SHAPE.layer(DEAD // SHAPE.width)])[(SHAPE.width - 1) // 2]
    assert place.scale[DEAD].item() == pytest.approx(1e-3 * median, rel=1e-6)
    alive = np.arange(SHAPE.n_units) != DEAD
    assert place.scale.numpy()[alive] == pytest.approx(spread[alive], rel=1e-6)
    assert place.shift.numpy() == pytest.approx(values.mean(0), rel=1e-6)


def test_a_layer_silent_in_the_pilot_has_a_scale_all_the_same() -> None:
    silent = [torch.zeros(10, SHAPE.width)] * SHAPE.n_layers
    assert placed(silent).scale.tolist() == [1.0] * SHAPE.n_units


@pytest.mark.parametrize("groups", [slice(None), slice(0, 2), slice(3, 16), slice(4, 5)])
def test_mean_and_spread_over_some_groups(measured: Measured, groups: slice) -> None:
    values = drawn(1, TOKENS, SHAPE.n_units, dead=[DEAD])
    here = values[np.isin(measured.groups, np.arange(GROUPS)[groups])]
    found, place = measured.units[0].finish(groups), measured.units[0].place
    assert found.n == len(here)
    assert (place.shift + found.mean * place.scale).numpy() == pytest.approx(here.mean(0), rel=1e-6)
    alive = np.arange(SHAPE.n_units) != DEAD
    assert (found.sd * found.scale).numpy()[alive] == pytest.approx(here.std(0)[alive], rel=1e-5)
    assert found.is_dead.nonzero().flatten().tolist() == [DEAD]


def test_over_groups_without_text_every_unit_is_dead(measured: Measured) -> None:
    nothing = measured.units[0].finish(slice(2, 3))
    assert nothing.n == 0
    assert nothing.is_dead.all()
    assert torch.isfinite(nothing.sd).all()


def test_only_positions_of_stratum_text_are_standardised() -> None:
    values = drawn(2, 30, SHAPE.n_units)
    units = UnitSums(placed(layers_of(values, SHAPE)), width=SHAPE.width, operand=torch.float32)
    text = torch.tensor([3, 4, 29])
    z = torch.cat(units.standardise(layers_of(values, SHAPE), text), 1)
    expected = (values[text] - values.mean(0)) / values.std(0)
    assert z.numpy() == pytest.approx(expected, abs=2e-4)
    units.add(units.standardise(layers_of(values, SHAPE), text), 5)
    assert units.n.tolist() == [3 if group == 5 else 0 for group in range(GROUPS)]


def test_a_unit_that_never_changes_is_dead_wherever_its_value_is() -> None:
    values = np.random.default_rng(0).standard_normal((200, 4))
    for constant, column in ((1e6 / 3, 0), (-1e-30, 1), (0.1, 2)):
        values[:, column] = constant
    shape = Shape(1, 4)
    measured = Measured([values], [shape], dealt(200, [1] * 16))
    assert measured.spreads[0].is_dead.tolist() == [True, True, True, False]
