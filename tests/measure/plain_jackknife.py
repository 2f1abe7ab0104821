"""The delete-a-group jackknife of Fisher's z in numpy, from the activations themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tests.measure.arrays import Array


def fisher(x: Array, y: Array) -> float:
    """Fisher's z of the correlation of two columns."""
    return float(np.arctanh(np.corrcoef(x, y)[0, 1]))


def jackknife(groups: NDArray[np.int64], estimate: Callable[[NDArray[np.bool_]], float]) -> float:
    """Variance of an estimate by the delete-m_j jackknife (Busing, Meijer and van der Leeden 1999, equation 9).

    Args:
        groups: group of each position.
        estimate: of the positions in a mask.
    """
    n, names = len(groups), np.unique(groups)
    whole = estimate(np.ones(n, bool))
    without = np.array([estimate(groups != name) for name in names])
    m = np.array([(groups == name).sum() for name in names])
    h = n / m
    jackknifed = len(names) * whole - ((1 - m / n) * without).sum()
    pseudo = h * whole - (h - 1) * without
    return float(((pseudo - jackknifed) ** 2 / (h - 1)).mean())


def jackknife_of_pair(groups: NDArray[np.int64], x: Array, y: Array) -> float:
    """The same of Fisher's z of two columns."""
    return jackknife(groups, lambda kept: fisher(x[kept], y[kept]))


def in_blocks(groups: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Groups with those up to `first` taken as one."""
    return np.maximum(groups, first)
