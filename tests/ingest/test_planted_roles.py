"""Neurons with weights written by hand: one writes where the unembedding does not read, two turn a head, two pairs.

Beside their model stands one with random weights, in which hardly any neuron has a role.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.commands import forked
from tests.support.small_models import save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import rows

pytestmark = pytest.mark.slow

WIDTH, LAYERS = 128, 3
# No token's vector has these entries: what lies in them and adds up to 0 does not reach the logits.
SILENT = slice(WIDTH - 6, WIDTH)
HIDDEN, EARLY, FAINT = (2, 3), (0, 3), (2, 4)
TO_BOS, FROM_BOS, HEAD = (0, 10), (0, 11), (2, 1)
ONE, COPY, OTHER, OPPOSITE = (1, 20), (1, 21), (1, 30), (1, 31)


def planted() -> Any:
    network: Any = small_gpt2(1, layers=LAYERS, width=WIDTH)
    blocks = network.transformer.h
    with torch.no_grad():
        network.transformer.wte.weight[:, SILENT] = 0.0
        for (layer, neuron), size in ((HIDDEN, 1.0), (EARLY, 1.0), (FAINT, 1e-3)):
            weights = blocks[layer].mlp.c_proj.weight[neuron]
            weights[SILENT] = torch.tensor([20.0, -20.0] * 3)
            weights *= size
        for (layer, neuron), (_, twin), sign in ((ONE, COPY, 1.0), (OTHER, OPPOSITE, -1.0)):
            mlp = blocks[layer].mlp
            mlp.c_fc.weight[:, twin] = 2.0 * sign * mlp.c_fc.weight[:, neuron]
            mlp.c_proj.weight[twin] = 0.5 * sign * mlp.c_proj.weight[neuron]
        # They never fire, so that writing their weights moves no key.
        for layer, neuron in (TO_BOS, FROM_BOS):
            blocks[layer].mlp.c_fc.bias[neuron] = -100.0
        cached = network(input_ids=torch.tensor([[0]]), use_cache=True).past_key_values
        layer, head = HEAD
        key, attention = cached.layers[layer].keys[0, head, 0], blocks[layer]
        d_head = len(key)
        queries = attention.attn.c_attn.weight[:, head * d_head : (head + 1) * d_head]
        toward = (attention.ln_1.weight[:, None] * queries) @ key
        toward -= toward.mean()
        write(blocks, TO_BOS, toward / toward.norm())
        write(blocks, FROM_BOS, -3.0 * toward / toward.norm())
    return network


def write(blocks: Any, place: tuple[int, int], weights: torch.Tensor) -> None:
    blocks[place[0]].mlp.c_proj.weight[place[1]] = weights


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted-roles")
    save(planted(), folder / "planted")
    save(small_gpt2(2, layers=LAYERS, width=WIDTH), folder / "random")
    study = write_study(folder / "study.toml", [entry(name, folder / name) for name in ("planted", "random")])
    warehouse = folder / "warehouse" / "neurons.duckdb"
    for command in (("ingest", study), ("build",)):
        ended = forked(*command, "--warehouse", warehouse, scratch=folder / "printed")
        assert ended.code == 0, ended.out + ended.err
    return warehouse


def one(warehouse: Path, query: str, place: tuple[int, int]) -> dict[str, Any]:
    found = rows(
        warehouse, f"{query} where model = 'planted' and layer = $l and neuron = $n", l=place[0], n=place[1]
    ).to_dicts()
    assert len(found) == 1
    return found[0]


def test_the_neuron_that_the_unembedding_does_not_read(warehouse: Path) -> None:
    roles = "select * from (from marts.neuron_roles where role = 'entropy')"
    for place, passes in ((HIDDEN, True), (EARLY, False), (FAINT, False)):
        found = one(warehouse, roles, place)
        assert found["score"] == pytest.approx(1.0 - 6 / 127, abs=0.01)
        assert found["passes"] == passes
    neuron = one(warehouse, "from marts.neurons", HIDDEN)
    assert (neuron["role"], neuron["null_share_10"]) == ("entropy", pytest.approx(1.0 - 13 / 127, abs=0.01))
    # It writes as much to the logits as any other, though its norm is 15 times as large.
    other = one(warehouse, "from marts.neurons", (2, 5))
    assert neuron["w_out_norm"] > 10.0 * other["w_out_norm"]
    assert neuron["logit_var"] < 2.0 * other["logit_var"]


def test_neurons_that_turn_a_head(warehouse: Path) -> None:
    heads = "select * from (from marts.neuron_heads where kind = 'bos' and rank = 1)"
    to_bos, from_bos = one(warehouse, heads, TO_BOS), one(warehouse, heads, FROM_BOS)
    for found in (to_bos, from_bos):
        assert (found["head_layer"], found["head"]) == HEAD
        assert abs(found["score"]) > 2.0 * found["null_quantile"]
    assert to_bos["score"] == pytest.approx(-from_bos["score"], rel=1e-4)
    assert to_bos["score"] > 0.0
    assert (to_bos["raw_score"], from_bos["raw_score"]) == (
        pytest.approx(to_bos["score"], rel=1e-4), pytest.approx(3.0 * from_bos["score"], rel=1e-4),
    )  # fmt: skip
    for place in (TO_BOS, FROM_BOS):
        assert one(warehouse, "from marts.neurons", place)["role"] == "attention"


def test_duplicates_and_opposites(warehouse: Path) -> None:
    for (neuron, other), side, cosine in (((ONE, COPY), "top", 1.0), ((OTHER, OPPOSITE), "bottom", -1.0)):
        for own, partner in ((neuron, other), (other, neuron)):
            for vector in ("in", "out"):
                query = f"select * from (from marts.neuron_neighbours where vector = '{vector}' and side = '{side}')"
                found = one(warehouse, query, own)
                assert (found["other_layer"], found["other_neuron"]) == partner
                assert (found["cosine"], found["other_cosine"]) == (pytest.approx(cosine), pytest.approx(cosine))


def test_random_weights_have_hardly_any_role(warehouse: Path) -> None:
    passing = rows(
        warehouse,
        "select role, count(*) as n, count(*) filter (where passes) as n_passing from marts.neuron_roles "
        "where model = 'random' and role in ('entropy', 'attention') group by role order by role",
    )
    assert passing["n"].to_list() == [2 * 4 * WIDTH, 3 * 4 * WIDTH]
    assert passing["n_passing"].max() <= 8  # type: ignore[operator]
