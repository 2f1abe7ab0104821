"""An activation that is not finite, where the probe at loading does not come: the run fails and says which."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from ingest.errors import RunFailed
from ingest.recipes.ingest import ingest
from ingest.study import read_study
from tests.support.small_models import VOCABULARY, save
from tests.support.studies import entry, write_study
from tests.support.tables import rows
from tests.support.texts import write_texts

CONTEXT, BROKEN = 96, 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    for name in ("sound", "broken"):
        network = GPT2LMHeadModel(config)
        if name == "broken":
            with torch.no_grad():
                # Finite, and its square is not: the norm in front of everything gives NaN.
                network.transformer.wpe.weight[BROKEN] = 3e38
        save(network, folder / name)
    write_texts(folder)
    return folder


@pytest.mark.parametrize(
    ("method", "moments"), [("exact", True), ("exact", False), ("refined", False), ("sketch", False)]
)
def test_a_model_that_breaks_down_in_mid_text_fails_the_run(
    folder: Path, tmp_path: Path, method: str, moments: bool
) -> None:
    study = write_study(
        folder / "study.toml",
        [entry(name, folder / name, seed=seed, model_family="m") for seed, name in enumerate(("sound", "broken"))],
        corpus={"source": "text:texts/*.txt", "tokens": 40 * CONTEXT, "context": CONTEXT},
        measure={"correlation": method, "moments": moments, "sketch": {"buckets": 256}},
    )
    warehouse = tmp_path / "neurons.duckdb"
    with pytest.raises(RunFailed, match=r"model broken.* not finite"):
        ingest(read_study(study), warehouse, lambda _line: None)
    assert rows(warehouse, "select status from raw.runs")["status"].to_list() == ["running"]
    assert rows(warehouse, "select run from raw.bests").is_empty()
