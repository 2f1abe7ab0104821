"""A model written by hand: neurons detect a word, a letter, the token before, a place, a subset of the text; two write.

Beside it stands a model with random weights, in which nothing of that is to be found.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from ingest.corpus.inventory import word_of
from ingest.corpus.texts import token_texts
from ingest.subject.tokenizer import load_tokenizer
from tests.support.commands import forked
from tests.support.small_models import VOCABULARY, demo_folder, save
from tests.support.studies import STDLIB, entry, write_study
from tests.support.tables import rows

pytestmark = pytest.mark.slow

CODE, CONTEXT = 768, 32
PLACES = slice(CODE, CODE + CONTEXT)
BEFORE = slice(CODE + CONTEXT, 2 * CODE + CONTEXT)
WIDTH = 2 * CODE + CONTEXT
WORD, LETTER, PREVIOUS, PLACE, SUBSET, PROMOTES, SUPPRESSES = range(7)


@pytest.fixture(scope="module")
def words() -> list[str]:
    return [text.text for text in token_texts(load_tokenizer("demo", demo_folder(1)))]


def having(words: list[str], holds: object) -> list[int]:
    found = [number for number, text in enumerate(words) if holds(text)]  # type: ignore[operator]
    assert found
    return found


def planted(words: list[str]) -> Any:
    """One block: the head copies the code of the token before, the neurons read codes and places."""
    network = empty()
    generator = torch.Generator().manual_seed(0)
    codes = torch.nn.functional.normalize(torch.randn(VOCABULARY, CODE, generator=generator), dim=1)
    block: Any = network.transformer.h[0]
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.zero_()
        network.transformer.wte.weight[:, :CODE] = codes
        network.transformer.wpe.weight[:, PLACES] = torch.eye(CONTEXT)
        query, key, value = block.attn.c_attn.weight.view(WIDTH, 3, WIDTH).unbind(1)
        query[PLACES, : CONTEXT - 1] = 2.0 * torch.eye(CONTEXT)[:, 1:]  # place p asks for place p - 1
        key[PLACES, :CONTEXT] = 2.0 * torch.eye(CONTEXT)
        value[:CODE, :CODE] = torch.eye(CODE)
        # What the norm in front multiplies by is taken back.
        block.attn.c_proj.weight[:CODE, BEFORE] = (2 / WIDTH) ** 0.5 * torch.eye(CODE)
        read, write = block.mlp.c_fc, block.mlp.c_proj
        read.weight.normal_(std=0.02, generator=generator)
        write.weight.normal_(std=0.02, generator=generator)
        read.weight[:, :PROMOTES] = 0.0
        read.bias[:PROMOTES] = -0.5 * (WIDTH / 3) ** 0.5
        read.weight[:CODE, WORD] = summed(codes, having(words, lambda text: word_of(text) == "self"))
        read.weight[:CODE, LETTER] = summed(codes, having(words, lambda text: word_of(text).startswith("v")))
        read.weight[BEFORE, PREVIOUS] = summed(codes, having(words, lambda text: "(" in text))
        read.weight[PLACES, PLACE] = (torch.arange(CONTEXT) >= CONTEXT // 2).float()
        read.weight[:CODE, SUBSET] = summed(codes, [ids for ids, _ in subset_words(words)[0]])
        some = summed(codes, having(words, lambda text: text in (" if", " for", " while", " with")))
        write.weight[PROMOTES], write.weight[SUPPRESSES] = 0.0, 0.0
        write.weight[PROMOTES, :CODE], write.weight[SUPPRESSES, :CODE] = some, -some
    return network


def subset_words(words: list[str]) -> list[list[tuple[int, str]]]:
    """Ids and texts of words for two subsets of a corpus, which no other property tells apart."""
    plain = [(number, text) for number, text in enumerate(words) if re.fullmatch(" [a-z]{3,}", text)]
    random.Random(0).shuffle(plain)
    return [plain[0::2], plain[1::2]]


def write_subsets(file: Path, words: list[str]) -> None:
    """Documents of random words, each document from one subset."""
    draw = random.Random(1)
    halves = [[text for _, text in half] for half in subset_words(words)]
    documents = [
        {"text": "".join(draw.choices(halves[number % 2], k=300)), "subset": f"half-{number % 2}"}
        for number in range(80)
    ]
    file.write_text("\n".join(json.dumps(document) for document in documents))


def summed(codes: Tensor, ids: list[int]) -> Tensor:
    return codes[ids].sum(0)


def empty() -> Any:
    torch.manual_seed(1)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=WIDTH, n_layer=1, n_head=1, n_inner=64,
            bos_token_id=0, eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        )
    ).eval()  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted-profiles")
    save(planted(words), folder / "planted")
    save(empty(), folder / "random")
    study = write_study(
        folder / "study.toml",
        [
            entry(name, folder / name, model_family="by-hand", seed=seed)
            for seed, name in enumerate(("planted", "random"))
        ],
        corpus=STDLIB | {"tokens": 20_000, "context": CONTEXT},
        measure={"correlation": "off"},
    )
    warehouse = folder / "warehouse" / "neurons.duckdb"
    for command in (("ingest", study), ("build",)):
        ended = forked(*command, "--warehouse", warehouse, scratch=folder / "printed")
        assert ended.code == 0, ended.out + ended.err
    return warehouse


def test_planted_neurons_get_their_families(warehouse: Path) -> None:
    found = rows(warehouse, "select * from marts.neuron_families where model = 'planted' order by neuron")
    labels = found["family"].to_list()
    assert labels[WORD] == "unigram"
    assert found["feature"][WORD] == "self_unigram"
    assert (labels[LETTER], found["feature"][LETTER]) == ("alphabet", "first_letter_v")
    assert (labels[PREVIOUS], found["feature"][PREVIOUS], found["lag"][PREVIOUS]) == (
        "previous_token", "has_parenthesis_open", 1,
    )  # fmt: skip
    assert labels[PLACE] == "position"
    assert found["heldout_strength"][:PLACE].min() > 0.5  # type: ignore[operator]


def test_a_planted_detector_of_a_subset_is_semantic(words: list[str], tmp_path: Path) -> None:
    save(planted(words), tmp_path / "planted")
    write_subsets(tmp_path / "halves.jsonl", words)
    study = write_study(
        tmp_path / "study.toml",
        [entry("planted", tmp_path / "planted", seed=1)],
        corpus={"source": "jsonl:halves.jsonl", "subset_field": "subset", "tokens": 20_000, "context": CONTEXT},
        measure={"correlation": "off"},
    )
    for command in (("ingest", study), ("build",)):
        ended = forked(*command, "--warehouse", tmp_path / "neurons.duckdb", scratch=tmp_path / "printed")
        assert ended.code == 0, ended.out + ended.err
    (found,) = rows(
        tmp_path / "neurons.duckdb", "select * from marts.neuron_families where neuron = $neuron", neuron=SUBSET
    ).iter_rows(named=True)
    assert found["family"] == "semantic"
    assert found["feature"] in ("subset_half-0", "subset_half-1")
    assert found["heldout_strength"] > 0.4


def test_planted_neurons_get_their_roles(warehouse: Path) -> None:
    passing = rows(
        warehouse,
        "select neuron, role, passes_published from marts.neuron_roles "
        "where model = 'planted' and passes and role <> 'partition'",
    )
    assert passing.filter(neuron=PROMOTES).row(0) == (PROMOTES, "prediction", True)
    assert passing.filter(neuron=SUPPRESSES).row(0) == (SUPPRESSES, "suppression", True)
    for neuron, side in ((PROMOTES, "promoted"), (SUPPRESSES, "suppressed")):
        tokens = rows(
            warehouse,
            "select token from marts.neuron_tokens "
            "where model = 'planted' and neuron = $neuron and side = $side and rank <= 4",
            neuron=neuron, side=side,
        )  # fmt: skip
        assert set(tokens["token"]) == {" if", " for", " while", " with"}


def test_the_strongest_examples_are_what_was_planted(warehouse: Path) -> None:
    query = (
        "select token from marts.neuron_examples inner join marts.tokens using (model, token_id) "
        "where model = 'planted' and neuron = $neuron and choice = 'top'"
    )
    assert {word_of(token) for token in rows(warehouse, query, neuron=WORD)["token"]} == {"self"}
    assert {word_of(token)[:1] for token in rows(warehouse, query, neuron=LETTER)["token"]} == {"v"}


def test_random_weights_detect_no_word_letter_or_previous_token(warehouse: Path) -> None:
    labels = rows(warehouse, "select family from marts.neuron_families where model = 'random'")["family"]
    assert len(labels) == 64
    assert not set(labels) & {"unigram", "alphabet", "previous_token", "syntax"}
    assert isinstance(labels, pl.Series)
