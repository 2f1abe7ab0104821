"""What the ingest would write of experiments whose per-position effects are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Row = dict[str, Any]

N_SEQUENCES, PER_SEQUENCE, N_CLASSES, N_GROUPS = 24, 7, 3, 8
WORDS = {"pieces": 2, "whole": 3}
CLASSES = ("name", "number", "operator")
# Documents of one to three rows.
DOCUMENTS = np.repeat(np.arange(N_SEQUENCES), np.arange(N_SEQUENCES) % 3 + 1)[:N_SEQUENCES]
SETS = [("asked", 0, None), *(("random", k, None) for k in range(4)), *(("energy", k, None) for k in range(2)),
        ("asked", 0, 1), ("random", 0, 1), ("random", 1, 1)]  # fmt: skip
_START = datetime(2030, 3, 1, tzinfo=UTC)


@dataclass
class Effects:
    """Per-position values (rows, positions) of each edit of a run; edit 0 is the clean pass."""

    loss: dict[int, Array] = field(default_factory=dict)
    entropy: dict[int, Array] = field(default_factory=dict)
    kl: dict[int, Array] = field(default_factory=dict)
    same: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    edits: list[Row] = field(default_factory=list)
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


def effects(edits: list[Row], seed: int) -> Effects:
    """Random effects; those of the last edit are nothing at all."""
    rng = np.random.default_rng(seed)
    shape = (N_SEQUENCES, PER_SEQUENCE)
    made = Effects(edits=[{"kind": "none"}, *edits], classes=rng.integers(N_CLASSES, size=shape))
    clean, entropy = rng.gamma(2.0, size=shape), rng.gamma(3.0, size=shape)
    for number in range(len(made.edits)):
        is_nothing = number in (0, len(made.edits) - 1)
        strength = 0.0 if is_nothing else 0.05 * number
        made.loss[number] = clean + strength * rng.normal(1.0, 1.0, size=shape)
        made.entropy[number] = entropy + strength * rng.normal(size=shape)
        made.kl[number] = strength * rng.gamma(1.0, size=shape)
        made.same[number] = rng.random(shape) >= strength
    return made


def ablation(seed: int) -> Effects:
    """Every set in both modes."""
    edits = [{"kind": mode, "neuron_set": k} for mode in ("zero", "mean") for k in range(len(SETS))]
    return effects(edits, seed)


def layers(seed: int) -> Effects:
    """Two layers deleted, swapped, repeated."""
    edits = [("delete", 0), ("delete", 1), ("swap", 0), ("repeat", 0), ("repeat", 1)]
    return effects([{"kind": kind, "layer": layer} for kind, layer in edits], seed)


def lens(seed: int) -> Effects:
    """Two layers read; behind the last one is the model itself."""
    made = effects([{"kind": "lens", "layer": layer} for layer in (0, 1)], seed)
    made.same[2][:] = True
    return made


def pair_changes(seed: int) -> tuple[Array, Array, Array]:
    """Changes of the loss by a neuron, by its partner and by a random neuron, each (rows, positions)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N_SEQUENCES, PER_SEQUENCE))
    return x, x + rng.normal(size=x.shape), rng.normal(size=x.shape)


def experiment_rows(
    run: str, kind: str, models: tuple[str, ...], day: int, *, neurons: str | None, status: str = "finished"
) -> dict[str, list[Row]]:
    """The run itself, its text and its ledger."""
    started = _START + timedelta(days=day)
    groups = range(N_GROUPS)
    runs: Row = {
        "run": run, "study": "small", "kind": kind, "status": status, "plan": "{}", "device": "cpu", "dtype": "float32",
        "n_parts": N_GROUPS, "n_passes": 1, "n_tokens": 240, "n_positions": N_SEQUENCES * PER_SEQUENCE,
        "n_documents": len(np.unique(DOCUMENTS)), "started_at": started, "version": "0", "threads": 1,
        "finished_at": started + timedelta(hours=1) if status == "finished" else None,
    }  # fmt: skip
    return {
        "runs": [runs],
        "experiments": [
            {
                "run": run, "model": model, "kind": kind, "neurons": neurons, "weights_hash": f"hash-{model}",
                "selection": neurons and "half",
            }
            for model in models
        ],
        "experiment_sequences": [
            {"run": run, "sequence": k, "document": int(d), "doc_group": int(d) % N_GROUPS, "path": f"d{d}"}
            for k, d in enumerate(DOCUMENTS)
        ],
        "parts": [
            {"run": run, "pass": 0, "part": g, "doc_group": g, "n_rows": 3, "done_at": started} for g in groups
        ],
    }  # fmt: skip


