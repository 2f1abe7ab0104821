"""A study as Python sees it, and which of its models become partners."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingest.errors import InputError
from ingest.names import Identity, relation
from ingest.recipes.pairs import chosen_pairs
from ingest.study import read_study
from tests.support.studies import entry, write_study

SHIPPED = Path(__file__).resolve().parents[2] / "ingest" / "studies"


def seeds_and_steps() -> list[Identity]:
    """Two seeds at two steps, a model of another size, and one whose seed nobody knows."""
    return [
        Identity("s1@10", "small", 1, 10),
        Identity("s1@20", "small", 1, 20),
        Identity("s2@20", "small", 2, 20),
        Identity("s2@10", "small", 2, 10),
        Identity("large", "large", 1, 20),
        Identity("unknown", "small", None, 20),
    ]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0, 1, "step"), (1, 2, "seed"), (0, 3, "seed"), (0, 2, "mixed"), (1, 4, "size"), (1, 5, "seed"),
        (0, 5, "mixed"), (0, 0, "self"),
    ],
)  # fmt: skip
def test_relations(a: int, b: int, expected: str) -> None:
    models = seeds_and_steps()
    assert relation(models[a], models[b]) == expected
    assert relation(models[b], models[a]) == expected


def test_one_seed_under_two_names_is_itself_and_two_unknown_seeds_are_two() -> None:
    assert relation(Identity("a", "f", 1, 5), Identity("b", "f", 1, 5)) == "self"
    assert relation(Identity("a", "f", None, 5), Identity("b", "f", None, 5)) == "seed"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("seeds", {(0, 3), (1, 2), (1, 5), (2, 5)}),
        ("consecutive", {(0, 1), (2, 3)}),
        ("training", {(0, 1), (0, 3), (1, 2), (1, 5), (2, 3), (2, 5)}),
        ("reference:large", {(0, 4), (1, 4), (2, 4), (3, 4), (4, 5)}),
        ([["large", "s1@10"], ["s1@10", "large"], ["s2@10", "s2@20"]], {(0, 4), (2, 3)}),
    ],
)
def test_rules_of_pairs(rule: str | list[list[str]], expected: set[tuple[int, int]]) -> None:
    found = chosen_pairs(rule, seeds_and_steps())
    assert list(found) == sorted(expected)


def test_all_pairs() -> None:
    assert len(chosen_pairs("all", seeds_and_steps())) == 15


def test_consecutive_skips_no_step() -> None:
    models = [Identity(str(step), "f", 1, step) for step in (30, 10, 20)]
    assert chosen_pairs("consecutive", models) == ((0, 2), (1, 2))


def test_steps_become_models_of_their_own(tmp_path: Path) -> None:
    many = entry("m", "runs/step-{step:07d}", revision="at-{step}", seed=3, steps=[10, 200])
    first, second = read_study(write_study(tmp_path / "s.toml", [many])).checkpoints()
    assert (first.name, first.path, first.revision, first.step) == ("m@10", "runs/step-0000010", "at-10", 10)
    assert (second.name, second.path, second.seed, second.steps) == ("m@200", "runs/step-0000200", 3, None)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ({"from": 0, "to": 6, "every": 3}, [0, 3, 6]),
        ({"from": 5, "to": 5, "every": 1}, [5]),
        ([0, 1, {"from": 10, "to": 30, "every": 10}, 512], [0, 1, 10, 20, 30, 512]),
    ],
)
def test_steps_may_be_ranges(tmp_path: Path, steps: object, expected: list[int]) -> None:
    models = read_study(write_study(tmp_path / "s.toml", [entry("m", "at-{step}", steps=steps)])).checkpoints()
    assert [model.step for model in models] == expected
    assert [model.path for model in models] == [f"at-{step}" for step in expected]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("seeds", {"a@10 b@10", "a@20 b@20", "a@30 b@30"}),
        ("consecutive", {"a@10 a@20", "a@20 a@30", "b@10 b@20", "b@20 b@30"}),
        ("reference:b@30", {"a@10 b@30", "a@20 b@30", "a@30 b@30", "b@10 b@30", "b@20 b@30"}),
        ([["b@10", "a@30"]], {"a@30 b@10"}),
    ],
)
def test_rules_of_pairs_among_lists_of_steps(tmp_path: Path, rule: str | list[list[str]], expected: set[str]) -> None:
    steps = {"from": 10, "to": 30, "every": 10}
    seeds = [entry(name, name + "-{step}", seed=seed, steps=steps) for seed, name in enumerate("ab")]
    study = read_study(write_study(tmp_path / "s.toml", seeds, pairs={"rule": rule}))
    models = [Identity(m.name, "family", m.seed, m.step) for m in study.checkpoints()]
    found = chosen_pairs(study.pairs.rule, models)
    assert {f"{models[a].name} {models[b].name}" for a, b in found} == expected
    assert len(chosen_pairs("all", models)) == 15
    both = {*chosen_pairs("seeds", models), *chosen_pairs("consecutive", models)}
    assert chosen_pairs("training", models) == tuple(sorted(both))


def test_ten_seeds_of_many_steps_are_checked_and_paired_at_once(tmp_path: Path) -> None:
    steps = [0, *(2**k for k in range(10)), {"from": 1000, "to": 143_000, "every": 1000}]
    seeds = [entry(f"s{seed}", "at-{step}", seed=seed, steps=steps) for seed in range(10)]
    file = write_study(tmp_path / "s.toml", seeds)
    started = time.process_time()
    models = [Identity(m.name, "family", m.seed, m.step) for m in read_study(file).checkpoints()]
    assert len(models) == 1540
    assert [len(chosen_pairs(rule, models)) for rule in ("seeds", "consecutive", "training")] == [6930, 1530, 8460]
    assert time.process_time() - started < 5


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    study = read_study(write_study(tmp_path / "s.toml", [entry("a", "b")], corpus={"source": "python-stdlib"}))
    assert study.corpus is not None
    assert study.folder == tmp_path
    assert (study.corpus.part, study.corpus.bos, study.corpus.sample.kind, study.corpus.sample.seed) == (
        "all", "row", "shuffle", 0,
    )  # fmt: skip
    assert (study.pairs.rule, study.measure.correlation, study.measure.baseline.draws) == ("seeds", "auto", 5)
    assert (study.device.name, study.device.dtype) == ("auto", "float32")
    measure = study.measure
    assert (measure.sites, measure.floors, measure.validation, study.pairs.depth_window) == (["mlp"], [], [], None)
    assert (measure.sketch.buckets, measure.pilot.tokens, measure.pilot.candidates) == (16_384, 65_536, 64)


def test_a_study_without_corpus_is_one(tmp_path: Path) -> None:
    assert read_study(write_study(tmp_path / "s.toml", [entry("a", "b")])).corpus is None


def test_whole_numbers_of_gigabytes(tmp_path: Path) -> None:
    assert read_study(write_study(tmp_path / "s.toml", [entry("a", "b")], device={"memory": 8})).device.memory == 8.0
    with pytest.raises(InputError, match=r"device\.memory"):
        read_study(write_study(tmp_path / "s.toml", [entry("a", "b")], device={"memory": True}))


def test_a_whole_window_of_depths_is_one(tmp_path: Path) -> None:
    for window in (0, 0.25, 1):
        study = write_study(tmp_path / "s.toml", [entry("a", "b")], pairs={"depth_window": window})
        assert read_study(study).pairs.depth_window == float(window)


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.toml")), ids=lambda file: file.stem)
def test_shipped_studies_are_valid(file: Path) -> None:
    assert read_study(file).checkpoints()


def test_the_demo_study_is_the_last_checkpoint_of_each_seed() -> None:
    demo, training = (read_study(SHIPPED / f"{name}.toml").checkpoints() for name in ("demo", "demo-training"))
    assert [model.name for model in demo] == [f"demo-{seed}" for seed in range(1, 6)]
    assert len(training) == 15
    last = {model.seed: max(m.step or 0 for m in training if m.seed == model.seed) for model in training}
    assert {model.seed: model.step for model in demo} == last
