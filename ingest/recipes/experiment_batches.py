"""Token rows as batches of an experiment, and which of their positions count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ingest.corpus.store import TokenRows
from ingest.corpus.strata import BOS, Vocabulary, strata
from ingest.experiments.effects import Batch
from ingest.runs.experiment_plan import ExperimentPlan


def counted(ids: NDArray[np.integer], vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Positions whose token and next token are text or newline, bool (rows, context)."""
    inside = strata(ids, vocabulary) != BOS
    found: NDArray[np.bool_] = np.zeros_like(inside)
    found[:, :-1] = inside[:, :-1] & inside[:, 1:]
    return found


def batches(
    plan: ExperimentPlan, rows: TokenRows, vocabulary: Vocabulary, numbers: NDArray[np.int64]
) -> Iterator[Batch]:
    """Some rows of the corpus on the plan's device, as many at once as the plan says."""
    device = plan.device
    for start in range(0, len(numbers), plan.batch_rows):
        chosen = numbers[start : start + plan.batch_rows]
        ids = np.asarray(rows.ids[chosen])
        features = None
        if plan.classes:
            assert rows.syntax is not None
            next_class = np.roll(np.asarray(rows.syntax[chosen]), -1, axis=1)
            features = torch.from_numpy(rows.syntax_table.holds[next_class].astype(np.float64)).to(device)
        yield Batch(
            torch.from_numpy(ids.astype(np.int64)).to(device),
            torch.from_numpy(counted(ids, vocabulary)).to(device),
            features,
            chosen,
        )
