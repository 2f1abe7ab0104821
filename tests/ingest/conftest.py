"""What several modules share: float64 numbers to compare the warehouse with, and a workshop of broken models."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest

from ingest.corpus.store import Manifest, TokenRows
from tests.conftest import Ingested
from tests.ingest.by_hand import ByHand, PlainGPT2, kinds_of_positions, standardised
from tests.ingest.workshop import STDLIB, Workshop
from tests.support.commands import forked
from tests.support.small_models import save, small_gpt2
from tests.support.studies import entry, write_study


@pytest.fixture(scope="package")
def by_hand(trained: Ingested) -> ByHand:
    """The trained models on the tokens of their ingest."""
    rows = TokenRows(trained.corpus, Manifest(**json.loads((trained.corpus / "manifest.json").read_text())))
    ids = np.asarray(rows.ids)
    models = {name: PlainGPT2(folder) for name, folder in trained.models.items()}
    kinds = kinds_of_positions(ids, next(iter(trained.models.values())) / "tokenizer.json")
    at = {name: model.activations(ids) for name, model in models.items()}
    pre, post = ({name: at[name][site] for name in models} for site in ("pre", "mlp"))
    unit = {name: standardised(values[kinds == "text"]) for name, values in post.items()}
    corr = {(a, b): unit[a].T @ unit[b] for a, b in permutations(models, 2) if a < b}
    corr |= {(b, a): values.T for (a, b), values in corr.items()}
    groups = np.repeat(rows.groups, ids.shape[1]).astype(np.int64)
    return ByHand(models, kinds, groups, pre, post, corr)


@pytest.fixture(scope="package")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = Workshop(tmp_path_factory.mktemp("workshop"))
    for seed, name in enumerate("ab"):
        save(small_gpt2(seed), shop.folder / name)
    sound = write_study(shop.folder / "sound.toml", [entry(n, n, seed=s) for s, n in enumerate("ab")], corpus=STDLIB)
    ended = forked("ingest", sound, "--warehouse", shop.warehouse, scratch=shop.folder / "printed")
    assert ended.code == 0, ended.err
    return shop
