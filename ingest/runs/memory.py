"""How much memory a run holds, counted before it starts."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
import torch

from ingest.errors import InputError

_SHARE = 0.9


def needed_memory(pairs: Sequence[tuple[int, int]], shapes: Sequence[tuple[int, int]]) -> int:
    """Bytes of the sums of all pairs and layers, and of what their selection takes on top.

    Args:
        pairs: of model indices.
        shapes: (neurons, neurons per layer) of each model.
    """
    sums = sum(4 * shapes[a][0] * shapes[b][0] for a, b in pairs)
    layers = sum(4 * neurons * width for neurons, width in shapes) if pairs else 0
    # One layer of a partner at a time, in float64, for every model it is compared with.
    largest = max((8 * shapes[a][0] * shapes[b][1] for a, b in pairs), default=0)
    return sums + layers + largest * len(shapes)


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
