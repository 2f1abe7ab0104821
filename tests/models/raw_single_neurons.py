"""What the ingest would write of experiments on single neurons whose per-position effects are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np

from tests.models.raw_experiments import N_SEQUENCES, PER_SEQUENCE, Array, Row, experiment_rows

Place = tuple[int, int]
QUANTITIES = ("scale", "loss", "entropy", "reciprocal_rank", "frequency_kl")
ASKED, NOTHING = (1, 2), (0, 1)
# (layer, neuron), control, neuron it is compared with.
MEMBERS = [
    (ASKED, "asked", 2), ((1, 3), "norm", 2), ((1, 1), "norm", 2), (NOTHING, "random", 1), ((1, 1), "random", 1),
    ((0, 2), "frequency", 2),
]  # fmt: skip
PLACES = sorted({place for place, _, _ in MEMBERS})
SETTINGS = [("value", 0.0, None), ("value", 2.0, None), ("quantile", 0.3, 0.5)]
FROZEN = (None, "norm", "frequency")
N_EARLY = 3
# layer, neuron, control, draw; all of them write to head 0 of layer 1, one of them nothing.
PATHS = [(0, 1, "asked", 0), (0, 2, "energy", 0), (0, 3, "energy", 1)]


@dataclass
class Responded:
    """Per-position values (rows, positions) by quantity of each edit; edit 0 is the clean pass."""

    edits: list[Row] = field(default_factory=list)
    values: list[dict[str, Array]] = field(default_factory=list)

    def change(self, edit: int, quantity: str) -> Array:
        if quantity == "absolute_loss":
            return np.abs(self.change(edit, "loss"))
        found: Array = self.values[edit][quantity] - self.values[0][quantity]
        return found

    def number(self, place: Place, kind: str, setting: float | None = None, frozen: str | None = None) -> int:
        (found,) = (
            k
            for k, e in enumerate(self.edits)
            if (e["layer"], e["neuron"], e["kind"], e["frozen"]) == (*place, kind, frozen)
            and (setting is None or setting in (e["quantile"], e["value"]))
        )
        return found


def responded(seed: int) -> Responded:
    """Random responses; a neuron does nothing, and direct effects are some part of total ones."""
    rng = np.random.default_rng(seed)
    shape = (N_SEQUENCES, PER_SEQUENCE)
    clean = {name: _unit(name) * rng.gamma(3.0, size=shape) for name in QUANTITIES}
    made = Responded([{"layer": None, "neuron": None, "kind": "none", "value": None, "quantile": None, "frozen": None}])
    made.values.append(clean)
    for place in PLACES:
        total = {name: 0.2 * rng.normal(1.0, 1.0, size=shape) for name in QUANTITIES}
        edits: list[tuple[str, float, float | None, str | None]]
        edits = [(kind, value, quantile, None) for kind, value, quantile in SETTINGS]
        edits += [("mean", 0.5, None, frozen) for frozen in FROZEN]
        for kind, value, quantile, frozen in edits:
            part = {None: 1.0, "norm": 0.25, "frequency": 0.9}[frozen]
            size = 0.0 if place == NOTHING else part
            made.edits.append(
                {"layer": place[0], "neuron": place[1], "kind": kind, "value": value, "quantile": quantile,
                 "frozen": frozen}
            )  # fmt: skip
            noise = 0.01 * rng.normal(size=shape)
            changed = {name: _unit(name) * size * (total[name] + value + noise) for name in QUANTITIES}
            made.values.append({name: clean[name] + changed[name] for name in QUANTITIES})
    return made


def _unit(quantity: str) -> float:
    """A reciprocal rank is 1 at most."""
    return 0.025 if quantity == "reciprocal_rank" else 1.0


def turned(seed: int) -> list[dict[str, Array]]:
    """Per path: activation, attention to BOS and norm with and without the neuron, each (rows, positions)."""
    rng = np.random.default_rng(seed)
    shape = (N_SEQUENCES, PER_SEQUENCE)
    made = []
    for _, _, control, draw in PATHS:
        a, strength = rng.gamma(1.0, size=shape), {("asked", 0): 0.1, ("energy", 0): 0.01}.get((control, draw), 0.0)
        attention, norm = 0.5 + 0.1 * rng.random(shape), 1.0 + rng.random(shape)
        delta = strength * (a + 0.2 * rng.normal(size=shape)) if strength else np.zeros(shape)
        made.append({"a": a, "attention": attention, "d": delta, "norm": norm, "without": norm * np.exp(2 * delta)})
    return made


def entropy_rows(run: str, seed: int) -> dict[str, list[Row]]:
    """Neurons, edits and sums of model b."""
    made, key = responded(seed), {"run": run, "model": "b"}
    sums = [
        key
        | {"edit": edit, "sequence": s, "n": PER_SEQUENCE}
        | {name: values[name][s].sum() for name in QUANTITIES}
        | {"absolute_loss": made.change(edit, "absolute_loss")[s].sum()}
        for edit, values in enumerate(made.values)
        for s in range(N_SEQUENCES)
    ]
    return {
        "entropy_neurons": [
            key
            | {"layer": layer, "neuron": n, "control": control, "asked_neuron": of, "mean": 0.5, "w_out_norm": 1.0 + n}
            for (layer, n), control, of in MEMBERS
        ],
        "entropy_edits": [key | {"edit": k} | edit for k, edit in enumerate(made.edits)],
        "entropy_sums": sums,
    }


def path_rows(run: str, seed: int) -> dict[str, list[Row]]:
    """Paths and sums of model b, and its heads."""
    key = {"run": run, "model": "b"}
    sums = []
    for number, values in enumerate(turned(seed)):
        ratio = np.log(values["norm"] / values["without"])
        for sequence, is_late in product(range(N_SEQUENCES), (False, True)):
            half = slice(N_EARLY, None) if is_late else slice(N_EARLY)
            a, p, d, x, y, r = (
                v[sequence, half] for v in (*(values[k] for k in ("a", "attention", "d", "norm", "without")), ratio)
            )
            sums.append(
                key
                | {
                    "path": number, "sequence": sequence, "is_late": is_late, "n": len(a), "activation": a.sum(),
                    "attention": p.sum(), "delta": d.sum(), "norm": x.sum(), "norm_without": y.sum(), "ratio": r.sum(),
                    "sum_aa": a @ a, "sum_dd": d @ d, "sum_rr": r @ r, "sum_ad": a @ d, "sum_dr": d @ r,
                    "sum_ar": a @ r,
                }
            )  # fmt: skip
    return {
        "head_paths": [
            key
            | {"path": k, "layer": layer, "neuron": n, "head_layer": 1, "head": 0, "control": control, "draw": draw}
            | {"asked_neuron": 1}
            for k, (layer, n, control, draw) in enumerate(PATHS)
        ],
        "path_sums": sums,
        "head_value_sums": [
            key
            | {"layer": layer, "head": head, "sequence": s, "n": PER_SEQUENCE, "attention": 2.1, "bos_norm": 0.5 * head}
            | {"other_norm": 14.0}
            for layer, head, s in product((0, 1), (0, 1), range(N_SEQUENCES))
        ],
    }


def single_neuron_experiments() -> list[dict[str, list[Row]]]:
    """One of each kind, and an older one of the same question."""
    known = {"neurons": "universal"}
    return [
        experiment_rows("entropy", "entropy", ("b",), 5, **known),
        entropy_rows("entropy", 6),
        experiment_rows("faded", "entropy", ("b",), 4, **known),
        entropy_rows("faded", 7),
        experiment_rows("attention", "attention", ("b",), 6, **known),
        path_rows("attention", 8),
        experiment_rows("other heads", "attention", ("b",), 5, neurons="attention"),
        path_rows("other heads", 9),
    ]
