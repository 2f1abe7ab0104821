"""Two disjoint halves of the documents tell the same about a model, up to the noise that documents make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from transformers import GPT2LMHeadModel

from ingest.corpus.stdlib import stdlib_files
from tests.ingest.by_hand import Array
from tests.support.commands import forked
from tests.support.small_models import demo_folder
from tests.support.studies import entry, write_study
from tests.support.tables import rows

pytestmark = pytest.mark.slow

# Documents, not tokens, are independent, and a few hundred short excerpts vary less unevenly than a few long files.
N_DOCUMENTS, N_CHARACTERS = 400, 400
STATISTICS = ("mean", "var", "skew", "kurt", "sparsity")
HALVES = ("first", "second")


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse in which one model was measured on each half of the documents, as two runs."""
    folder = tmp_path_factory.mktemp("halves")
    long_enough = [path for _, path in stdlib_files("all") if path.stat().st_size > 4 * N_CHARACTERS]
    chosen = np.random.default_rng(0).permutation(len(long_enough))[:N_DOCUMENTS]
    for number, index in enumerate(chosen):
        file = folder / HALVES[number % 2] / f"{number}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(long_enough[index].read_text(encoding="utf-8", errors="ignore")[:N_CHARACTERS])
    for half in HALVES:
        study = write_study(
            folder / f"{half}.toml",
            [entry("demo", demo_folder(1))],
            name=half,
            corpus={"source": f"text:{half}/*.txt", "context": 128, "sample": {"kind": "head"}},
            measure={"correlation": "off"},
        )
        ended = forked("ingest", study, "--warehouse", folder / "neurons.duckdb", scratch=folder / "printed")
        assert ended.code == 0, ended.err
    return folder


@dataclass(frozen=True)
class Estimates:
    """Statistics of the halves in the warehouse (half, statistic, neuron), and the error of their difference."""

    measured: Array
    error: Array


@pytest.fixture(scope="module")
def estimates(halves: Path) -> Estimates:
    runs = rows(halves / "neurons.duckdb", "select run, study, tokens_fingerprint from raw.runs")
    measured, sums = [], []
    for half in HALVES:
        (row,) = runs.filter(pl.col("study") == half).iter_rows(named=True)
        measured.append(_from_warehouse(halves / "neurons.duckdb", row["run"]))
        made = (halves / "corpora").iterdir()
        (corpus,) = (c for c in made if row["tokens_fingerprint"] in (c / "manifest.json").read_text())
        sums.append(_sums_by_document(np.load(corpus / "ids.npy"), np.load(corpus / "documents.npy")))
    # One error from all documents: in its half alone, a neuron that never fires would seem to have none.
    return Estimates(np.stack(measured), 2 * _jackknife(np.concatenate(sums, axis=1)))


@pytest.mark.parametrize("statistic", STATISTICS)
def test_halves_agree_within_three_standard_errors(estimates: Estimates, statistic: str) -> None:
    index = STATISTICS.index(statistic)
    difference = np.abs(estimates.measured[0, index] - estimates.measured[1, index])
    error = estimates.error[index]
    assert (difference <= 3 * error).mean() >= 0.99
    # Errors that are far too large would make every half agree.
    assert (difference > 0.5 * error).mean() > 0.3


def _from_warehouse(warehouse: Path, run: str) -> Array:
    sums = rows(
        warehouse,
        "select any_value(pre_shift) as shift, sum(n)::double as n, "
        + ", ".join(f"sum(pre_sum_{k}) as sum_{k}" for k in (1, 2, 3, 4))
        + ", sum(n_positive)::double as n_positive from raw.moments where run = $run "
        "group by layer, neuron order by layer, neuron",
        run=run,
    )
    powers = np.stack([sums[column].to_numpy() for column in ("sum_1", "sum_2", "sum_3", "sum_4", "n_positive")])
    return _statistics(powers, sums["n"].to_numpy(), sums["shift"].to_numpy())


def _statistics(sums: Array, n: Array, shift: Array) -> Array:
    m1, m2, m3, m4, positive = sums / n
    var = m2 - m1**2
    skew = (m3 - 3 * m1 * m2 + 2 * m1**3) / var**1.5
    kurt = (m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4) / var**2
    return np.stack([shift + m1, var, skew, kurt, positive])


@torch.no_grad()
def _sums_by_document(ids: NDArray[np.integer], documents: NDArray[np.int32]) -> Array:
    """Positions, powers of pre-activations and counts of positive ones: (6, documents, neurons)."""
    network = GPT2LMHeadModel.from_pretrained(demo_folder(1), dtype=torch.float32).eval()
    layers = list(network.transformer.h)
    pre: dict[int, torch.Tensor] = {}
    for index, layer in enumerate(layers):
        layer.mlp.c_fc.register_forward_hook(lambda _m, _i, out, k=index: pre.__setitem__(k, out.flatten(0, 1)))
    of = documents.copy()
    of[:, 0] = of[:, 1]  # BOS has no document of its own; it goes with its row
    sums = torch.zeros(6, int(of.max()) + 1, len(layers) * 512, dtype=torch.float64)
    for first in range(0, len(ids), 32):
        network.transformer(torch.from_numpy(ids[first : first + 32].astype(np.int64)))
        x = torch.cat([pre[k] for k in range(len(layers))], 1).double()
        document = torch.from_numpy(of[first : first + 32].reshape(-1).astype(np.int64))
        values = torch.ones_like(x)
        for power in range(5):
            sums[power].index_add_(0, document, values)
            values = values * x
        sums[5].index_add_(0, document, (x > 0).double())
    return np.asarray(sums.numpy()[:, np.unique(of)])


def _jackknife(sums: Array) -> Array:
    """Standard errors from leaving out one document at a time: tokens of one document are alike, documents are not."""
    without = sums.sum(1, keepdims=True) - sums
    estimates = _statistics(without[1:], without[0], np.zeros(sums.shape[2]))
    n = sums.shape[1]
    return np.asarray(np.sqrt((n - 1) / n * ((estimates - estimates.mean(1, keepdims=True)) ** 2).sum(1)))
