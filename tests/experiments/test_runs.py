"""Experiments through the command line: of universal neurons, of layers, and what is left when they are killed."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from tests.conftest import Ingested
from tests.support.bombs import Bomb
from tests.support.commands import forked, one_line_of_refusal
from tests.support.small_models import CONTEXT, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import differing_rows, rows
from tests.support.texts import write_texts

HALF = 8


@pytest.fixture(scope="module")
def experimented(trained: Ingested, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the trained models' warehouse with experiments, and the study."""
    folder = tmp_path_factory.mktemp("experimented")
    warehouse = trained.copied(folder / "warehouse")
    known = tomllib.loads(trained.study.read_text())
    study = write_study(
        folder / "study.toml",
        known.pop("models"),
        name=known.pop("name"),
        experiments=[
            {"kind": "ablation", "neurons": "universal", "models": ["demo-1"], "tokens": 1024, "random": 2,
             "random_per_layer": 1, "matched": 1, "matched_per_layer": 1},
            {"kind": "pairs", "neurons": "universal", "models": ["demo-1", "demo-2"], "tokens": 512, "most": 2},
            {"kind": "probe", "suffix": "s", "models": ["demo-1"], "most": 4, "random": 5, "sizes": [2], "context": 4},
        ],
        **known,
    )  # fmt: skip
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=folder)
    assert ended.code == 0, ended.err
    assert "with its 3 experiments is finished" in ended.out
    return warehouse, study


def test_universal_neurons_are_chosen_on_one_half_and_ablated_on_the_other(
    experimented: tuple[Path, Path], trained: Ingested
) -> None:
    warehouse, _ = experimented
    (asked,) = rows(warehouse, "select * from raw.experiments where kind = 'ablation'").iter_rows(named=True)
    assert (asked["model"], asked["neurons"], asked["selection"]) == ("demo-1", "universal", "half")
    read = rows(warehouse, "select * from raw.experiment_sequences where run = $run", run=asked["run"])
    assert read["doc_group"].min() == HALF
    chosen = rows(
        warehouse,
        "select layer, neuron, mean from raw.set_neurons where run = $run and neuron_set = 0 order by all",
        run=asked["run"],
    )
    expected = rows(
        trained.warehouse,
        "select h.layer, h.neuron, n.post_mean from marts.half_universality as h "
        "inner join marts.neurons as n using (model, layer, neuron) "
        "where model = 'demo-1' and h.is_universal and first_group = 0 order by all",
    )
    assert len(chosen) > 0
    assert chosen.rows() == expected.rows()
    effect = rows(
        warehouse,
        "select sum(s.loss - c.loss) as loss, sum(s.kl) as kl from raw.edit_sums as s "
        "inner join raw.edit_sums as c on s.run = c.run and s.sequence = c.sequence and c.edit = 0 "
        "inner join raw.edits as e on s.run = e.run and s.edit = e.edit where e.kind = 'mean' and e.neuron_set = 0",
    )
    assert effect["loss"][0] > 0
    assert effect["kl"][0] > 0


def test_pairs_are_those_of_the_marts(experimented: tuple[Path, Path], trained: Ingested) -> None:
    warehouse, _ = experimented
    pairs = rows(
        warehouse,
        "select distinct model, layer, neuron, other_model, other_layer, other_neuron, control from raw.pair_sums",
    )
    matched = pairs.filter(control="matched")
    assert len(matched) == len(pairs.filter(control="random")) == 4
    for pair in matched.iter_rows(named=True):
        (partner,) = rows(
            trained.warehouse,
            "select other_layer, other_neuron from marts.neuron_partners "
            "where model = $model and other_model = $other and layer = $layer and neuron = $neuron",
            model=pair["model"], other=pair["other_model"], layer=pair["layer"], neuron=pair["neuron"],
        ).rows()  # fmt: skip
        assert (pair["other_layer"], pair["other_neuron"]) == partner


