"""dbt that grows: one model of GPT2-medium's shape is added to a warehouse of twenty that were all compared."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from app.publish import attached
from ingest.names import GROUPS
from ingest.settings import ROOT
from ingest.tables import SCHEMA, TABLES

N_MODELS, N_LAYERS, D_MLP = 20, 24, 4096
DRAWS, N_PARTS, STRATA = 2, 2, ("text", "newline", "bos")
GROWN_S, QUESTION_S, MEMORY_GIB = 60.0, 2.0, 8
MODEL = "gpt2-medium-{:02d}"
# Of a neuron and a partner: every one has its own luck, and some neurons are alike everywhere.
_CORR = "least(0.99, 0.15 + 0.8 * pow({luck}, 12) + 0.1 * ({own} % 1009) / 1009)"
_HELD = f"""
    select
        (i // {D_MLP})::usmallint as layer, (i % {D_MLP})::uinteger as neuron,
        (hash(i * 7919 + {{salt}}) % 100003) / 100003.0 as luck, hash(i * 104729 + {{salt}}) as own
    from range({N_LAYERS * D_MLP}) as neurons (i)
"""


def run(folder: Path, *, say: Callable[[str], None]) -> dict[str, Any]:
    """Write the rows that twenty compared models leave, build, add the twenty-first, build again, ask every question.

    Every table of measures that a comparison needs is there; the lists of the most correlated neurons have one row
    instead of fifty, profiles and experiments are empty.

    Returns:
        Seconds and peak memory of both builds, the slowest steps of the second one, seconds of every question, sizes.
    """
    warehouse = folder / "neurons.duckdb"
    started = time.perf_counter()
    with duckdb.connect(str(warehouse)) as con:
        con.execute("set enable_progress_bar = false; set preserve_insertion_order = true")
        con.execute(f"create schema {SCHEMA}")
        for table in TABLES:
            for statement in table.ddl():
                con.execute(statement)
        _write(con, "base", range(N_MODELS), [])
    say(f"rows of {N_MODELS} models written in {time.perf_counter() - started:.0f} s")
    first = _built(warehouse, folder)
    say(f"built in {first['seconds']:.0f} s")
    with duckdb.connect(str(warehouse)) as con:
        con.execute("set enable_progress_bar = false")
        _write(con, "grown", range(N_MODELS + 1), list(range(N_MODELS)))
    second = _built(warehouse, folder)
    say(f"built again in {second['seconds']:.0f} s, at most {second['peak_gib']:.1f} GiB")
    with closing(attached(warehouse, "neurons")) as con:
        con.execute("use neurons")
        counts = {
            name: con.execute(f"select count(*) from marts.{name}").fetchall()[0][0]
            for name in ("neurons", "neuron_partners")
        }
        asked = dict(sorted(_asked(con).items(), key=lambda item: -item[1]))
    return {
        "first": first,
        "second": second,
        "n_neurons": counts["neurons"],
        "n_matches": counts["neuron_partners"],
        "gigabytes": warehouse.stat().st_size / 1e9,
        "questions_s": asked,
    }


def sentence(found: dict[str, Any]) -> str:
    """The results in words."""
    first, second, asked = found["first"], found["second"], found["questions_s"]
    slowest = ", ".join(f"{name.split('.')[-1]} {took:.0f} s" for name, took in [*second["slowest_s"].items()][:5])
    late = [name for name, took in asked.items() if took > QUESTION_S]
    return (
        f"dbt on {N_MODELS} models of {N_LAYERS * D_MLP:,} neurons that were all compared: built in "
        f"{first['seconds']:.0f} s. One more model, {found['n_neurons']:,} neurons and {found['n_matches']:,} matches "
        f"then ({found['gigabytes']:.1f} GB): {second['seconds']:.0f} s with the tests of the data (target "
        f"{GROWN_S:.0f}), peak {second['peak_gib']:.1f} GiB (target {MEMORY_GIB}); the slowest steps are {slowest}. Of "
        f"{len(asked)} questions, about one neuron or model where they can be, {len(asked) - len(late)} took less than "
        f"{QUESTION_S:.0f} s, the slowest {max(asked.values()):.1f} s."
    )


def _write(con: duckdb.DuckDBPyConnection, run: str, models: range, known: list[int]) -> None:
    """The rows of a run that compares all models, of which some are known from the run `base`."""
    new = [model for model in models if model not in known]
    n_positions = 1_000_000
    con.execute(
        f"insert into {SCHEMA}.runs by name select $run as run, $parent as parent, 'growth' as study, "
        "'ingest' as kind, 'finished' as status, '{}' as plan, 'cpu' as device, 'float32' as dtype, 'exact' as method, "
        f"{N_PARTS} as n_parts, 1 as n_passes, {n_positions * N_PARTS * len(STRATA)} as n_tokens, "
        f"{n_positions * N_PARTS} as n_positions, 1000 as n_documents, {DRAWS} as baseline_draws, "
        "now() as started_at, now() as finished_at, '0' as version, 1 as threads",
        {"run": run, "parent": "base" if known else None},
    )
    con.execute(
        f"insert into {SCHEMA}.parts by name select '{run}' as run, 0 as pass, part, part * 8 as doc_group, "
        f"1 as n_rows, now() as done_at from range({N_PARTS}) as parts (part)"
    )
    for model in models:
        name = MODEL.format(model)
        con.execute(
            f"insert into {SCHEMA}.models by name select '{run}' as run, '{name}' as model, "
            f"'gpt2-medium' as model_family, {model} as seed, '-' as source, "
            f"'GPT2LMHeadModel' as architecture, {N_LAYERS} as n_layers, "
            f"1024 as d_model, {D_MLP} as d_mlp, 50257 as d_vocab, 'gelu' as activation, false as is_gated, "
            f"'layer' as norm, 'folded' as processing, '{name}' as weights_hash, '-' as tokenizer_hash, "
            f"{repr('base') if model in known else 'null'} as taken_from"
        )
        con.execute(
            f"insert into {SCHEMA}.sites by name select '{run}' as run, 'mlp' as site, '{name}' as model, "
            f"{N_LAYERS} as n_layers, {D_MLP} as width"
        )
        for other in (other for other in models if other != model):
            taken = repr("base") if {model, other} <= {*known} else "null"
            con.execute(
                f"insert into {SCHEMA}.pairs by name select '{run}' as run, '{name}' as model, "
                f"'{MODEL.format(other)}' as other_model, 'seed' as relation, {taken} as taken_from"
            )
    for model in new:
        _write_neurons(con, run, model, n_positions)
    for model in models:
        _write_pairs(con, run, model, [o for o in models if o != model and (model in new or o in new)])


def _write_neurons(con: duckdb.DuckDBPyConnection, run: str, model: int, n: int) -> None:
    key, held = f"'{run}' as run, '{MODEL.format(model)}' as model, layer, neuron", _HELD.format(salt=model)
    con.execute(
        f"insert into {SCHEMA}.weights by name select {key}, 1 + luck as w_in_norm, 1 + luck ** 2 as w_out_norm, "
        f"luck - 0.5 as input_bias, luck / 2 as in_out_sim from ({held})"
    )
    for effect, scale in (("out", 1.0), ("in", 0.5)):
        con.execute(
            f"insert into {SCHEMA}.vocabulary_sums by name select {key}, '{effect}' as effect, 50257 as n, "
            f"{scale} * luck as sum_1, {50 + scale} * (1 + luck) as sum_2, luck as sum_3, 1 + luck as sum_4 "
            f"from ({held})"
        )
    powers = ", ".join(
        f"{kind}_{name}"
        for kind in ("pre", "post")
        for name in ("shift", "sum_1", "sum_2", "sum_3", "sum_4", "min", "max")
    )
    values = f"luck, luck, {n} * (1 + luck), {n} * luck, {n} * (4 + 9 * luck), -1 - luck, 3 + luck"
    for part in range(N_PARTS):
        for stratum in STRATA:
            con.execute(
                f"insert into {SCHEMA}.moments (run, model, layer, neuron, part, stratum, n, n_positive, {powers}) "
                f"select {key}, {part}, '{stratum}', {n}, (luck * {n})::ubigint, {values}, {values} from ({held})"
            )


def _write_pairs(con: duckdb.DuckDBPyConnection, run: str, model: int, others: list[int]) -> None:
    for other in others:
        key = f"'{run}' as run, 'mlp' as site, '{MODEL.format(model)}' as model, layer, neuron, "
        key += f"'{MODEL.format(other)}' as other_model"
        # The same for both directions, as far as the best pair of all goes.
        held = _HELD.format(salt=min(model, other) * 100 + max(model, other))
        corr = _CORR.format(luck="luck", own="own")
        con.execute(
            f"insert into {SCHEMA}.bests by name select {key}, (own % {N_LAYERS})::usmallint as other_layer, "
            f"(own % {D_MLP})::uinteger as other_neuron, {corr} as max_corr, 0 as min_layer, 0 as min_neuron, "
            f"-{corr} / 2 as min_corr, "
            f"[((own + part * 7919) % 10007 - 5003)::float / 1e6 for part in range({GROUPS})] as influence, "
            f"{GROUPS} as n_groups from ({held})"
        )
        con.execute(
            f"insert into {SCHEMA}.partners by name select {key}, 'top' as side, 1 as rank, "
            f"(own % {N_LAYERS})::usmallint as other_layer, (own % {D_MLP})::uinteger as other_neuron, "
            f"{corr} as corr from ({held})"
        )
        for draw in range(DRAWS):
            con.execute(
                f"insert into {SCHEMA}.baselines by name select {key}, 'rotation' as kind, {draw} as draw, "
                f"0.1 + 0.02 * {draw} + luck / 20 as max_corr from ({held})"
            )


def _built(warehouse: Path, folder: Path) -> dict[str, Any]:
    """One build, with all tests of the data, in a process of its own with so much memory for DuckDB."""
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build", "--no-use-colors"]
    command += ["--exclude-resource-type", "unit_test"]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    environment = os.environ | {"NEURONS_WAREHOUSE": str(warehouse), "NEURONS_BUILD_MEMORY": f"{MEMORY_GIB - 2} GiB"}
    started = time.perf_counter()
    ended = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    printed = ended.communicate()[0]
    seconds = time.perf_counter() - started
    if ended.returncode:
        raise RuntimeError(printed[-4000:])
    done = re.findall(r"(?:OK created|PASS) (.+?) \.* *\[.*in ([\d.]+)s\]", printed)
    slowest = sorted(((float(took), name) for name, took in done), reverse=True)[:15]
    return {
        "seconds": seconds,
        "peak_gib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2,
        "slowest_s": {name: took for took, name in slowest},
    }


def _asked(con: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Seconds of every question, about one neuron or model where it can be asked so."""
    given = {"model": MODEL.format(0), "other_model": MODEL.format(1), "layer": 0, "neuron": 1}
    took = {}
    for question in sorted((ROOT / "sql").glob("*.sql")):
        query = question.read_text()
        names = set(re.findall(r"\$(\w+)", re.sub(r"--.*", "", query)))
        started = time.perf_counter()
        con.execute(query, {name: given.get(name) for name in names}).fetchall()
        took[question.stem] = time.perf_counter() - started
    return took
