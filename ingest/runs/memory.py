"""How much memory a run holds, counted before it starts."""

from __future__ import annotations

import psutil
import torch

from ingest.errors import InputError
from ingest.runs.plan import Plan
from ingest.study import Study

_SHARE = 0.9


def needed_memory(plan: Plan, neurons: list[int], widths: list[int]) -> int:
    """Bytes of the sums of all pairs and layers and of one batch's activations.

    Args:
        plan: of the run.
        neurons: per model.
        widths: neurons per layer, per model.
    """
    pairs = sum(4 * neurons[a] * neurons[b] for a, b in plan.pairs)
    layers = sum(4 * n * width for n, width in zip(neurons, widths, strict=True)) if plan.pairs else 0
    batch = 4 * plan.batch_rows * plan.context * (sum(neurons) + 2 * max(neurons, default=0))
    return pairs + layers + batch


def refuse_too_large(needed: int, study: Study) -> None:
    """Refuse a run that would not fit.

    Raises:
        InputError: if it needs more than the study's limit, or more than is free.
    """
    if study.device.memory is not None:
        limit, why = int(study.device.memory * 1e9), "[device] memory allows"
    else:
        free = (
            torch.cuda.mem_get_info()[0] if study.device.name.startswith("cuda") else psutil.virtual_memory().available
        )
        limit, why = int(_SHARE * free), "are free"
    if needed > limit:
        raise InputError(
            f"the sums of all pairs need {needed / 1e9:.1f} GB and {limit / 1e9:.1f} {why}: "
            'take fewer models or pairs, or set correlation = "off"'
        )
