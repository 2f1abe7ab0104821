"""From a checked study and its loaded models to the plan of a run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import transformers

from ingest.corpus.store import TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError, first_line
from ingest.measure.correlation import Tile
from ingest.measure.sketch import bucket_starts
from ingest.names import GROUPS, Identity
from ingest.recipes.costs import Times
from ingest.recipes.fitting import fit
from ingest.recipes.memory import limit
from ingest.recipes.pairs import chosen_pairs
from ingest.recipes.shapes import populations_of, simulated_populations
from ingest.recipes.spreading import Held
from ingest.recipes.subjects import Subject
from ingest.runs.plan import ARITHMETIC, Method, Plan, PlannedModel, PlannedSimulation, groups_hash
from ingest.runs.shares import Extent
from ingest.study import Study

_PLACE_ROWS = 64

Say = Callable[[str], None]


@dataclass(frozen=True)
class Planned:
    """A plan, and what follows from it.

    Attributes:
        plan: of the run.
        passes: the exact tiles of each pass; one empty pass without exact sums.
        pilot_passes: the tiles of each pass over a refined run's pilot; empty otherwise.
        reason: why the method is what it is; None without correlations.
        memory: bytes that the run holds at most by its plan, networks and the process itself not counted.
        held: what its pieces hold of them.
        times: what these take, where workers compute the run in shares.
    """

    plan: Plan
    passes: list[list[Tile]]
    pilot_passes: list[list[Tile]]
    reason: str | None
    memory: int
    held: Held
    times: Times


def device_of(study: Study) -> str:
    """The torch device of a study.

    Raises:
        InputError: if this machine has none such.
    """
    name = study.device.name
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(name.partition(":")[0], False):
        raise InputError(f"[device] name = {name!r} is not on this machine: write auto or cpu")
    if name == "mps":
        raise InputError("[device] name = 'mps' has no float64, which the sums need: write cpu")
    return name


def threads_of(study: Study) -> int:
    """CPU threads of a study."""
    return study.device.threads or len(os.sched_getaffinity(0))


def model_pairs(study: Study, identities: list[Identity], say: Say) -> tuple[tuple[int, int], ...]:
    """Pairs of the study's models that are correlated."""
    if study.corpus is None or study.measure.correlation == "off":
        return ()
    pairs = chosen_pairs(study.pairs.rule, identities)
    if not pairs and len(identities) > 1:
        say(f"no correlations: no two models are partners under [pairs] rule = {study.pairs.rule!r}")
    return pairs


def operand_of(device: str, method: Method | None) -> str:
    """Number format of z: half precision where products of it are accumulated in float32 by the device."""
    return "float16" if device.startswith("cuda") and method is not None and method.name == "exact" else "float32"


def _bucket_starts(method: Method | None, rows: TokenRows | None) -> tuple[int, ...]:
    if method is None or method.buckets is None or rows is None:
        return ()
    return bucket_starts(np.bincount(rows.groups, minlength=GROUPS).tolist(), method.buckets)


def features_identity(study: Study, syntax: str | None) -> str | None:
    """What decides the features besides tokenizer and text; None without.

    Args:
        study: checked study.
        syntax: what gave the corpus its classes of syntax; None without.

    Raises:
        InputError: if the user's own features cannot be read.
    """
    asked = study.measure.profile
    if asked is None:
        return None
    try:
        own = (study.folder / asked.csv).expanduser().read_bytes() if asked.csv else b""
    except OSError as error:
        raise InputError(f"[measure.features] csv: {asked.csv} cannot be read: {first_line(error)}") from None
    return json.dumps([asked.sets, asked.min_count, hashlib.sha256(own).hexdigest() if own else None, syntax])


def plan_run(
    study: Study,
    vocabulary: Vocabulary,
    subjects: list[Subject],
    rows: TokenRows | None,
    say: Say,
    simulation: PlannedSimulation | None = None,
    *,
    is_shared: bool = False,
) -> Planned:
    """The plan of a run.

    Args:
        study: checked study.
        vocabulary: the models' tokenizer.
        subjects: the loaded models.
        rows: the corpus; None for a study of weights alone.
        say: called with lines for the user.
        simulation: how the models' partners are simulated; None where the models are each other's.
        is_shared: whether workers compute it in shares, so that only these need to fit in memory.

    Raises:
        InputError: if the run cannot be done with the memory there is.
    """
    device, threads = device_of(study), threads_of(study)
    if simulation is not None:
        study = study.model_copy(update={"measure": study.measure.of_simulated()})
    measure = study.measure
    models = [subject.shape for subject in subjects]
    if simulation is not None:
        populations, pairs = simulated_populations(models)
        all_pairs = pairs
    else:
        pairs = model_pairs(study, [s.identity for s in subjects], say)
        populations, all_pairs = populations_of(measure, models, pairs)
    n_rows, context = rows.ids.shape if rows is not None else (0, 0)
    room = limit(study.device.memory, device)
    fitted = fit(
        study,
        models,
        Extent(models, populations, all_pairs, measure.moments),
        n_tokens=n_rows * context,
        context=context,
        device=device,
        threads=threads,
        room=room,
        room_of_piece=room,
        is_shared=is_shared,
        is_simulation=simulation is not None,
    )
    method, spread = fitted.method, fitted.spread
    plan = Plan(
        models=tuple(
            PlannedModel(s.identity.name, s.identity.model_family, s.identity.seed, s.identity.step, s.weights_hash)
            for s in subjects
        ),
        populations=tuple(populations),
        pairs=all_pairs,
        depth_window=study.pairs.depth_window,
        moments=measure.moments,
        tokens_fingerprint=rows.manifest.fingerprint if rows is not None else None,
        groups_hash=groups_hash(rows.groups) if rows is not None else None,
        tokenizer_hash=vocabulary.hash,
        bucket_starts=_bucket_starts(method, rows),
        rounds=(n_rows,) if n_rows else (),
        context=context,
        place_rows=min(_PLACE_ROWS, n_rows),
        features=features_identity(study, rows.manifest.syntax) if rows is not None else None,
        profile_rows=n_rows if rows is not None and measure.profile is not None else 0,
        batch_rows=fitted.batch_rows,
        dtype=study.device.dtype,
        operand=operand_of(device, method),
        device=device,
        threads=threads,
        method=method,
        tiles_per_pass=tuple(len(tiles) for tiles in spread.passes),
        draws=measure.baseline.draws if pairs else 0,
        baseline_seed=measure.baseline.seed,
        floors=tuple(measure.floors) if pairs else (),
        halves="split-half" in measure.validation and bool(pairs),
        arithmetic=ARITHMETIC,
        torch_version=torch.__version__,
        transformers_version=transformers.__version__,
        simulation=simulation,
    )
    return Planned(plan, spread.passes, spread.pilot_passes, fitted.reason, spread.memory, fitted.held, fitted.times)
