"""Models of several shapes at several sites, by depth and by halves, against float64 numpy with hooks of our own."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from ingest.corpus.store import Manifest, TokenRows
from ingest.measure.baseline import rotation
from tests.ingest.by_hand import Array, PlainGPT2, assert_close, correlations, kinds_of_positions
from tests.support.commands import forked
from tests.support.small_models import CONTEXT, demo_folder, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import rows
from tests.support.texts import write_texts

SHAPES = {"wide": (2, 24), "deep": (5, 16), "flat": (1, 16)}
SITES = ("mlp", "resid", "head_z")
WINDOW, DRAWS, SEED = 0.5, 2, 3
CORRELATION = 1e-4
PAIRS = list(permutations(SHAPES, 2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sites")
    write_texts(folder)
    for seed, (name, (layers, width)) in enumerate(SHAPES.items()):
        save(small_gpt2(seed, layers=layers, width=width), folder / name)
    return folder


def ingested(folder: Path, name: str, *, window: float | None, **measure: object) -> Path:
    study = write_study(
        folder / f"{name}.toml",
        [entry(model, model) for model in SHAPES],
        corpus={"source": "text:texts/*.txt", "tokens": 200 * CONTEXT, "context": CONTEXT},
        pairs={"rule": "all"} | ({} if window is None else {"depth_window": window}),
        measure={"correlation": "exact", "baseline": {"draws": DRAWS, "seed": SEED}, "moments": False, **measure},
        device={"threads": 1, "batch_rows": 6},
    )
    warehouse = folder / name / "neurons.duckdb"
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=folder / "printed")
    assert ended.code == 0, ended.err
    return warehouse


@pytest.fixture(scope="module")
def by_depth(folder: Path) -> Path:
    """All sites, and only layers of like depth."""
    return ingested(folder, "by-depth", window=WINDOW, sites=list(SITES), floors=["noise"])


@pytest.fixture(scope="module")
def by_halves(folder: Path) -> Path:
    """The residual stream over all layers, and over each half of the documents."""
    return ingested(folder, "by-halves", window=None, sites=["resid"], validation=["split-half"], moments=True)


class Text:
    """Activations on the positions of stratum text."""

    def __init__(self, folder: Path) -> None:
        (corpus,) = (folder / "by-depth" / "corpora").iterdir()
        stored = TokenRows(corpus, Manifest(**json.loads((corpus / "manifest.json").read_text())))
        ids = np.asarray(stored.ids)
        is_text = kinds_of_positions(ids, demo_folder(1) / "tokenizer.json") == "text"
        self.groups = np.repeat(stored.groups, CONTEXT)[is_text]
        self.at = {
            name: {site: found[is_text] for site, found in PlainGPT2(folder / name).activations(ids, SITES).items()}
            for name in SHAPES
        }


@pytest.fixture(scope="module")
def text(folder: Path, by_depth: Path) -> Text:
    assert by_depth.exists()
    return Text(folder)


def near(a: str, b: str, units_a: int, units_b: int) -> np.ndarray:
    """Which units (of a, of b) are in layers of like depth."""
    depth = []
    for name, units in ((a, units_a), (b, units_b)):
        layers = SHAPES[name][0]
        depth.append(np.repeat(np.arange(layers) / max(1, layers - 1), units // layers))
    return np.asarray(np.abs(depth[0][:, None] - depth[1][None, :]) <= WINDOW + 1e-9)


def rotated(values: Array, layers: int, draw: int) -> Array:
    parts = np.split(values, layers, axis=1)
    turned = [x @ rotation(x.shape[1], seed=SEED, draw=draw, layer=k).numpy().T for k, x in enumerate(parts)]
    return np.concatenate(turned, 1)


@pytest.mark.parametrize("site", SITES)
def test_best_correlations_of_units_in_layers_of_like_depth(by_depth: Path, text: Text, site: str) -> None:
    for a, b in PAIRS:
        x, y = text.at[a][site], text.at[b][site]
        allowed = near(a, b, x.shape[1], y.shape[1])
        corr = correlations(x, y)
        meets = allowed.any(1)
        found = rows(
            by_depth,
            "select * from raw.bests where site = $site and model = $a and other_model = $b order by layer, neuron",
            site=site, a=a, b=b,
        )  # fmt: skip
        # A layer that no other one is near has no partners.
        width = x.shape[1] // SHAPES[a][0]
        assert (found["layer"].cast(pl.Int64) * width + found["neuron"]).to_list() == np.flatnonzero(meets).tolist()
        assert_close(found["max_corr"], np.where(allowed, corr, -np.inf).max(1)[meets], CORRELATION)
        assert_close(found["min_corr"], np.where(allowed, corr, np.inf).min(1)[meets], CORRELATION)
        other = found["other_layer"].cast(pl.Int64) * (y.shape[1] // SHAPES[b][0]) + found["other_neuron"]
        assert_close(corr[np.flatnonzero(meets), other.to_numpy()], found["max_corr"].to_numpy(), CORRELATION)


@pytest.mark.parametrize("site", SITES)
def test_baselines_rotate_layers_of_like_depth(by_depth: Path, text: Text, site: str) -> None:
    for a, b in PAIRS:
        x, y = text.at[a][site], text.at[b][site]
        allowed = near(a, b, x.shape[1], y.shape[1])
        meets = allowed.any(1)
        for draw in range(DRAWS):
            corr = correlations(x, rotated(y, SHAPES[b][0], draw))
            found = rows(
                by_depth,
                "select max_corr from raw.baselines where site = $site and model = $a and other_model = $b "
                "and kind = 'rotation' and draw = $draw order by layer, neuron",
                site=site, a=a, b=b, draw=draw,
            )  # fmt: skip
            assert_close(found["max_corr"], np.where(allowed, corr, -np.inf).max(1)[meets], CORRELATION)


def test_the_noise_floor_is_of_as_many_as_are_compared(by_depth: Path, text: Text) -> None:
    uniform = []
    for a, b in PAIRS:
        x, y = text.at[a]["mlp"], text.at[b]["mlp"]
        compared = near(a, b, x.shape[1], y.shape[1]).sum(1)
        found = rows(
            by_depth,
            "select max_corr from raw.baselines where site = 'mlp' and model = $a and other_model = $b "
            "and kind = 'noise' order by layer, neuron",
            a=a, b=b,
        )["max_corr"].to_numpy().astype(np.float64)  # fmt: skip
        chance = [NormalDist().cdf(value * len(x) ** 0.5) for value in found]
        uniform += [p**k for p, k in zip(chance, compared[compared > 0], strict=True)]
    # Kolmogorov-Smirnov: beyond 2.1 / n^(1/2) by a chance of 3e-4.
    distance = np.abs(np.sort(uniform) - (np.arange(len(uniform)) + 0.5) / len(uniform)).max()
    assert distance < 2.1 / len(uniform) ** 0.5


def test_partners_of_few_units_are_all_of_them(by_depth: Path, text: Text) -> None:
    x, y = text.at["wide"]["resid"], text.at["flat"]["resid"]
    found = rows(
        by_depth,
        "select * from raw.partners where site = 'resid' and model = 'wide' and other_model = 'flat' and side = 'top' "
        "order by layer, neuron, rank",
    )
    # Layer 1 of 2 is far from the only layer of a flat model, whose depth is 0.
    assert set(found["layer"]) == {0}
    ordered = np.sort(correlations(x[:, :24], y), axis=1)[:, ::-1]
    assert found["rank"].to_list() == [*range(1, 17)] * 24
    assert_close(found["corr"], ordered, CORRELATION)


def test_shapes_of_sites_are_told(by_depth: Path) -> None:
    found = rows(by_depth, "select model, site, n_layers, width from raw.sites").rows()
    expected = {
        (name, site, layers, 4 * width if site == "mlp" else width)
        for name, (layers, width) in SHAPES.items()
        for site in SITES
    }
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("groups", [(0, 1), (0, 4), (0, 8), (8, 16)])
def test_bests_and_baselines_over_some_groups_of_documents(
    by_halves: Path, text: Text, groups: tuple[int, int]
) -> None:
    here = (text.groups >= groups[0]) & (text.groups < groups[1])
    # A whole half has all rotations, a smaller budget the first one.
    draws = range(DRAWS if groups[1] - groups[0] == 8 else 1)
    for a, b in PAIRS:
        x, y = (text.at[name]["resid"][here] for name in (a, b))
        found = rows(
            by_halves,
            "select * from raw.partial_bests where model = $a and other_model = $b and first_group = $first "
            "and last_group = $last order by layer, neuron",
            a=a, b=b, first=groups[0], last=groups[1],
        )  # fmt: skip
        assert set(found["n_positions"]) == {int(here.sum())}
        assert_close(found["max_corr"], correlations(x, y).max(1), CORRELATION)
        turned = [correlations(x, rotated(y, SHAPES[b][0], draw)).max(1) for draw in draws]
        assert_close(found["baseline"], np.mean(turned, axis=0), CORRELATION)


def test_moments_are_of_neurons_whatever_sites_are_correlated(by_halves: Path, text: Text) -> None:
    found = rows(
        by_halves,
        "select model, layer, neuron, any_value(post_shift) + sum(post_sum_1) / sum(n) as mean from raw.moments "
        "where stratum = 'text' group by all order by all",
    )
    for name in SHAPES:
        assert_close(found.filter(model=name)["mean"], text.at[name]["mlp"].mean(0), 1e-5)


def test_halves_leave_the_whole_as_it_is(by_halves: Path, text: Text) -> None:
    for a, b in PAIRS:
        found = rows(
            by_halves,
            "select max_corr from raw.bests where model = $a and other_model = $b order by layer, neuron",
            a=a, b=b,
        )  # fmt: skip
        assert_close(found["max_corr"], correlations(text.at[a]["resid"], text.at[b]["resid"]).max(1), CORRELATION)
