"""Extend a finished run: by more tokens, from the state that was kept of it, or by more models."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.corpus.store import TokenRows, fingerprint
from ingest.names import GROUPS
from ingest.raw.warehouse import RawWarehouse
from ingest.runs.plan import Plan, groups_hash, parts
from ingest.runs.state import StateFile, StateFolder
from ingest.settings import state_folder
from ingest.tables import MODELS, MOMENTS, PAIRS, PARTS, PROFILES, SCHEMA
from ingest.tables.columns import MODEL

Statement = tuple[str, list[Any]]


@dataclass(frozen=True)
class Extension:
    """A finished run that another one goes on from.

    Attributes:
        plan: of the run that extends it.
        state: the finished run's state; None for shares, which need none.
        n_parts: parts that need not be run again; 0 where models are added, which read all of the text.
    """

    plan: Plan
    state: StateFile | None
    n_parts: int


def find_extension(plan: Plan, rows: TokenRows, raw: RawWarehouse) -> Extension | None:
    """The latest finished run that a plan extends, if its state is there; the plan then names it as its parent.

    More tokens: the same plan on the first rows of the same corpus. More models: the same plan with the first models.
    Runs in several passes, with halves, with simulated seeds, or (for more models) with twins or several sites are
    computed anew.
    """
    if plan.method is None or plan.n_passes > 1 or plan.halves or plan.simulation is not None:
        return None
    query = (
        "select runs.run, runs.plan::varchar as plan, parts.state_file, parts.state_hash from raw.runs "
        "inner join raw.parts using (run) where status = 'finished' and parts.state_file is not null "
        "order by runs.finished_at desc, parts.part desc"
    )
    seen: set[str] = set()
    for run, text, file, digest in raw.read(query).iter_rows():
        if run in seen:
            continue
        seen.add(run)
        before = json.loads(text)
        longer = _with_more_tokens(plan, run, before, rows)
        found = longer or (_with_more_models(plan, run, before) if len(before["tiles_per_pass"]) == 1 else None)
        if found is None or found.run == run:
            continue
        state = StateFolder(state_folder(raw.path) / run).open(file, digest)
        if state is not None:
            return Extension(found, state, len(parts(tuple(before["rounds"]), rows.groups)) if longer else 0)
    return None


def finished_run(plan: Plan, raw: RawWarehouse) -> str | None:
    """The finished run that has everything a plan asks for, whether it began anew or extended another one."""
    free = {"rounds", "place_rows", "profile_rows", "bucket_starts"}
    own = json.loads(json.dumps(asdict(plan)))
    for run, text in raw.read("select run, plan::varchar from raw.runs where status = 'finished'").iter_rows():
        before = json.loads(text)
        if _comparable(own, without=free) == _comparable(before, without=free):
            same_rows = (before["rounds"] or [0])[-1] == plan.n_rows
            return str(run) if same_rows else None
    return None


def _comparable(plan: dict[str, Any], *, without: set[str]) -> dict[str, Any]:
    return {key: value for key, value in plan.items() if key not in without | {"parent", "inherited"}}


def _with_more_tokens(plan: Plan, run: str, before: dict[str, Any], rows: TokenRows) -> Plan | None:
    own = json.loads(json.dumps(asdict(plan)))
    free = {"rounds", "tokens_fingerprint", "groups_hash", "place_rows", "profile_rows", "bucket_starts"}
    if _comparable(own, without=free) != _comparable(before, without=free) or not before["rounds"]:
        return None
    if before["inherited"]:  # its state has nothing of the models whose rows it took over
        return None
    n_before = before["rounds"][-1]
    same = (
        n_before < plan.n_rows
        and before["place_rows"] <= plan.place_rows
        and fingerprint(np.asarray(rows.ids[:n_before])) == before["tokens_fingerprint"]
        and groups_hash(rows.groups[:n_before]) == before["groups_hash"]
    )
    if not same:
        return None
    rounds = (*before["rounds"], plan.n_rows)
    starts = tuple(before["bucket_starts"])
    return replace(
        plan,
        rounds=rounds,
        place_rows=before["place_rows"],
        profile_rows=before["profile_rows"],
        bucket_starts=starts,
        parent=run,
    )


def _with_more_models(plan: Plan, run: str, before: dict[str, Any]) -> Plan | None:
    own = json.loads(json.dumps(asdict(plan)))
    count = len(before["models"])
    free = {"models", "populations", "pairs", "tiles_per_pass"}
    same = (
        _comparable(own, without=free) == _comparable(before, without=free)
        and count < len(plan.models) == len(plan.populations)
        and own["models"][:count] == before["models"]
        and own["populations"][:count] == before["populations"]
        and [pair for pair in own["pairs"] if max(pair) < count] == before["pairs"]
    )
    return replace(plan, parent=run, inherited=count) if same else None


def find_parent_of_shares(plan: Plan, raw: RawWarehouse) -> Extension | None:
    """The latest finished run that has the first models of a plan; the plan then names it as its parent.

    Shares of what is new read all of the text by themselves, so no state is needed, and passes do not matter. Runs with
    halves, simulated seeds, twins or several sites are computed anew.
    """
    if plan.method is None or plan.halves or plan.simulation is not None:
        return None
    query = (
        "select run, plan::varchar from raw.runs where status = 'finished' and kind = 'ingest' "
        "order by finished_at desc"
    )
    for run, text in raw.read(query).iter_rows():
        found = _with_more_models(plan, run, json.loads(text))
        if found is not None:
            return Extension(found, None, 0)
    return None


def known_sequences(plan: Plan, raw: RawWarehouse) -> NDArray[np.integer] | None:
    """Rows of the corpus that a run with more models takes over from its parent; None for another run."""
    if not plan.inherited:
        return None
    return raw.read("select sequence from raw.sequences where run = ?", [plan.parent])["sequence"].to_numpy()


def inherited_rows(plan: Plan, n_parts: int) -> list[Statement]:
    """Statements that copy what a run with more tokens takes over from its parent: the ledger and moments of its parts.

    A run with more models copies nothing of them, see `taken_over`.
    """
    if not n_parts:
        return []
    copy = (
        f"insert into {SCHEMA}.{{}} by name select * replace (? as run{{}}) from {SCHEMA}.{{}} "
        "where run = ? and part < ?"
    )
    whose: list[Any] = [plan.run, plan.parent, n_parts]
    state = ", null as state_file, null as state_hash"
    return [
        (copy.format(PARTS.name, state, PARTS.name), whose),
        (copy.format(MOMENTS.name, "", MOMENTS.name), whose),
    ]


def taken_over(plan: Plan) -> list[Statement]:
    """Statements that say of a run's models and pairs which earlier run has their rows, if it only extends that one."""
    if not plan.inherited:
        return []
    mark = (
        f"update {SCHEMA}.{{0}} as own set taken_from = coalesce(known.taken_from, known.run) "
        f"from {SCHEMA}.{{0}} as known where own.run = ? and known.run = ? and known.model = own.model{{1}}"
    )
    whose: list[Any] = [plan.run, plan.parent]
    of_pair = " and known.other_model = own.other_model"
    return [(mark.format(MODELS.name, ""), whose), (mark.format(PAIRS.name, of_pair), whose)]


def inherited_closing(plan: Plan) -> list[Statement]:
    """Statements that copy what the text gave to the parent of a run with more models: features, rows of examples."""
    if not plan.inherited:
        return []
    of_text = [table.name for table in PROFILES if MODEL not in table.columns]
    return [
        (
            f"insert into {SCHEMA}.{table} by name select * replace (? as run) from {SCHEMA}.{table} where run = ?",
            [plan.run, plan.parent],
        )
        for table in of_text
    ]


def is_one_round(groups: list[int]) -> bool:
    """Whether the parts hold every group of documents once, in order."""
    return groups == list(range(GROUPS))