def effect_rows(run: str, model: str, made: Effects) -> dict[str, list[Row]]:
    """Edits and their sums, by class of the next token as well."""
    key = {"run": run, "model": model}
    rows: dict[str, list[Row]] = {
        "edits": [key | {"edit": k, "neuron_set": None, "layer": None} | e for k, e in enumerate(made.edits)],
        "edit_classes": [{"run": run, "place": k + 1, "class": name} for k, name in enumerate(CLASSES)],
        "edit_sums": [],
    }
    for edit, loss in made.loss.items():
        for sequence in range(N_SEQUENCES):
            is_class = [made.classes[sequence] == k for k in range(N_CLASSES)]
            rows["edit_sums"].append(
                key
                | {
                    "edit": edit, "sequence": sequence, "n": PER_SEQUENCE, "loss": loss[sequence].sum(),
                    "entropy": made.entropy[edit][sequence].sum(), "kl": made.kl[edit][sequence].sum(),
                    "n_same_top": int(made.same[edit][sequence].sum()), "n_right": 1,
                    "class_n": [int(c.sum()) for c in is_class] if edit == 0 else None,
                    "class_loss": [float(loss[sequence][c].sum()) for c in is_class],
                }
            )  # fmt: skip
    return rows


def set_rows(run: str) -> dict[str, list[Row]]:
    """Two neurons of each layer in every set."""
    sets, members = [], []
    for number, (control, draw, layer) in enumerate(SETS):
        of = (0, 1) if layer is None else (layer,)
        sets.append(
            {
                "run": run,
                "neuron_set": number,
                "control": control,
                "draw": draw,
                "layer": layer,
                "n_neurons": 2 * len(of),
            }
        )  # fmt: skip
        members += [
            {"run": run, "neuron_set": number, "layer": k, "neuron": n, "mean": 0.5 + n, "energy": 1.0 + k}
            for k in of
            for n in (1, 2)
        ]
    return {"neuron_sets": sets, "set_neurons": members}


def stream_rows(run: str, model: str) -> dict[str, list[Row]]:
    """Norms that grow with depth, and heads that look back less and less."""
    key = {"run": run, "model": model}
    return {
        "stream_sums": [
            key
            | {"layer": k, "sequence": s, "n": 7, "stream_norm": 7.0 * (k + 1), "attention_norm": 3.5, "mlp_norm": 14.0}
            for k in (0, 1)
            for s in range(N_SEQUENCES)
        ],
        "attention_sums": [
            key | {"layer": k, "head": h, "sequence": s, "n": 2, "attention": [0.2, 0.1, 0.06, 0.04, 0.02 * h]}
            for k in (0, 1)
            for h in (0, 1)
            for s in range(N_SEQUENCES)
        ],
    }


def subword_values(seed: int) -> dict[str, Array]:
    """Attention at three offsets of every head, row and position, (layers, heads, rows, positions, offsets) by kind."""
    rng = np.random.default_rng(seed)
    return {kind: rng.dirichlet(np.ones(4), size=(2, 2, N_SEQUENCES, n))[..., :3] for kind, n in WORDS.items()}


def subword_rows(run: str, model: str, seed: int) -> dict[str, list[Row]]:
    """Words of several tokens in every row but the first, words of one token in all rows."""
    rows = []
    for kind, values in subword_values(seed).items():
        for layer, head, sequence in np.ndindex(*values.shape[:3]):
            if kind == "pieces" and sequence == 0:
                continue
            key = {"run": run, "model": model, "layer": layer, "head": head, "sequence": sequence, "kind": kind}
            sums = values[layer, head, sequence].sum(0).tolist()
            rows.append(key | {"n": values.shape[3], "attention": sums})
    return {"subword_sums": rows}


