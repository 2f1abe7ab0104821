"""One neuron's write taken out of one head's query, against networks whose weights were changed by hand."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from ingest.errors import InputError
from ingest.experiments.attention import AttentionReader
from ingest.experiments.forward import Forward, activations_of
from ingest.experiments.paths import HeadPath, PathAblations
from tests.experiments.conftest import COUNTED, IDS, NUMBERS, Small, batch
from tests.experiments.planted import DEAD, FROM_BOS, HEAD, MUTE, TO_BOS, Planted

# Next to the head's layer, and one layer farther away.
PATHS = [HeadPath(1, 3, 2, 1, "asked", 3, 0), HeadPath(0, 5, 2, 0, "asked", 5, 0)]
ROWS, CONTEXT = IDS.shape


def measured(forward: Forward, paths: list[HeadPath]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of raw.path_sums and raw.head_value_sums of two batches."""
    work = PathAblations(forward, paths)
    for rows in (slice(0, 2), slice(2, 3)):
        work.update(batch(rows))
    (_, sums), (_, values) = work.flush(0)
    return sums.sort("path", "sequence", "is_late"), values.sort("layer", "head", "sequence")


def attended(small: Small) -> Any:
    """Attention weights of the network itself."""
    network: Any = deepcopy(small.network)
    network.config._attn_implementation = "eager"
    with torch.no_grad():
        return network(input_ids=IDS, use_cache=False, output_attentions=True).attentions


def w_out(network: nn.Module, small: Small, layer: int) -> Tensor:
    module = network.get_submodule(small.sites.post[layer])
    weight = dict(module.named_parameters())["weight"].data
    return weight.T if isinstance(module, nn.Linear) else weight


def test_heads_are_those_of_the_network_itself(small: Small) -> None:
    assert small.sites.heads is not None
    stream, weights, reader = small.forward.clean(IDS).stream, attended(small), AttentionReader(small.forward)
    outputs: dict[int, tuple[Tensor, Any]] = {}
    for layer, path in enumerate(small.sites.heads):
        small.network.get_submodule(path).register_forward_hook(
            lambda _m, args, out, layer=layer: outputs.__setitem__(layer, (args[0], out))
        )
    before = small.logits()
    for path in small.sites.heads:
        small.network.get_submodule(path)._forward_hooks.clear()
    for layer in range(3):
        seen = reader.at(IDS, layer, stream[layer])
        torch.testing.assert_close(seen.weights, weights[layer], atol=1e-6, rtol=0)
        z, out = outputs[layer]
        torch.testing.assert_close(seen.z.flatten(2), z, atol=1e-6, rtol=0)
        parts = sum(reader.written(layer, head, seen.z[:, :, head]) for head in range(2))
        bias = getattr(small.network.get_submodule(small.sites.heads[layer]), "bias", None)
        whole = out if bias is None else out - bias
        if small.sites.norm == "layer":
            whole = whole - whole.mean(-1, keepdim=True)
        torch.testing.assert_close(parts, whole, atol=1e-6, rtol=0)
    assert torch.equal(small.logits(), before)


def without_by_hand(small: Small, path: HeadPath) -> tuple[Tensor, Tensor]:
    """Attention and z of the path's head: the query of changed weights, keys and values of the network as it is."""
    copied = deepcopy(small.network)
    clean = small.forward.clean(IDS)
    if path.layer == path.head_layer - 1:
        w_out(copied, small, path.layer)[path.neuron] = 0.0
        hidden = Forward("copy", copied, small.sites).clean(IDS).stream[path.head_layer]
    else:
        a = activations_of(small.forward, IDS, [(path.layer, path.neuron)])
        hidden = clean.stream[path.head_layer] - a * w_out(copied, small, path.layer)[path.neuron]
    query = AttentionReader(Forward("copy", copied, small.sites)).at(IDS, path.head_layer, hidden).query
    seen = AttentionReader(small.forward).at(IDS, path.head_layer, clean.stream[path.head_layer])
    own = path.head // seen.shared
    attention, z = torch.zeros(ROWS, CONTEXT, CONTEXT).double(), torch.zeros(ROWS, CONTEXT, query.shape[-1]).double()
    for row in range(ROWS):
        for place in range(CONTEXT):
            scores = seen.key[row, own, : place + 1] @ query[row, path.head, place] / query.shape[-1] ** 0.5
            attention[row, place, : place + 1] = scores.softmax(0)
            z[row, place] = attention[row, place, : place + 1] @ seen.value[row, own, : place + 1]
    return attention, z


def value_bias(small: Small, layer: int, head: int, d_head: int) -> Tensor | float:
    """The part of a head's values that is no part of what it carries, from the weights."""
    if small.name == "llama":
        return 0.0
    network: Any = small.network
    if small.name == "gpt2":
        block = network.transformer.h[layer]
        biases = block.ln_1.bias @ block.attn.c_attn.weight + block.attn.c_attn.bias
        found: Tensor = biases.detach().unflatten(0, (3, -1, d_head))[2, head]
        return found
    block = network.gpt_neox.layers[layer]
    biases = block.attention.query_key_value(block.input_layernorm.bias)
    rotated: Tensor = biases.detach().unflatten(0, (-1, 3, d_head))[head, 2]
    return rotated


