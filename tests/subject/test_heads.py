"""Heads of small networks of several architectures against their plain weights, BOS keys against their cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ingest.corpus.strata import Vocabulary
from ingest.recipes.subjects import Subject, load_subject
from ingest.study import Model
from ingest.subject.bridge import find_sites, open_bridge, processed_weights
from ingest.subject.heads import UnreadableHeads, read_heads
from ingest.subject.load import load_network
from ingest.subject.tokenizer import load_tokenizer
from tests.support.small_models import (
    CONTEXT,
    VOCABULARY,
    demo_folder,
    save,
    small_gpt2,
    small_llama,
    small_neox,
)

Array = NDArray[np.float64]
N_HEADS, D_HEAD, N_LAYERS = 2, 8, 2
BOS = 0
IDS = torch.randint(VOCABULARY, (2, 12), generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Plain:
    """One layer's heads by hand: (heads, d_model, d_head) for q, k, v; (heads, d_head, d_model) for o."""

    q: Array
    k: Array
    v: Array
    o: Array


def gpt2_heads(network: Any, layer: int) -> Plain:
    block = network.transformer.h[layer]
    joint = folded(block.ln_1.weight, array(block.attn.c_attn.weight), is_centred=True)
    q, k, v = (part.reshape(-1, N_HEADS, D_HEAD).transpose(1, 0, 2) for part in np.split(joint, 3, axis=1))
    return Plain(q, k, v, centred(array(block.attn.c_proj.weight)).reshape(N_HEADS, D_HEAD, -1))


def neox_heads(network: Any, layer: int) -> Plain:
    block = network.gpt_neox.layers[layer]
    joint = folded(block.input_layernorm.weight, array(block.attention.query_key_value.weight).T, is_centred=True)
    q, k, v = joint.reshape(-1, N_HEADS, 3, D_HEAD).transpose(2, 1, 0, 3)
    return Plain(q, k, v, centred(array(block.attention.dense.weight).T).reshape(N_HEADS, D_HEAD, -1))


