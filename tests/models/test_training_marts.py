"""Universality through training against a calculation from the activations themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import duckdb
import numpy as np
import pytest

from tests.models.activations import DEAD, DOC_GROUPS, NEURONS, Array, correlations, seeds_at
from tests.models.by_hand import ALIVE, N_GROUPS, T_3, best_partners, errors, excess
from tests.models.harness import Built, records
from tests.models.raw_pairs import partial_excess

Con = duckdb.DuckDBPyConnection
THRESHOLD = 0.5
SEEDS = {"e": ord("e"), "f": ord("f")}
SCOPES = ("model", "L0", "L1")
Of = Callable[[str, int], Array]


@pytest.fixture(scope="module")
def excess_of(built: Built) -> Of:
    """Excess correlations of a seed at a step, with the other seed."""
    facts = built.facts["training"]
    return lru_cache(lambda seed, step: excess(seeds_at(facts, step), f"{seed}@{step}"))


def members(scope: str) -> list[int]:
    return [i for i, (layer, _) in enumerate(NEURONS) if scope in ("model", f"L{layer}")]


def universal(values: Array, scope: str) -> set[int]:
    return {i for i in members(scope) if i in ALIVE and values[i] > THRESHOLD}


def share(part: float, whole: float) -> Any:
    return pytest.approx(100 * part / whole) if whole else None


def test_something_is_kept_born_and_dies(con: Con) -> None:
    changes = records(con, "select change, count(*) as n from marts.neuron_steps group by change")
    assert {row["change"]: row["n"] > 0 for row in changes} == dict.fromkeys(("kept", "born", "died", "never"), True)
    planted = "select change from marts.neuron_steps where layer = $layer and neuron = 0 and step_from = $step"
    assert {row["change"] for row in records(con, planted, layer=0, step=1)} == {"born"}
    assert {row["change"] for row in records(con, planted, layer=1, step=2)} == {"died"}


def test_only_checkpoints_of_one_seed_are_steps_of_each_other(con: Con) -> None:
    pairs = records(con, "select distinct model_from, model_to from marts.neuron_steps")
    expected = {(f"{seed}@{step}", f"{seed}@{step + 1}") for seed in SEEDS for step in (1, 2)}
    assert {(row["model_from"], row["model_to"]) for row in pairs} == expected
    assert len(records(con, "from marts.neuron_steps")) == len(expected) * len(NEURONS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("step", [1, 2])
def test_neurons_are_followed(built: Built, con: Con, excess_of: Of, seed: str, step: int) -> None:
    facts, other = built.facts["training"], "f" if seed == "e" else "e"
    itself = np.diag(correlations(facts.post(f"{seed}@{step}"), facts.post(f"{seed}@{step + 1}")))
    _, before = best_partners(facts, f"{seed}@{step}", f"{other}@{step}")
    _, after = best_partners(facts, f"{seed}@{step + 1}", f"{other}@{step + 1}")
    query = "from marts.neuron_steps where seed = $seed and step_from = $step order by layer, neuron"
    rows = records(con, query, seed=SEEDS[seed], step=step)
    for i, row in enumerate(rows):
        earlier, later = (excess_of(seed, s)[i] for s in (step, step + 1))
        assert (row["excess_from"], row["excess_to"]) == pytest.approx((earlier, later), abs=1e-6)
        names = {(True, True): "kept", (False, True): "born", (True, False): "died", (False, False): "never"}
        assert row["change"] == names[bool(earlier > THRESHOLD), bool(later > THRESHOLD)]
        if NEURONS[i] == DEAD:
            assert (row["is_dead"], row["self_corr"], row["n_partners"]) == (True, None, None)
            continue
        assert row["self_corr"] == pytest.approx(itself[i], abs=1e-6)
        assert (row["n_partners"], row["n_partners_kept"]) == (1, int(before[i] == after[i]))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("step", [1, 2])
def test_persistence(built: Built, con: Con, excess_of: Of, seed: str, step: int, scope: str) -> None:
    facts = built.facts["training"]
    query = "from marts.persistence where seed = $seed and step_from = $step and scope = $scope"
    (row,) = records(con, query, seed=SEEDS[seed], step=step, scope=scope)
    values = [excess_of(seed, s) for s in (step, step + 1)]
    before, after = (universal(v, scope) for v in values)
    kept = before & after
    counts = (row["n_from"], row["n_to"], row["n_kept"], row["n_born"], row["n_died"])
    assert counts == (len(before), len(after), len(kept), len(after - before), len(before - after))
    assert row["pct_persistent"] == share(len(kept), len(before))
    assert row["pct_jaccard"] == share(len(kept), len(before | after))
    layers = [scope] if scope != "model" else ["L0", "L1"]
    drawn = sum(len(before & {*members(at)}) * len(after & {*members(at)}) / len(members(at)) for at in layers)
    assert row["pct_floor"] == share(drawn, len(before))
    alive = [i for i in members(scope) if i in ALIVE]
    ranks = [v[alive].argsort().argsort().astype(float) for v in values]
    assert row["excess_rank_corr"] == pytest.approx(np.corrcoef(np.stack(ranks))[0, 1])
    # The interval: both steps without the same group of documents.
    parts = [np.nan_to_num(errors(seeds_at(facts, s), f"{seed}@{s}").influence) for s in (step, step + 1)]
    shares = []
    for group in DOC_GROUPS:
        left = [v - np.sqrt(N_GROUPS / (N_GROUPS - 1)) * p[:, group] for v, p in zip(values, parts, strict=True)]
        first, second = (universal(v, scope) for v in left)
        shares.append(100 * len(first & second) / len(first))
    margin = T_3 * np.sqrt((N_GROUPS - 1) * np.var(shares))
    assert row["pct_low"] == pytest.approx(max(0, row["pct_persistent"] - margin))
    assert row["pct_high"] == pytest.approx(min(100, row["pct_persistent"] + margin))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_ceiling_is_what_the_other_half_of_the_documents_agrees_with(
    built: Built, con: Con, seed: str, scope: str
) -> None:
    facts, other = built.facts["training"], "f" if seed == "e" else "e"

    def half(step: int, first: int) -> set[int]:
        best, baseline = partial_excess(facts, f"{seed}@{step}", f"{other}@{step}", (first, first + 8))
        return universal(best - baseline, scope)

    query = "from marts.persistence where seed = $seed and scope = $scope"
    for row in records(con, query, seed=SEEDS[seed], scope=scope):
        one, two = half(row["step_from"], 0), half(row["step_from"], 8)
        whole = len(one) + len(two)
        assert row["pct_ceiling"] == share(2 * len(one & two), whole)
        later = len(one & half(row["step_to"], 8)) + len(two & half(row["step_to"], 0))
        assert row["pct_between_halves"] == share(later, whole)


def test_steps_have_their_births_and_deaths(con: Con, excess_of: Of) -> None:
    rows = records(con, "from marts.step_universality where model_family = 'growing'")
    assert len(rows) == 6 * len(SCOPES)
    for row in rows:
        seed, step = row["model"][0], row["step"]
        now = universal(excess_of(seed, step), row["scope"])
        assert (row["n_universal"], row["n_neurons"]) == (len(now), len(members(row["scope"])))
        if step == 1:
            assert (row["previous_step"], row["n_born"], row["n_died"]) == (None,) * 3
            continue
        then = universal(excess_of(seed, step - 1), row["scope"])
        assert row["previous_step"] == step - 1
        assert (row["n_kept"], row["n_born"], row["n_died"]) == (len(now & then), len(now - then), len(then - now))