def test_probes_read_neurons_of_both_roles_and_random_ones(experimented: tuple[Path, Path], trained: Ingested) -> None:
    warehouse, _ = experimented
    probed = rows(warehouse, "select kind, layer, neuron from raw.probe_neurons")
    for role in ("prediction", "suppression"):
        holders = rows(
            trained.warehouse,
            "select layer, neuron from marts.neuron_roles where model = 'demo-1' and role = $role and passes",
            role=role,
        )
        chosen = probed.filter(kind=role).select("layer", "neuron").rows()
        assert len(chosen) == min(4, len(holders))
        assert set(chosen) <= set(holders.rows())
    assert len(probed.filter(kind="random")) == 5
    examples = rows(warehouse, "select is_test, is_suffix, count(*) as n from raw.probe_examples group by all")
    for half in (False, True):
        counts = dict(examples.filter(is_test=half).select("is_suffix", "n").iter_rows())
        assert counts[True] == counts[False] >= 20
    (scored,) = rows(
        warehouse,
        "select count(distinct probe) as n_probes, sum(n) filter (where probe = 0) as n_own from raw.probe_sums",
    ).rows()
    assert scored[0] == rows(warehouse, "select count(*) from raw.suffix_probes").item()
    assert scored[1] == examples.filter("is_test")["n"].sum()


def test_finished_experiments_are_not_done_again(experimented: tuple[Path, Path], tmp_path: Path) -> None:
    warehouse, study = experimented
    before = rows(warehouse, "select * from raw.parts order by run, part")
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=tmp_path)
    assert ended.code == 0, ended.err
    assert "with its 3 experiments was finished before: nothing to do" in ended.out
    assert rows(warehouse, "select * from raw.parts order by run, part").rows() == before.rows()


def test_an_empty_set_is_refused(experimented: tuple[Path, Path], tmp_path: Path) -> None:
    warehouse, study = experimented
    text = study.read_text().replace('neurons = "universal"', 'neurons = "undecided_neurons"')
    other = study.with_name("other.toml")
    other.write_text(text.replace("undecided_neurons", "no_such_thing", 1))
    line = one_line_of_refusal(forked("ingest", other, "--warehouse", warehouse, scratch=tmp_path))
    assert "'no_such_thing' is no role, and there is no question" in line


@pytest.fixture(scope="module")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small model, its layers and the lens, on texts of many documents."""
    folder = tmp_path_factory.mktemp("small")
    save(small_gpt2(1, width=8), folder / "one")
    source = write_texts(folder)
    return write_study(
        folder / "study.toml",
        [entry("one", folder / "one")],
        corpus=source | {"tokens": 40 * CONTEXT, "context": CONTEXT},
        measure={"features": False},
        device={"threads": 1, "batch_rows": 2},
        experiments=[{"kind": "layers", "edits": ["delete", "swap"]}, {"kind": "lens"}],
    )


@pytest.mark.slow
def test_killed_experiments_end_in_the_same_rows(small_study: Path, tmp_path: Path) -> None:
    undisturbed, warehouse = tmp_path / "whole" / "neurons.duckdb", tmp_path / "killed" / "neurons.duckdb"
    ended = forked("ingest", small_study, "--warehouse", undisturbed, scratch=tmp_path / "printed")
    assert ended.code == 0, ended.err
    for place, call in (
        ("ingest.experiments.passes:EditedPasses.update", 9),
        ("commit", 12),
        ("ingest.raw.warehouse:RawWarehouse.write", 16),
    ):
        killed = forked(
            "ingest", small_study, "--warehouse", warehouse, scratch=tmp_path / "printed", bomb=Bomb(place, call)
        )
        assert killed.code == -9, killed.err
    ended = forked("ingest", small_study, "--warehouse", warehouse, scratch=tmp_path / "printed")
    assert ended.code == 0, ended.err
    assert differing_rows(warehouse, undisturbed) == {}
    kinds = rows(warehouse, "select kind, status from raw.runs order by kind").rows()
    assert kinds == [("ingest", "finished"), ("layers", "finished"), ("lens", "finished")]
    shutil.rmtree(tmp_path / "whole")
