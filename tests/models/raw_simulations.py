"""What the ingest would write of a run of simulated seeds, one finished and one not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tests.models.activations import NEURONS

Row = dict[str, Any]
DEAD = NEURONS[0]
_START = datetime(2030, 4, 1, tzinfo=UTC)


def simulations() -> dict[str, list[Row]]:
    """Models a and b with simulated seeds; neurons by chance, the first of each model dead."""
    rng = np.random.default_rng(0)
    rows: dict[str, list[Row]] = {"runs": [], "parts": [], "simulations": [], "simulated_neurons": []}
    for day, status in enumerate(("finished", "running")):
        run, started = f"simulated-{status}", _START + timedelta(days=day)
        rows["runs"].append(
            {
                "run": run, "study": "small", "kind": "simulated", "status": status, "plan": "{}", "device": "cpu",
                "dtype": "float32", "n_parts": 1, "n_passes": 1, "n_tokens": 100, "n_positions": 90,
                "n_documents": 5, "baseline_draws": 2, "method": "exact", "started_at": started,
                "finished_at": started + timedelta(hours=1) if status == "finished" else None,
                "version": "0", "threads": 1,
            }
        )  # fmt: skip
        part = {"run": run, "pass": 0, "part": 0, "doc_group": 0, "n_rows": 1, "done_at": started}
        rows["parts"] += [part] if status == "finished" else []
        for model in ("a", "b"):
            how = {"strength": 0.5, "noise": 0.1, "simulation_seed": 0}
            rows["simulations"].append({"run": run, "model": model, "weights_hash": f"hash-{model}"} | how)
            for place, (layer, neuron) in enumerate(NEURONS):
                if (layer, neuron) == DEAD or status == "running":
                    continue
                other = NEURONS[place if place % 3 else place - 1]
                expected = rng.uniform(0.2, 0.9)
                rows["simulated_neurons"].append(
                    {
                        "run": run, "model": model, "layer": layer, "neuron": neuron,
                        "corr": expected + rng.normal(0, 0.01), "expected_corr": expected, "expected_se": 0.01,
                        "other_layer": other[0], "other_neuron": other[1],
                        "max_corr": rng.uniform(0.5, 1.0), "baseline": rng.uniform(0.1, 0.3),
                    }
                )  # fmt: skip
    return rows
