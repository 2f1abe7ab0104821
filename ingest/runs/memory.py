"""How much memory a run holds, counted before it starts."""

from __future__ import annotations

import psutil
import torch

from ingest.errors import InputError
from ingest.runs.plan import Plan

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


def refuse_too_large(needed: int, *, limit_gb: float | None, device: str) -> None:
    """Refuse a run that would not fit.

    Args:
        needed: bytes, as `needed_memory` counts them.
        limit_gb: the study's limit; without it nine tenths of what is free now.
        device: torch device that holds the sums.

    Raises:
        InputError: if it does not fit.
    """
    if limit_gb is not None:
        limit, why = int(limit_gb * 1e9), "[device] memory allows"
    else:
        free = torch.cuda.mem_get_info(device)[0] if device.startswith("cuda") else psutil.virtual_memory().available
        limit, why = int(_SHARE * free), "are free"
    if needed > limit:
        raise InputError(
            f"the sums of all pairs need {needed / 1e9:.1f} GB and {limit / 1e9:.1f} {why}: "
            'take fewer models or pairs, or set correlation = "off"'
        )
