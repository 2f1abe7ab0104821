"""Small networks of several architectures: where their neurons are, and what their weights are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.names import Site
from ingest.recipes.subjects import Subject, load_subject
from ingest.study import Model
from ingest.subject.bridge import find_sites, open_bridge, parity_error
from ingest.subject.load import load_network, weights_hash
from ingest.subject.locate import locate
from ingest.subject.sites import Reader
from ingest.subject.tokenizer import load_tokenizer
from tests.support.small_models import VOCABULARY, demo_folder, save, small_gpt2, small_llama, small_neox, small_phi3

IDS = torch.randint(VOCABULARY, (2, 12), generator=torch.Generator().manual_seed(0))


@dataclass(frozen=True)
class Kind:
    """An architecture: how to make it, its sites, and its weights by hand."""

    make: Callable[[], nn.Module]
    pre: str
    post: str
    is_gated: bool
    norm: str
    has_bias: bool
    d_mlp: int
    heads: str
    last_norm: str


KINDS = {
    "gpt2": Kind(lambda: small_gpt2(1), "transformer.h.{}.mlp.c_fc", "transformer.h.{}.mlp.c_proj",
                 False, "layer", True, 64, "transformer.h.{}.attn.c_proj", "transformer.ln_f"),
    "neox": Kind(lambda: small_neox(1), "gpt_neox.layers.{}.mlp.dense_h_to_4h", "gpt_neox.layers.{}.mlp.dense_4h_to_h",
                 False, "layer", True, 48, "gpt_neox.layers.{}.attention.dense", "gpt_neox.final_layer_norm"),
    "llama": Kind(lambda: small_llama(1), "model.layers.{}.mlp.gate_proj", "model.layers.{}.mlp.down_proj",
                  True, "rms", False, 40, "model.layers.{}.self_attn.o_proj", "model.norm"),
    # With as many neurons as dimensions a transposed matrix has the right shape.
    "square llama": Kind(lambda: small_llama(1, hidden=16), "model.layers.{}.mlp.gate_proj",
                         "model.layers.{}.mlp.down_proj", True, "rms", False, 16,
                         "model.layers.{}.self_attn.o_proj", "model.norm"),
}  # fmt: skip


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
    folder = save(kind.make(), tmp_path_factory.mktemp("subject") / "model")
    return Loaded(kind, folder, load_subject(Model(name="small", path=str(folder)), folder, vocabulary))


def test_sites_are_the_modules_around_the_activation(loaded: Loaded) -> None:
    sites, kind = loaded.subject.sites, loaded.kind
    assert sites.pre == tuple(kind.pre.format(layer) for layer in range(2))
    assert sites.post == tuple(kind.post.format(layer) for layer in range(2))
    assert (sites.n_layers, sites.d_mlp, sites.d_model) == (2, kind.d_mlp, 16)
    assert (sites.is_gated, sites.norm) == (kind.is_gated, kind.norm)
    assert loaded.subject.parity_error <= 1e-4
    assert loaded.subject.d_vocab == VOCABULARY


def inputs_of(network: nn.Module, paths: Sequence[str]) -> list[Tensor]:
    """What enters some modules in one forward pass."""
    seen: dict[str, Tensor] = {}
    handles = [
        network.get_submodule(path).register_forward_pre_hook(
            lambda _m, args, p=path: seen.__setitem__(p, args[0].flatten(0, 1))
        )
        for path in paths
    ]
    with torch.no_grad():
        network(input_ids=IDS)
    for handle in handles:
        handle.remove()
    return [seen[path] for path in paths]


def test_the_reader_gives_what_enters_the_output_projection(loaded: Loaded) -> None:
    network, sites = loaded.subject.network, loaded.subject.sites
    expected = inputs_of(network, sites.post)
    with Reader(network, sites).hooked() as reader:
        found, again = reader.read(IDS), reader.read(IDS)
    for layer in range(2):
        assert torch.equal(found.at["mlp"][layer], expected[layer])
        assert torch.equal(found.pre[layer], again.pre[layer])
        assert found.pre[layer].shape == (IDS.numel(), loaded.kind.d_mlp)


def test_the_reader_gives_the_residual_stream_and_the_heads(loaded: Loaded) -> None:
    network, sites, kind = loaded.subject.network, loaded.subject.sites, loaded.kind
    assert (sites.d_mlp, sites.d_model, sites.d_heads) == (kind.d_mlp, 16, 16)
    with Reader(network, sites, ["head_z", "resid"], pre=False).hooked() as reader:
        found = reader.read(IDS)
    assert found.pre == []
    assert set(found.at) == {"head_z", "resid"}
    with torch.no_grad():
        hidden = deepcopy(network)(input_ids=IDS, output_hidden_states=True).hidden_states
    # After the last block the library shows the stream behind the last norm: what enters that norm is meant.
    assert torch.equal(found.at["resid"][0], hidden[1].flatten(0, 1))
    assert torch.equal(found.at["resid"][1], inputs_of(network, [kind.last_norm])[0])
    heads = [kind.heads.format(layer) for layer in range(2)]
    for z, path, expected in zip(found.at["head_z"], heads, inputs_of(network, heads), strict=True):
        assert torch.equal(z, expected)
        with torch.no_grad():
            assert network.get_submodule(path)(z).shape == (IDS.numel(), 16)


def test_all_sites_at_once_are_those_of_each_alone(loaded: Loaded) -> None:
    network, sites = loaded.subject.network, loaded.subject.sites
    everything: tuple[Site, ...] = ("mlp", "resid", "head_z")
    with Reader(network, sites, everything).hooked() as reader:
        together = reader.read(IDS)
    for site in everything:
        with Reader(network, sites, [site], pre=False).hooked() as reader:
            alone = reader.read(IDS).at
        assert set(alone) == {site}
        assert all(torch.equal(x, y) for x, y in zip(alone[site], together.at[site], strict=True))


def test_no_hook_stays_behind(loaded: Loaded) -> None:
    network, sites = loaded.subject.network, loaded.subject.sites

    def hooks() -> int:
        return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules())

    assert hooks() == 0
    with Reader(network, sites).hooked():
        assert hooks() == 4
    with pytest.raises(ZeroDivisionError), Reader(network, sites).hooked():
        raise ZeroDivisionError
    assert hooks() == 0


def test_weight_statistics_are_those_of_folded_weights(loaded: Loaded) -> None:
    kind, network = loaded.kind, loaded.subject.network
    assert loaded.subject.frames["weights"]["input_bias"].is_null().all() == (not kind.has_bias)
    for layer in range(2):
        found = loaded.subject.frames["weights"].filter(loaded.subject.frames["weights"]["layer"] == layer)
        w_in, bias, w_up, w_out = _folded(network, kind, layer)
        for name, expected in (
            ("w_in_norm", w_in.norm(dim=0)),
            ("w_out_norm", w_out.norm(dim=1)),
            ("in_out_sim", nn.functional.cosine_similarity(w_in.T, w_out)),
            ("input_bias", bias),
            ("w_up_norm", None if w_up is None else w_up.norm(dim=0)),
            ("up_out_sim", None if w_up is None else nn.functional.cosine_similarity(w_up.T, w_out)),
        ):
            if expected is None:
                assert found[name].is_null().all(), name
            else:
                assert found[name].to_numpy() == pytest.approx(expected.numpy(), abs=1e-5), name


def test_the_hash_of_the_weights_sees_one_changed_value(loaded: Loaded) -> None:
    network = load_network("small", loaded.folder, n_ids=VOCABULARY)
    assert weights_hash(network) == loaded.subject.weights_hash
    with torch.no_grad():
        next(iter(network.parameters())).view(-1)[3] += 1e-3
    assert weights_hash(network) != loaded.subject.weights_hash


def test_a_reader_that_misses_an_mlp_says_so(loaded: Loaded) -> None:
    sites = loaded.subject.sites
    # With the layers in the wrong order the pass ends before the second one was reached.
    wrong = replace(sites, pre=sites.pre[::-1], post=sites.post[::-1])
    with Reader(loaded.subject.network, wrong).hooked() as reader, pytest.raises(RuntimeError, match="not reached"):
        reader.read(IDS)


def test_a_model_whose_file_lacks_a_weight_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save(small_neox(2), tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    weights.pop("gpt_neox.layers.0.mlp.dense_h_to_4h.bias")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="lacks weights"):
        load_network("partial", folder, n_ids=VOCABULARY)


def test_gate_and_up_may_be_one_module(tmp_path: Path) -> None:
    folder = save(small_phi3(1), tmp_path / "model")
    network = load_network("phi", folder, n_ids=VOCABULARY)
    bridge = open_bridge("phi", folder)
    sites = find_sites("phi", bridge, network)
    assert sites.pre == tuple(f"model.layers.{layer}.mlp.gate_up_proj" for layer in range(2))
    # The probe compares pre-activations too, so the wrong half would be refused.
    assert parity_error("phi", bridge, network, sites, IDS) < 1e-5
    with Reader(network, sites).hooked() as reader:
        assert [pre.shape for pre in reader.read(IDS).pre] == [(IDS.numel(), 24)] * 2


def test_a_tokenizer_with_more_ids_than_the_model_knows_is_refused(tmp_path: Path) -> None:
    folder = save(small_gpt2(1), tmp_path / "model")
    with pytest.raises(InputError, match="its own tokenizer"):
        load_network("narrow", folder, n_ids=VOCABULARY + 1)


def test_a_model_without_layers_is_refused(tmp_path: Path) -> None:
    folder = save(small_gpt2(1, layers=0), tmp_path / "model")
    network = load_network("flat", folder, n_ids=VOCABULARY)
    with pytest.raises(InputError, match="MLP"):
        find_sites("flat", open_bridge("flat", folder), network)


def test_shards_that_an_index_names_must_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    small_gpt2(1).save_pretrained(folder, max_shard_size="30KB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    model = Model(name="m", path="model")
    assert locate(model, tmp_path) == folder
    shards[1].unlink()
    with pytest.raises(InputError, match=shards[1].name):
        locate(model, tmp_path)


def _folded(network: nn.Module, kind: Kind, layer: int) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor]:
    """W_in (d_model, d_mlp), its bias, the up projection's weights, W_out (d_mlp, d_model), in float64."""
    first, last = (network.get_submodule(path.format(layer)) for path in (kind.pre, kind.post))
    transposed = not isinstance(first, nn.Linear)  # GPT-2 keeps its matrices the other way round
    norm: Any = network.get_submodule(
        kind.pre.format(layer).rsplit(".mlp", 1)[0] + "." + _NORMS[type(network).__name__]
    )
    w_in, w_out = (_double(m.weight) if transposed else _double(m.weight).T for m in (first, last))
    scale = _double(norm.weight)[:, None]
    if kind.norm == "rms":
        up = network.get_submodule(kind.pre.format(layer).replace("gate", "up"))
        return scale * w_in, None, scale * _double(up.weight).T, w_out
    bias = _double(first.bias) + _double(norm.bias) @ w_in
    w_in = scale * w_in
    return w_in - w_in.mean(0), bias, None, w_out - w_out.mean(1, keepdim=True)


_NORMS = {
    "GPT2LMHeadModel": "ln_2",
    "GPTNeoXForCausalLM": "post_attention_layernorm",
    "LlamaForCausalLM": "post_attention_layernorm",
}


def _double(weight: Any) -> Tensor:
    return torch.as_tensor(weight).detach().double()