def llama_heads(network: Any, layer: int) -> Plain:
    block = network.model.layers[layer]
    parts = [getattr(block.self_attn, f"{name}_proj").weight for name in "qkv"]
    by_head = [
        folded(block.input_layernorm.weight, array(part).T, is_centred=False).reshape(16, -1, D_HEAD).transpose(1, 0, 2)
        for part in parts
    ]
    q, k, v = (np.repeat(part, N_HEADS // len(part), axis=0) for part in by_head)
    return Plain(q, k, v, array(block.self_attn.o_proj.weight).T.reshape(N_HEADS, D_HEAD, -1))


def array(weight: torch.Tensor) -> Array:
    return weight.detach().double().numpy()


def folded(norm: torch.Tensor, weight: Array, *, is_centred: bool) -> Array:
    into = array(norm)[:, None] * weight
    return np.asarray(into - into.mean(0) if is_centred else into)


def centred(weight: Array) -> Array:
    return np.asarray(weight - weight.mean(1, keepdims=True))


@dataclass(frozen=True)
class Kind:
    """An architecture: how to make it, its heads by hand, and how many entries of a query rotary positions turn."""

    make: Callable[[], nn.Module]
    heads: Callable[[nn.Module, int], Plain]
    rotated: int
    is_parallel: bool


KINDS = {
    "gpt2": Kind(lambda: small_gpt2(1), gpt2_heads, 0, False),
    "neox": Kind(lambda: small_neox(1), neox_heads, 2, True),
    "llama": Kind(lambda: small_llama(1), llama_heads, D_HEAD, False),
    "llama with shared keys": Kind(lambda: small_llama(1, key_heads=1), llama_heads, D_HEAD, False),
}


@dataclass(frozen=True)
class Loaded:
    kind: Kind
    folder: Path
    subject: Subject


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load_tokenizer("demo", demo_folder(1))


@pytest.fixture(scope="module", params=KINDS)
def loaded(request: pytest.FixtureRequest, vocabulary: Vocabulary, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    kind = KINDS[request.param]
    folder = save(kind.make(), tmp_path_factory.mktemp("heads") / "model")
    return Loaded(kind, folder, load_subject(Model(name="small", path=str(folder)), folder, vocabulary))


def key_of_bos(kind: Kind, network: Any, layer: int) -> Array:
    """The key of BOS alone, (heads, d_head), from the cache of the plain model."""
    with torch.no_grad():
        cached = network(input_ids=torch.tensor([[BOS]]), use_cache=True).past_key_values
    keys = array(cached.layers[layer].keys[0, :, 0])
    return np.repeat(keys, N_HEADS // len(keys), axis=0)


def turned(query: Array, place: int, width: int) -> Array:
    """A query as rotary positions turn it: its first entries, in planes of the two halves, by powers of 10,000."""
    out, half = query.copy(), width // 2
    angle = place * 10_000.0 ** (-np.arange(half) / half)
    first, second = query[..., :half], query[..., half:width]
    out[..., :half] = first * np.cos(angle) - second * np.sin(angle)
    out[..., half:width] = second * np.cos(angle) + first * np.sin(angle)
    return out


def scores_by_hand(loaded: Loaded, layer: int) -> dict[str, dict[tuple[int, int], Array]]:
    """Per kind and head the scores of a layer's neurons."""
    kind, network = loaded.kind, loaded.subject.network
    w_in, w_out = mlp_weights(loaded, layer)
    found: dict[str, dict[tuple[int, int], Array]] = {name: {} for name in ("bos", "q", "k", "v", "ov")}
    for head_layer in range(N_LAYERS):
        heads, keys = kind.heads(network, head_layer), key_of_bos(kind, network, head_layer)
        for head in range(N_HEADS):
            q, k, v, o = heads.q[head], heads.k[head], heads.v[head], heads.o[head]
            if head_layer > layer:
                query = w_out / np.linalg.norm(w_out, axis=1, keepdims=True) @ q
                places = range(1, CONTEXT) if kind.rotated else [0]
                products = [turned(query, place, kind.rotated) @ keys[head] for place in places]
                found["bos"][head_layer, head] = np.mean(products, axis=0) / D_HEAD**0.5
                for name, matrix in (("q", q @ k.T), ("k", k @ q.T), ("v", v @ o)):
                    found[name][head_layer, head] = composition(w_out, matrix)
            if head_layer < layer or (head_layer == layer and not kind.is_parallel):
                found["ov"][head_layer, head] = composition(w_in, (v @ o).T)
    return found


def composition(vectors: Array, matrix: Array) -> Array:
    norms = np.linalg.norm(vectors @ matrix, axis=1)
    return np.asarray(norms / np.linalg.norm(vectors, axis=1) / np.linalg.norm(matrix))


def mlp_weights(loaded: Loaded, layer: int) -> tuple[Array, Array]:
    """Input and output weights of the neurons as rows, with norms folded in, centred where TransformerLens centres."""
    sites, network = loaded.subject.sites, loaded.subject.network
    into, out = network.get_submodule(sites.pre[layer]), network.get_submodule(sites.post[layer])
    is_linear = isinstance(into, nn.Linear)
    w_in, w_out = (array(m.weight).T if is_linear else array(m.weight) for m in (into, out))  # type: ignore[arg-type]
    block = network.get_submodule(sites.blocks[layer])
    norm: Any = block.ln_2 if hasattr(block, "ln_2") else block.post_attention_layernorm
    is_centred = sites.norm == "layer"
    return folded(norm.weight, w_in, is_centred=is_centred).T, centred(w_out) if is_centred else w_out


def test_scores_are_those_of_the_plain_weights(loaded: Loaded) -> None:
    found = loaded.subject.frames["head_scores"]
    seen = 0
    for layer in range(N_LAYERS):
        expected = scores_by_hand(loaded, layer)
        for name, by_head in expected.items():
            rows = found.filter(pl.col("layer") == layer, pl.col("kind") == name)
            assert len(rows) == len(by_head) * loaded.subject.sites.d_mlp
            for row in rows.iter_rows(named=True):
                score = by_head[row["head_layer"], row["head"]][row["neuron"]]
                assert row["score"] == pytest.approx(score, abs=1e-5)
                larger = sum(abs(values[row["neuron"]]) > abs(score) + 1e-5 for values in by_head.values())
                assert larger < row["rank"]
            seen += len(rows)
    assert seen == len(found)


def test_random_directions_have_the_quantiles_of_the_nulls(loaded: Loaded) -> None:
    """Other random directions than the ingest's exceed its 99% quantile about once in a hundred."""
    sites, kind, network = loaded.subject.sites, loaded.kind, loaded.subject.network
    directions = np.random.default_rng(5).standard_normal((20_000, sites.d_model))
    if sites.norm == "layer":
        directions = centred(directions)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    heads, keys = kind.heads(network, 1), key_of_bos(kind, network, 1)
    nulls = loaded.subject.frames["head_nulls"].filter(pl.col("layer") == 0, pl.col("quantile") == 0.99)
    limit = dict(nulls.select("kind", "value").iter_rows())
    of_q = [composition(directions, heads.q[head] @ heads.k[head].T) for head in range(N_HEADS)]
    assert np.mean(np.max(of_q, axis=0) > limit["q"]) == pytest.approx(0.01, abs=0.005)
    if not kind.rotated:
        of_bos = [np.abs(directions @ heads.q[head] @ keys[head]) / D_HEAD**0.5 for head in range(N_HEADS)]
        assert np.mean(np.max(of_bos, axis=0) > limit["bos"]) == pytest.approx(0.01, abs=0.005)


def test_without_a_bos_token_there_is_no_attention_to_it(loaded: Loaded, vocabulary: Vocabulary) -> None:
    model = Model(name="small", path=str(loaded.folder))
    subject = load_subject(model, loaded.folder, replace(vocabulary, bos=None))
    assert set(subject.frames["head_scores"]["kind"]) == {"q", "k", "v", "ov"}
    assert set(subject.frames["head_nulls"]["kind"]) == {"q", "k", "v", "ov"}
    assert "no attention to BOS: the tokenizer has no BOS token" in subject.processing
    assert "attention" not in loaded.subject.processing


def test_heads_that_compute_something_else_are_not_read(loaded: Loaded) -> None:
    network = load_network("small", loaded.folder, n_ids=VOCABULARY)
    bridge = open_bridge("small", loaded.folder)
    sites = find_sites("small", bridge, network)
    processed = processed_weights("small", bridge, network, sites, IDS, bos=BOS, context=CONTEXT)
    assert processed.heads is not None
    assert read_heads(bridge, network, sites, IDS, bos=BOS, context=CONTEXT).no_bos is None
    with torch.no_grad():
        bridge.blocks[0].attn.k.weight.mul_(1.5)
    with pytest.raises(UnreadableHeads, match="something else"):
        read_heads(bridge, network, sites, IDS, bos=BOS, context=CONTEXT)
    with pytest.raises(UnreadableHeads, match="no one output projection"):
        read_heads(bridge, network, replace(sites, heads=None), IDS, bos=BOS, context=CONTEXT)
