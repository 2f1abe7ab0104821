"""What experiments cost: on the demo models beside the bare forward pass, and of GPT2-small's shape in memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import torch

from ingest.corpus.sources import open_source
from ingest.corpus.store import store_corpus
from ingest.corpus.texts import token_texts
from ingest.experiments.ablation import ablations
from ingest.experiments.controls import NeuronSet, Population, with_controls
from ingest.experiments.effects import Batch
from ingest.experiments.examples import balanced, ends_in
from ingest.experiments.forward import Forward
from ingest.experiments.layers import layer_edits, lens_edits
from ingest.experiments.pairs import NeuronPair, PairChanges
from ingest.experiments.passes import EditedPasses, Work
from ingest.experiments.probing import ProbedNeuron, SuffixProbes
from ingest.experiments.streams import LensPasses
from ingest.experiments.words import WordPieces
from ingest.recipes.experiment_batches import counted
from ingest.recipes.subjects import load_subject, shared_vocabulary
from ingest.settings import STUDIES
from ingest.study import read_study
from ingest.study_experiments import LayerEdit
from ingest.subject.locate import locate_all
from tests.bench import paper_scale

TOKENS, BATCH_ROWS, TURNS = 8_192, 16, 3
DELETION_TOKENS, DELETION_CONTEXT = 2_048, 512
LIMIT = 24 * 1024**3
_N_SETS, _N_NEURONS, _N_PAIRS = 10, 20, 5

_STUDY = """
name = "deletion"
[corpus]
source = "python-stdlib"
part = "held-out"
tokens = {tokens}
context = {context}
[measure]
moments = false
features = false
correlation = "off"
[[models]]
name = "small-1"
path = "small-1"
[[experiments]]
kind = "layers"
edits = ["delete"]
[device]
name = "{device}"
"""


def run(folder: Path, *, device: str, threads: int | None) -> dict[str, Any]:
    """Ratios of every kind of experiment, and the study of a deep model in a process of its own."""
    if threads is not None:
        torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() and device != "cpu" else "cpu"
    return {"ratio": _ratios(folder, device), "deletion": _deletion(folder, device)}


def _ratios(folder: Path, device: str) -> dict[str, dict[str, float]]:
    """By kind: passes under an edit, and the time of all of them over that of the bare forward passes."""
    demo = read_study(STUDIES / "demo.toml")
    folders = locate_all(demo)
    vocabulary = shared_vocabulary(demo, folders)
    subjects = [load_subject(m, f, vocabulary) for m, f in zip(demo.checkpoints()[:2], folders, strict=False)]
    assert demo.corpus is not None
    corpus = demo.corpus.model_copy(update={"tokens": TOKENS, "syntax": "none"})
    rows = store_corpus(corpus, open_source(corpus, demo.folder), vocabulary, context=128, folder=folder / "corpora")
    ids = np.asarray(rows.ids)
    is_counted = counted(ids, vocabulary)
    forwards = [Forward(s.identity.name, s.network.to(device), s.sites) for s in subjects]
    sites = subjects[0].sites
    shape = (sites.n_layers, sites.d_mlp)
    population = Population(np.zeros(shape), np.ones(shape), np.zeros(shape, bool))
    asked = NeuronSet("asked", 0, None, {layer: tuple(range(_N_NEURONS // 4)) for layer in range(sites.n_layers)})
    sets = with_controls(asked, population, random=_N_SETS - 1, energy=0, seed=0)
    pairs = [NeuronPair(0, (k % sites.n_layers, k), (k % sites.n_layers, k), "matched") for k in range(_N_PAIRS)]
    texts = [token.text for token in token_texts(vocabulary)]
    has_suffix = ends_in(texts, "s")
    numbers = np.arange(len(ids))
    examples = balanced(ids, is_counted, rows.groups, numbers, has_suffix, context=24, most=500, seed=0)
    probed = [ProbedNeuron("random", k % sites.n_layers, k, 0.0) for k in range(96)]
    one = forwards[0]
    kinds: tuple[LayerEdit, ...] = ("delete", "swap", "repeat")
    works: dict[str, tuple[int, Callable[[], Work]]] = {
        f"ablation of {_N_NEURONS} neurons": (
            len(sets), lambda: EditedPasses(one, ablations(one, sets, population, ["mean"]))
        ),
        "layers": (3 * sites.n_layers - 1, lambda: EditedPasses(one, layer_edits(one, kinds))),
        "lens": (sites.n_layers, lambda: LensPasses(one, lens_edits(one), WordPieces.of(texts, 4))),
        "pairs": (2 * _N_PAIRS, lambda: PairChanges((one, forwards[1]), (population, population), pairs, ["mean"])),
        "probe": (1, lambda: SuffixProbes(one, probed, examples, has_suffix, [])),
    }  # fmt: skip
    batches = [
        Batch(
            torch.from_numpy(ids[start : start + BATCH_ROWS].astype(np.int64)).to(device),
            torch.from_numpy(is_counted[start : start + BATCH_ROWS]).to(device),
            None,
            numbers[start : start + BATCH_ROWS],
        )
        for start in range(0, len(ids), BATCH_ROWS)
    ]

    @torch.no_grad()
    def bare() -> None:
        for batch in batches:
            one.network(input_ids=batch.ids, use_cache=False)

    def worked(make: Callable[[], Work]) -> Callable[[], None]:
        def whole() -> None:
            work = make()
            for batch in batches:
                work.update(batch)
            work.flush(0)

        return whole

    bare_s = _seconds(bare, device)
    return {name: {"edits": n, "ratio": _seconds(worked(make), device) / bare_s} for name, (n, make) in works.items()}


def _seconds(work: Callable[[], None], device: str) -> float:
    """The best of some turns."""
    best = float("inf")
    for _ in range(TURNS):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return best


def _deletion(folder: Path, device: str) -> dict[str, Any]:
    """Every layer of GPT2-small's shape left out, with random weights: seconds and peak memory of the whole study."""
    paper_scale.save_models(folder)
    study, warehouse = folder / "deletion.toml", folder / "deletion.duckdb"
    study.write_text(_STUDY.format(tokens=DELETION_TOKENS, context=DELETION_CONTEXT, device=device))
    started = time.perf_counter()
    command = [Path(sys.executable).with_name("neurons"), "ingest", study, "--warehouse", warehouse]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    with duckdb.connect(str(warehouse), read_only=True) as con:
        ((peak,),) = con.execute("select max(peak_memory) from raw.runs").fetchall()
        ((n_edits,),) = con.execute("select count(*) from raw.edits where kind = 'delete'").fetchall()
    return {
        "seconds": time.perf_counter() - started,
        "peak_gib": peak / 1024**3,
        "within_24_gib": peak <= LIMIT,
        "n_edits": n_edits,
    }
