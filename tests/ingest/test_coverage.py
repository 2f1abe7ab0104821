"""The 95% interval of a correlation holds its long-run value as often as it says, above the cut-off of support."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForCausalLM

from ingest.corpus.sources import open_source
from ingest.corpus.store import TokenRows, store_corpus
from ingest.corpus.strata import TEXT, Vocabulary, strata
from ingest.measure.jackknife import GroupSums, influences
from ingest.names import GROUPS
from ingest.study import Corpus
from ingest.subject.tokenizer import load_tokenizer
from tests.models.test_errors import student_t
from tests.support.small_models import ROOT, demo_folder

TOKENS, CONTEXT, SAMPLES, SPLITS, PILOT_ROWS, BATCH = 1_600_000, 128, 12, 3, 400, 32
BINS = (1, 2, 4, 8, 16, 1e9)  # in units of the cut-off
SUMS = ("x", "y", "xx", "yy", "xy")


@dataclass(frozen=True)
class Documents:
    """Sums over text for fixed pairs of neurons of two demo models: n (documents,), sums (documents, pairs), kurt."""

    n: Tensor
    sums: dict[str, Tensor]
    kurt: Tensor


def _keep(kept: list[Tensor], text: Tensor, _: torch.nn.Module, args: tuple[Tensor, ...]) -> None:
    kept.append(args[0].flatten(0, 1)[text])


class Pair:
    """Two demo models on the same rows."""

    def __init__(self, rows: TokenRows, vocabulary: Vocabulary) -> None:
        self._rows, self._vocabulary = rows, vocabulary
        self._networks = [AutoModelForCausalLM.from_pretrained(demo_folder(k), dtype=torch.float32) for k in (1, 2)]

    @torch.no_grad()
    def read(self, numbers: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Post-activations of both models on positions of stratum text, (tokens, neurons) each."""
        ids = np.asarray(self._rows.ids[np.sort(numbers)])
        text = torch.from_numpy(strata(ids, self._vocabulary).ravel() == TEXT)
        both = []
        for network in self._networks:
            kept: list[Tensor] = []
            keep = partial(_keep, kept, text)
            hooks = [m.register_forward_pre_hook(keep) for k, m in network.named_modules() if k.endswith("mlp.c_proj")]
            network(torch.from_numpy(ids.astype(np.int64)))
            for hook in hooks:
                hook.remove()
            both.append(torch.cat(kept, 1))
        return both[0], both[1]


def correlation(n: Tensor, x: Tensor, y: Tensor, xx: Tensor, yy: Tensor, xy: Tensor) -> Tensor:
    """Pearson correlations from sums."""
    return (xy / n - x / n * y / n) / ((xx / n - (x / n) ** 2) * (yy / n - (y / n) ** 2)).sqrt()


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """The best partner of every neuron on a pilot, held fixed, summed over every document."""
    vocabulary = load_tokenizer("demo-1", demo_folder(1))
    corpus = Corpus(source="python-stdlib", part="train", tokens=TOKENS, context=CONTEXT)
    folder = tmp_path_factory.mktemp("coverage")
    rows = store_corpus(corpus, open_source(corpus, Path()), vocabulary, context=CONTEXT, folder=folder)
    pair = Pair(rows, vocabulary)
    a, b = pair.read(np.arange(PILOT_ROWS))
    shift_a, shift_b = a.mean(0), b.mean(0)
    winner = (((a - shift_a) / a.std(0)).T @ ((b - shift_b) / b.std(0))).argmax(1)
    names, of_row = np.unique(rows.documents[:, CONTEXT // 2], return_inverse=True)
    n = torch.zeros(len(names), dtype=torch.float64)
    sums = {key: torch.zeros(len(names), a.shape[1], dtype=torch.float64) for key in SUMS}
    powers = torch.zeros(4, a.shape[1], dtype=torch.float64)
    for document in range(len(names)):
        numbers = np.flatnonzero(of_row == document)
        for start in range(0, len(numbers), BATCH):
            x, y = pair.read(numbers[start : start + BATCH])
            x, y = x - shift_a, (y - shift_b)[:, winner]
            n[document] += len(x)
            for key, values in (("x", x), ("y", y), ("xx", x * x), ("yy", y * y), ("xy", x * y)):
                sums[key][document] += values.sum(0).double()
            powers += torch.stack([(x**k).sum(0).double() for k in (1, 2, 3, 4)])
    m1, m2, m3, m4 = powers / n.sum()
    kurt = (m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4) / (m2 - m1**2) ** 2
    return Documents(n, sums, kurt)


def dealt(sizes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Each document to the smallest group so far, the largest documents first."""
    totals, group = np.zeros(GROUPS), np.zeros(len(sizes), np.int64)
    for index in np.argsort(-sizes):
        group[index] = totals.argmin()
        totals[group[index]] += sizes[index]
    return group


def quantiles() -> NDArray[np.float64]:
    """Student's 97.5% quantiles for 1 to 15 degrees of freedom, by bisection."""
    found = []
    for df in range(1, GROUPS):
        low, high = 1.0, 20.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if student_t(middle, df) < 0.975 else (low, middle)
        found.append(low)
    return np.array(found)


@pytest.mark.slow
def test_intervals_hold_the_long_run_value(documents: Documents) -> None:
    cutoff = yaml.safe_load((ROOT / "dbt_project.yml").read_text())["vars"]["support_cutoff"]
    long_run = torch.atanh(correlation(documents.n.sum(), *(documents.sums[key].sum(0) for key in SUMS)))
    table = quantiles()
    held: list[NDArray[np.bool_]] = []
    support: list[NDArray[np.float64]] = []
    for split in range(SPLITS):
        sample = np.random.default_rng(split).permutation(len(documents.n)) % SAMPLES
        for number in range(SAMPLES):
            chosen = np.flatnonzero(sample == number)
            group = torch.from_numpy(dealt(documents.n[chosen].numpy()))
            n = torch.zeros(GROUPS, dtype=torch.float64).index_add_(0, group, documents.n[chosen])
            sums = {
                key: torch.zeros(GROUPS, values.shape[1], dtype=torch.float64).index_add_(0, group, values[chosen])
                for key, values in documents.sums.items()
            }
            parts, _ = influences(GroupSums(n.long(), *(sums[key] for key in SUMS)))
            squares = parts.square().numpy()
            df = np.clip(squares.sum(1) ** 2 / (squares**2).sum(1) - 1, 1, GROUPS - 1)
            margin = np.interp(df, range(1, GROUPS), table) * np.sqrt(squares.sum(1))
            z = torch.atanh(correlation(n.sum(), *(sums[key].sum(0) for key in SUMS)))
            held.append((z - long_run).abs().numpy() <= margin)
            support.append((n.sum() / documents.kurt).numpy())
    inside, at = np.concatenate(held), np.concatenate(support) / cutoff
    for low, high in pairwise(BINS):
        here = (at >= low) & (at < high)
        assert here.sum() > 1000
        share = inside[here].mean()
        print(f"support {low * cutoff:,.0f} to {high * cutoff:,.0f}: {100 * share:.1f}% of {here.sum():,}")
        assert 0.90 <= share <= 0.98