@pytest.mark.parametrize("number", [0, 1])
def test_a_path_is_ablated_in_the_query_alone(small: Small, number: int) -> None:
    path, reader = PATHS[number], AttentionReader(small.forward)
    sums, _ = measured(small.forward, PATHS)
    clean = reader.at(IDS, 2, small.forward.clean(IDS).stream[2])
    attention, z = without_by_hand(small, path)
    bias = value_bias(small, 2, path.head, z.shape[-1])
    norms = [reader.written(2, path.head, of - bias).norm(dim=-1).detach() for of in (clean.z[:, :, path.head], z)]
    a = activations_of(small.forward, IDS, [(path.layer, path.neuron)])[..., 0]
    before = clean.weights[:, path.head, :, 0]
    delta, ratio = before - attention[:, :, 0], (norms[0] / norms[1]).log()
    expected = {
        "activation": a, "attention": before, "delta": delta, "norm": norms[0], "norm_without": norms[1],
        "ratio": ratio, "sum_aa": a * a, "sum_dd": delta * delta, "sum_rr": ratio * ratio, "sum_ad": a * delta,
        "sum_dr": delta * ratio, "sum_ar": a * ratio, "n": torch.ones_like(a),
    }  # fmt: skip
    found = sums.filter(path=number)
    assert len(found) == 2 * ROWS
    assert delta.abs().max() > 1e-4
    for row in found.iter_rows(named=True):
        place = NUMBERS.tolist().index(row["sequence"])
        half = slice(CONTEXT // 2, None) if row["is_late"] else slice(CONTEXT // 2)
        here = COUNTED[place, half]
        for name, values in expected.items():
            assert row[name] == pytest.approx(float(values[place, half][here].sum()), rel=1e-5, abs=1e-6), name


def test_heads_are_measured_by_what_they_would_write_of_one_token(small: Small) -> None:
    _, values = measured(small.forward, PATHS)
    reader, stream = AttentionReader(small.forward), small.forward.clean(IDS).stream
    assert len(values) == 3 * 2 * ROWS
    for row in values.iter_rows(named=True):
        place = NUMBERS.tolist().index(row["sequence"])
        seen = reader.at(IDS, row["layer"], stream[row["layer"]])
        carried = seen.value[place, row["head"] // seen.shared]
        carried = carried - value_bias(small, row["layer"], row["head"], carried.shape[-1])
        norms = reader.written(row["layer"], row["head"], carried).norm(dim=-1).detach()
        attention = seen.weights[place, row["head"], :, 0]
        assert row["bos_norm"] == pytest.approx(float(norms[0]), rel=1e-6)
        assert row["other_norm"] == pytest.approx(float(norms[COUNTED[place]].sum()), rel=1e-6)
        assert row["attention"] == pytest.approx(float(attention[COUNTED[place]].sum()), rel=1e-6)
        assert row["n"] == int(COUNTED[place].sum())


def path_of(place: tuple[int, int]) -> HeadPath:
    return HeadPath(*place, 1, HEAD, "asked", place[1], 0)


def test_planted_neurons_turn_the_head_and_its_output_the_way_they_were_planted(planted: Planted) -> None:
    sums, values = measured(planted.forward, [path_of(TO_BOS), path_of(FROM_BOS)])
    to_bos, from_bos = sums.drop("model").group_by("path").sum().sort("path").iter_rows(named=True)
    assert to_bos["delta"] > 0.01 * to_bos["n"]
    assert from_bos["delta"] < -0.01 * from_bos["n"]
    # What the head gets of the first position is nothing, so attention to it makes its output small.
    assert to_bos["norm"] < to_bos["norm_without"]
    assert from_bos["norm"] > from_bos["norm_without"]
    own = values.filter(layer=1, head=HEAD)
    assert (own["bos_norm"] < 0.2 * own["other_norm"] / own["n"]).all()

    def corr(row: dict[str, float], x: str, y: str, xx: str, yy: str, xy: str) -> float:
        n = row["n"]
        spread = np.sqrt((row[xx] - row[x] ** 2 / n) * (row[yy] - row[y] ** 2 / n))
        return float((row[xy] - row[x] * row[y] / n) / spread)

    for row, sign in ((to_bos, 1), (from_bos, -1)):
        assert sign * corr(row, "activation", "delta", "sum_aa", "sum_dd", "sum_ad") > 0.3
        assert corr(row, "delta", "ratio", "sum_dd", "sum_rr", "sum_dr") < -0.5


@pytest.mark.parametrize("place", [DEAD, MUTE], ids=["dead", "mute"])
def test_what_writes_nothing_changes_no_bit_of_a_head(planted: Planted, place: tuple[int, int]) -> None:
    sums, _ = measured(planted.forward, [path_of(place)])
    for name in ("delta", "ratio", "sum_dd", "sum_rr", "sum_ad", "sum_dr", "sum_ar"):
        assert (sums[name] == 0.0).all()
    assert sums["norm"].to_list() == sums["norm_without"].to_list()


def test_an_output_that_is_changed_on_its_way_into_the_stream_is_refused(small: Small) -> None:
    module = small.network.get_submodule(small.sites.post[1])
    handle = module.register_forward_hook(lambda _module, _args, output: 2.0 * output)
    try:
        with pytest.raises(InputError, match="do not write straight into the residual stream"):
            measured(small.forward, PATHS)
    finally:
        handle.remove()


def test_attention_without_an_output_projection_is_refused(small: Small) -> None:
    without = Forward("small", small.network, replace(small.sites, heads=None))
    with pytest.raises(InputError, match="no one output projection"):
        measured(without, PATHS)