def probe_rights(seed: int) -> NDArray[np.bool_]:
    """Which examples each of four probes gets right, (probes, rows, examples); the last one is the best."""
    rng = np.random.default_rng(seed)
    right: NDArray[np.bool_] = (
        rng.random((4, N_SEQUENCES, PER_SEQUENCE)) < np.array([0.8, 0.6, 0.5, 0.95])[:, None, None]
    )
    return right


def probe_rows(run: str, model: str, seed: int) -> dict[str, list[Row]]:
    """The model itself, a prediction neuron, a random one, and both."""
    key = {"run": run, "model": model}
    probes: list[Row] = [
        {"kind": "model", "n_neurons": 0, "place": None},
        {"kind": "prediction", "n_neurons": 1, "place": 0},
        {"kind": "random", "n_neurons": 1, "place": 1},
        {"kind": "prediction", "n_neurons": 2, "place": None},
    ]
    is_right = probe_rights(seed)
    return {
        "probe_neurons": [
            key | {"place": k, "kind": kind, "layer": 1, "neuron": 4 + k, "effect": 0.25 - k}
            for k, kind in enumerate(("prediction", "random"))
        ],
        "suffix_probes": [
            key | {"probe": k, "n_train": 20, "n_train_right": 10 + k} | probe for k, probe in enumerate(probes)
        ],
        "probe_sums": [
            key | {"probe": k, "sequence": s, "n": PER_SEQUENCE, "n_right": int(is_right[k, s].sum())}
            for k, s in np.ndindex(*is_right.shape[:2])
        ],
    }


def pair_rows(run: str, seed: int) -> dict[str, list[Row]]:
    """One neuron of b with its partner in c, and with a random one; another one that does nothing."""
    x, y, other = pair_changes(seed)
    groups = DOCUMENTS % N_GROUPS
    rows = []
    for neuron, change in ((1, x), (2, np.zeros_like(x))):
        for control, partner, values in (("matched", 1, y), ("random", 4, other)):
            for group in range(N_GROUPS):
                a, b = (v[groups == group].ravel() for v in (change, values))
                rows.append(
                    {
                        "run": run, "model": "b", "layer": 0, "neuron": neuron, "other_model": "c", "other_layer": 0,
                        "other_neuron": partner, "control": control, "kind": "mean", "doc_group": group, "n": len(a),
                        "sum_x": a.sum(), "sum_y": b.sum(), "sum_xx": a @ a, "sum_yy": b @ b, "sum_xy": a @ b,
                    }
                )  # fmt: skip
    return {"pair_sums": rows}


def all_experiments() -> list[dict[str, list[Row]]]:
    """Two ablations of the same neurons, of which the later one speaks; layers, lens and pairs; one that is running."""
    known = {"neurons": "universal"}
    return [
        experiment_rows("ablation", "ablation", ("b",), 1, **known),
        effect_rows("ablation", "b", ablation(2)),
        set_rows("ablation"),
        experiment_rows("older", "ablation", ("b",), 0, **known),
        effect_rows("older", "b", ablation(1)),
        set_rows("older"),
        experiment_rows("going", "ablation", ("b",), 9, **known, status="running"),
        effect_rows("going", "b", ablation(9)),
        set_rows("going"),
        experiment_rows("layers", "layers", ("b",), 2, neurons=None),
        effect_rows("layers", "b", layers(3)),
        experiment_rows("lens", "lens", ("b",), 3, neurons=None),
        effect_rows("lens", "b", lens(4)),
        stream_rows("lens", "b"),
        subword_rows("lens", "b", 6),
        experiment_rows("probe", "probe", ("b",), 5, neurons="-ing"),
        probe_rows("probe", "b", 7),
        experiment_rows("pairs", "pairs", ("b", "c"), 4, **known),
        pair_rows("pairs", 5),
    ]
