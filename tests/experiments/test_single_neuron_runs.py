"""Entropy and attention neurons through the command line: who is chosen, and what is left when a run is killed."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest

from tests.conftest import Ingested
from tests.support.bombs import Bomb
from tests.support.commands import forked, one_line_of_refusal
from tests.support.studies import write_study
from tests.support.tables import differing_rows, rows

EXPERIMENTS = [
    {"kind": "entropy", "models": ["demo-1"], "tokens": 1024, "values": [0, 2], "quantiles": [0.5, 1], "matched": 2,
     "random": 3, "frequency": 2},
    {"kind": "attention", "models": ["demo-1"], "tokens": 1024, "most": 3, "matched": 1},
]  # fmt: skip


def study_of(trained: Ingested, file: Path, experiments: list[dict[str, object]]) -> Path:
    known = tomllib.loads(trained.study.read_text())
    models, name = known.pop("models"), known.pop("name")
    return write_study(file, models, name=name, experiments=experiments, **known)


@pytest.fixture(scope="module")
def ran(trained: Ingested, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the trained models' warehouse with both experiments, and the study."""
    folder = tmp_path_factory.mktemp("single")
    warehouse = trained.copied(folder / "warehouse")
    study = study_of(trained, folder / "study.toml", EXPERIMENTS)
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=folder)
    assert ended.code == 0, ended.err
    return warehouse, study


def neurons(warehouse: Path, control: str) -> set[tuple[int, int]]:
    found = rows(warehouse, "select layer, neuron from raw.entropy_neurons where control = $control", control=control)
    return set(found.rows())


def test_entropy_neurons_are_those_of_the_role_beside_neurons_of_their_norm(
    ran: tuple[Path, Path], trained: Ingested
) -> None:
    warehouse, _ = ran
    role = "select layer, neuron from marts.neuron_roles where model = 'demo-1' and role = 'entropy' and passes"
    asked = neurons(warehouse, "asked")
    assert asked == set(rows(trained.warehouse, role).rows())
    query = "select layer, neuron, w_out_norm from marts.neurons where model = 'demo-1' and not is_dead"
    norms = {(layer, neuron): math.log(norm) for layer, neuron, norm in rows(trained.warehouse, query).rows()}
    near = rows(warehouse, "select layer, asked_neuron, neuron from raw.entropy_neurons where control = 'norm'").rows()
    assert len(near) == 2 * len(asked)
    for place in asked:
        others = sorted((abs(norms[k] - norms[place]), k) for k in norms if k[0] == place[0] and k not in asked)
        found = {(layer, neuron) for layer, of, neuron in near if (layer, of) == place}
        assert found == {k for _, k in others[:2]}
    last = rows(trained.warehouse, "select max(layer) as layer from marts.neurons")["layer"][0]
    for control, n in (("random", 3), ("frequency", 2)):
        drawn = neurons(warehouse, control)
        assert len(drawn) == n
        assert not drawn & asked
        assert {layer for layer, _ in drawn} <= {last - 1, last}


def test_every_neuron_is_swept_and_ablated(ran: tuple[Path, Path]) -> None:
    warehouse, _ = ran
    edits = rows(warehouse, "from raw.entropy_edits where edit > 0")
    kinds = [("value", None)] * 2 + [("quantile", None)] * 2 + [("mean", f) for f in (None, "norm", "frequency")]
    for _, of in edits.group_by("layer", "neuron"):
        assert of.sort("edit").select("kind", "frozen").rows() == kinds
    assert set(edits.select("layer", "neuron").rows()) == set().union(
        *(neurons(warehouse, c) for c in ("asked", "norm", "random", "frequency"))
    )
    sums = rows(warehouse, "select * from raw.entropy_sums")
    assert len(sums) == 8 * (len(edits) + 1)
    assert (sums["scale"] > 0).all()


def test_paths_are_from_the_strongest_attention_neurons_to_their_heads(
    ran: tuple[Path, Path], trained: Ingested
) -> None:
    warehouse, _ = ran
    asked = rows(warehouse, "select layer, neuron, head_layer, head from raw.head_paths where control = 'asked'")
    strongest = rows(
        trained.warehouse,
        "select h.layer, h.neuron, h.head_layer, h.head from marts.neuron_heads as h "
        "inner join marts.neuron_roles as r using (model, layer, neuron) where r.model = 'demo-1' and h.kind = 'bos' "
        "and h.rank = 1 and r.role = 'attention' and r.passes order by abs(h.score) desc limit 3",
    )
    assert set(asked.rows()) == set(strongest.rows())
    control = rows(warehouse, "from raw.head_paths where control = 'energy'")
    assert len(control) == 3
    assert set(control.select("layer", "asked_neuron", "head_layer", "head").rows()) == set(asked.rows())
    heads = rows(warehouse, "select distinct layer, head from raw.head_value_sums")
    assert len(heads) == 16


@pytest.mark.slow
def test_a_killed_experiment_ends_in_the_same_rows(ran: tuple[Path, Path], trained: Ingested, tmp_path: Path) -> None:
    undisturbed, study = ran
    warehouse = trained.copied(tmp_path / "warehouse")
    for place, call in (
        ("ingest.experiments.entropy:EntropyPasses.update", 3),
        ("ingest.experiments.paths:PathAblations.flush", 2),
    ):
        bomb = Bomb(place, call)
        killed = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed", bomb=bomb)
        assert killed.code == -9, killed.err
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path / "printed")
    assert ended.code == 0, ended.err
    assert differing_rows(warehouse, undisturbed) == {}


def test_neurons_that_meet_no_head_are_refused(ran: tuple[Path, Path], trained: Ingested, tmp_path: Path) -> None:
    warehouse, _ = ran
    last: list[dict[str, object]] = [{"kind": "attention", "neurons": ["L3.N1", "L3.N2"], "models": ["demo-1"]}]
    study = study_of(trained, tmp_path / "study.toml", last)
    line = one_line_of_refusal(forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path))
    assert "none of them meets a head of model demo-1" in line
