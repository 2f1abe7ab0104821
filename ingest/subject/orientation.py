"""Weights the right way round: settled by algebra on a forward pass, since frameworks store them both ways."""

from __future__ import annotations

from typing import Any

from torch import Tensor

TOLERANCE = 1e-3


def tensor_of(module: Any, key: str) -> Tensor | None:
    """A module's tensor of that name; None where it has none."""
    try:
        found = getattr(module, key)
    except AttributeError:
        return None
    return found if isinstance(found, Tensor) else None


def agrees(found: Tensor, expected: Tensor) -> bool:
    """Whether two tensors are equal up to the tolerance, relative to the largest value."""
    return float((found - expected).abs().max()) <= TOLERANCE * float(expected.abs().max())


def oriented(weight: Tensor, bias: Tensor | None, inputs: Tensor, outputs: Tensor) -> Tensor | None:
    """The weight as (inputs, outputs) if it maps the inputs to the outputs, as it stands or transposed; else None.

    Args:
        weight: a matrix, either way round.
        bias: of the map, or None.
        inputs: (positions, inputs).
        outputs: (positions, outputs).
    """
    if weight.ndim != 2:
        return None
    for candidate in (weight, weight.T):
        if candidate.shape == (inputs.shape[1], outputs.shape[1]):
            mapped = inputs @ candidate
            if agrees(mapped if bias is None else mapped + bias, outputs):
                return candidate.detach().clone()
    return None
