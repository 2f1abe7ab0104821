"""A typed text through a model whose weights are at hand."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.errors import NoText, NoWeights
from tests.app.looking import Look, passages
from tests.conftest import Ingested

TEXT = "def f(x):\n    return x"


@pytest.fixture
def opened(look: Look, trained: Ingested) -> AppTest:
    """The page of a neuron."""
    return look(trained.warehouse, "neuron", None, model="demo-1", layer="2", neuron="117")


def by_hand(folder: Path, text: str) -> tuple[list[int], np.ndarray[Any, Any]]:
    """Token ids, and post-activations (tokens, layers, d_mlp), by a hook on each output projection."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    network: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    found: list[torch.Tensor] = []
    for module_name, module in network.named_modules():
        if re.search(r"mlp\.(c_proj|down_proj|dense_4h_to_h)$", module_name):
            module.register_forward_pre_hook(lambda _, args: found.append(args[0][0]))
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    with torch.no_grad():
        network(torch.tensor([[first, *ids]]))
    return ids, torch.stack(found, dim=1)[1:].numpy()


def test_activations_are_those_of_the_model(opened: AppTest, trained: Ingested) -> None:
    n_before = len(passages(opened))
    opened.text_area(key="text-to-try").set_value(TEXT)
    next(button for button in opened.button if button.label == "Try it").click()
    opened.run()
    assert not opened.exception
    ids, expected = by_hand(trained.models["demo-1"], TEXT)
    assert len(passages(opened)) == n_before + 1
    shown = re.findall(r"title=\"[^\"]*?\n(-?[\d.e+-]+)\nposition (\d+), token (\d+)\"", passages(opened)[-1])
    assert [int(token) for _, _, token in shown] == ids
    assert [float(value) for value, _, _ in shown] == pytest.approx(expected[:, 2, 117].tolist(), rel=1e-3, abs=1e-4)
    at = next(each for each in opened.selectbox if (each.key or "").startswith("at-token"))
    at.set_value(4).run()
    opened.segmented_control(key="fire-by").set_value("activation").run()
    firing = next(frame.value for frame in opened.dataframe if "deviation" in frame.value)
    best = np.unravel_index(np.argsort(-expected[4], axis=None, kind="stable")[:5], expected[4].shape)
    rows = firing.head(5)
    assert list(zip(rows["layer"], rows["neuron"], strict=True)) == list(zip(*map(list, best), strict=True))
    assert rows["activation"].tolist() == pytest.approx(expected[4][best].tolist(), rel=1e-3)


def open_demo(trained: Ingested, **other: Any) -> Any:
    from ingest.recipes.trying import open_model

    (row,) = rows_of_models(trained)
    given: Mapping[str, Any] = {"name": "demo-1", "revision": None, "folders": [], "given": None} | row | other
    return open_model(**given)


def rows_of_models(trained: Ingested) -> list[dict[str, Any]]:
    from app.sandbox import run_query

    sql = "select source, weights_hash as measured from models where model = 'demo-1'"
    return run_query(trained.warehouse, sql).frame.to_dicts()


def test_weights_that_are_not_at_hand(trained: Ingested, tmp_path: Path) -> None:
    with pytest.raises(NoWeights, match="not on this machine"):
        open_demo(trained, source="gone/step-1")
    with pytest.raises(NoWeights, match="not those of demo-1"):
        open_demo(trained, given=str(trained.models["demo-2"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoWeights) as error:
        open_demo(trained, given=str(tmp_path / "empty"))
    assert str(tmp_path) not in str(error.value)


def test_texts_without_tokens_and_longer_ones(trained: Ingested, tmp_path: Path) -> None:
    shutil.copytree(trained.models["demo-1"], tmp_path / "copy")
    model = open_demo(trained, source="copy", folders=[tmp_path])
    with pytest.raises(NoText, match="no token"):
        model.read("", bos=True)
    long = model.read("x = 1\n" * 200, bos=True)
    n_tokens = len(long.token_ids)
    longest = json.loads((tmp_path / "copy" / "config.json").read_text())["n_positions"]
    assert n_tokens == min(128, longest) - 1
    assert n_tokens + long.n_left_out == len(model.vocabulary.tokenizer.encode("x = 1\n" * 200).ids)
    assert model.read("é", bos=True).tokens == [r"\xC3", r"\xA9"] or model.read("é", bos=True).tokens == ["é"]


def test_the_page_says_what_to_do(look: Look, trained: Ingested, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_here(*given: Any) -> None:
        raise NoWeights("the weights of demo-1 are not on this machine")

    monkeypatch.setattr("app.weights._read", lambda *given, **more: not_here())
    at = look(trained.warehouse, "neuron", None, model="demo-1", layer="2", neuron="117")
    at.text_area(key="text-to-try").set_value(TEXT)
    next(button for button in at.button if button.label == "Try it").click()
    at.run()
    assert any("not on this machine" in info.value for info in at.info)
    assert at.text_input(key="weights-of-demo-1").label.startswith("Folder with the weights of demo-1")
