"""From a checked study and its loaded models to the plan of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import transformers

from ingest.corpus.store import TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.measure.correlation import Shape, Tile, depth_tiles
from ingest.names import Identity
from ingest.recipes.costs import Work, choose_method
from ingest.recipes.memory import limit, passes, standing_bytes, tile_bytes, working_bytes
from ingest.recipes.pairs import chosen_pairs
from ingest.recipes.subjects import Subject
from ingest.runs.plan import ARITHMETIC, Plan, PlannedModel, PlannedPopulation, groups_hash
from ingest.study import Measure, Study

_PLACE_ROWS = 64
_CPU_BATCH, _CUDA_BATCH = 4_096, 16_384

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
    """

    plan: Plan
    passes: list[list[Tile]]
    pilot_passes: list[list[Tile]]
    reason: str | None
    memory: int


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


def populations_of(
    measure: Measure, subjects: Sequence[Subject], pairs: Sequence[tuple[int, int]]
) -> tuple[list[PlannedPopulation], list[tuple[int, int]]]:
    """What is correlated, models at every site and then their twins, and the pairs of it.

    Raises:
        InputError: if a model lacks a site.
    """
    populations: list[PlannedPopulation] = []
    for site in measure.sites:
        for index, subject in enumerate(subjects):
            try:
                width = subject.sites.width(site)
            except ValueError as error:
                raise InputError(
                    f"model {subject.identity.name} has no site {site}: {error}; leave {site} out of sites"
                ) from None
            populations.append(PlannedPopulation(index, site, subject.sites.n_layers, width))
    count = len(subjects)
    everywhere = [(s * count + a, s * count + b) for s in range(len(measure.sites)) for a, b in pairs]
    if "twin" in measure.floors and pairs:
        populations = _with_twins(populations, subjects)
    return populations, everywhere


def _with_twins(populations: list[PlannedPopulation], subjects: Sequence[Subject]) -> list[PlannedPopulation]:
    """One twin for all models of the same architecture and shape."""
    twins: dict[tuple[Any, ...], int] = {}
    found = list(populations)
    for index, population in enumerate(populations):
        subject = subjects[population.model]
        kind = (type(subject.network).__name__, population.site, population.n_layers, population.width)
        if kind not in twins:
            twins[kind] = len(found)
            found.append(replace(population, is_twin=True))
        found[index] = replace(population, twin=twins[kind])
    return found


def plan_run(
    study: Study, vocabulary: Vocabulary, subjects: list[Subject], rows: TokenRows | None, say: Say
) -> Planned:
    """The plan of a run.

    Args:
        study: checked study.
        vocabulary: the models' tokenizer.
        subjects: the loaded models.
        rows: the corpus; None for a study of weights alone.
        say: called with lines for the user.

    Raises:
        InputError: if the run cannot be done with the memory there is.
    """
    device, threads = device_of(study), threads_of(study)
    measure = study.measure
    pairs = model_pairs(study, [s.identity for s in subjects], say)
    populations, all_pairs = populations_of(measure, subjects, pairs)
    shapes = [Shape(p.n_layers, p.width) for p in populations]
    n_rows, context = rows.ids.shape if rows is not None else (0, 0)
    on_cuda = device.startswith("cuda")
    batch = study.device.batch_rows or max(1, (_CUDA_BATCH if on_cuda else _CPU_BATCH) // max(1, context))
    work = Work.of_subjects(subjects, shapes, all_pairs, measure, n_tokens=n_rows * context, context=context)
    method, reason = choose_method(work, measure, device, threads) if all_pairs else (None, None)
    tiles = [t for pair in all_pairs for t in depth_tiles(pair, shapes, study.pairs.depth_window)]
    planned_passes: list[list[Tile]] = [[]]
    pilot_passes: list[list[Tile]] = []
    memory = 0
    if method is not None:
        standing = standing_bytes(
            all_pairs,
            shapes,
            method,
            batch_tokens=batch * context,
            n_shifted=len(measure.sites) * len(subjects) if "shift" in measure.floors else 0,
            draws=measure.baseline.draws,
        )
        room = limit(study.device.memory, device) - standing
        memory = standing
        halves = "split-half" in measure.validation
        if method.name == "exact":
            planned_passes = passes(tiles, shapes, room, halves=halves)
            memory += max(sum(tile_bytes(t, shapes, halves=halves) for t in some) for some in planned_passes)
            if halves and len(planned_passes) > 1:
                raise InputError(
                    "split-half needs all exact sums in memory at once: raise [device] memory, leave split-half out, "
                    'or set correlation = "sketch"'
                )
        elif room < 0:
            raise InputError(
                f"the sketches and selections need {standing / 1e9:.1f} GB and {(room + standing) / 1e9:.1f} are "
                "allowed: lower [measure.sketch] buckets, take fewer models, or raise [device] memory"
            )
        if method.name == "refined":
            pilot_passes = passes(tiles, shapes, room, halves=False)
            memory += max(sum(tile_bytes(t, shapes, halves=False) for t in some) for some in pilot_passes)
        memory = max(memory, working_bytes(all_pairs, shapes))
    plan = Plan(
        models=tuple(
            PlannedModel(s.identity.name, s.identity.model_family, s.identity.seed, s.identity.step, s.weights_hash)
            for s in subjects
        ),
        populations=tuple(populations),
        pairs=tuple(all_pairs),
        depth_window=study.pairs.depth_window,
        moments=measure.moments,
        tokens_fingerprint=rows.manifest.fingerprint if rows is not None else None,
        groups_hash=groups_hash(rows.groups) if rows is not None else None,
        tokenizer_hash=vocabulary.hash,
        rounds=(n_rows,) if n_rows else (),
        context=context,
        place_rows=min(_PLACE_ROWS, n_rows),
        batch_rows=batch,
        dtype=study.device.dtype,
        operand="float16" if on_cuda and method is not None and method.name == "exact" else "float32",
        device=device,
        threads=threads,
        method=method,
        n_passes=len(planned_passes),
        draws=measure.baseline.draws if pairs else 0,
        baseline_seed=measure.baseline.seed,
        floors=tuple(measure.floors) if pairs else (),
        halves="split-half" in measure.validation and bool(pairs),
        arithmetic=ARITHMETIC,
        torch_version=torch.__version__,
        transformers_version=transformers.__version__,
    )
    return Planned(plan, planned_passes, pilot_passes, reason, memory)
