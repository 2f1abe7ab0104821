"""`neurons plan`: what a study would cost, from config.json alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from transformers import GPT2Config

from ingest.errors import InputError
from ingest.measure.correlation import Shape, depth_tiles
from ingest.recipes import shapes
from ingest.recipes.costs import Work, choose_method, method_of, seconds
from ingest.recipes.estimate import Estimate, estimate
from ingest.recipes.profiling import bytes_per_neuron
from ingest.recipes.rates import H200, typical_profile
from ingest.recipes.shapes import shape_from_config, shapes_from_configs
from ingest.study import Measure, Model, read_study
from tests.support.commands import forked, one_line_of_refusal
from tests.support.studies import entry, write_study

SMALL = Shape(12, 3072)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two GPT2-smalls without weights."""
    GPT2Config().save_pretrained(tmp_path / "small")
    models = [entry(f"s{seed}", "small", seed=seed, model_family="gpt2-small") for seed in (1, 2)]
    return write_study(
        tmp_path / "study.toml", models, corpus={"source": "text:*.txt", "tokens": 10**8, "context": 512}
    )


def work(n_tokens: int) -> Work:
    pairs = ((0, 1),)
    shapes = (SMALL, SMALL)
    tiles = tuple(depth_tiles((0, 1), shapes, None))
    return Work(
        2e8,
        shapes,
        pairs,
        tiles,
        n_tokens,
        draws=5,
        moments=0,
        profiled=0,
        profile_bytes=0,
        sketched_twice=0,
        mixing=0,
        floor_pairs=(),
    )


def test_the_shape_of_gpt2_small_is_read_from_its_config(study: Path) -> None:
    shape = shape_from_config(Model(name="s", path="small"), study.parent / "small")
    assert (shape.n_layers, shape.d_model, shape.d_mlp) == (12, 768, 3072)
    assert shape.weights == 124_439_808  # the published number of parameters
    assert shape.block_weights == 12 * 7_087_872


def test_a_config_that_checkpoints_share_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, width in (("a", 32), ("b", 32), ("c", 64)):
        GPT2Config(n_embd=width, n_layer=1, n_head=2).save_pretrained(tmp_path / folder)
    models = [
        Model(name="a", path="a", model_family="mine", seed=1, step=10),
        Model(name="b", path="b"),
        Model(name="c", path="c"),
    ]
    folders = [tmp_path / model.path for model in models]
    alone = [shape_from_config(model, folder) for model, folder in zip(models, folders, strict=True)]
    looked: list[Path] = []

    def counted(model: Model, folder: Path) -> shapes.ModelShape:
        looked.append(folder)
        return shape_from_config(model, folder)

    monkeypatch.setattr(shapes, "shape_from_config", counted)
    assert shapes_from_configs(models, folders) == alone
    assert looked == [tmp_path / "a", tmp_path / "c"]


def test_products_are_counted_from_shapes() -> None:
    assert work(1).products == 2 * SMALL.n_units**2
    assert work(1).within == 2 * 2 * SMALL.n_units * SMALL.width


def test_more_devices_take_less_time_and_memory(study: Path) -> None:
    one, eight = (estimate(read_study(study), machine="h200", devices=n, say=print) for n in (None, 8))
    assert eight.elapsed < one.elapsed == pytest.approx(sum(one.seconds.values()))
    assert eight.device_bytes < one.device_bytes
    # Each model alone, and the pair.
    assert (eight.n_shares, eight.n_pieces) == (3, 3)
    assert eight.seconds["forward"] == pytest.approx(2 * one.seconds["forward"])
    for component in ("products", "moments", "profiles", "rotations"):
        assert eight.seconds[component] == pytest.approx(one.seconds[component])


def test_nothing_to_measure_takes_no_time(study: Path) -> None:
    study.write_text(study.read_text() + '\n[measure]\nmoments = false\nfeatures = false\ncorrelation = "off"\n')
    for devices in (None, 1, 8):
        found = estimate(read_study(study), machine="h200", devices=devices, say=print)
        assert (found.n_pieces, found.elapsed) == (0, 0.0)


def test_what_fits_in_no_process_is_planned_in_shares(study: Path) -> None:
    text = study.read_text() + '\n[measure]\ncorrelation = "exact"\nvalidation = ["split-half"]\n'
    study.write_text(text)
    roomy = read_study(study)

    def with_memory(gb: float, devices: int | None) -> Estimate:
        limited = roomy.model_copy(update={"device": roomy.device.model_copy(update={"memory": gb})})
        return estimate(limited, machine="h200", devices=devices, say=print)

    refused = ""
    gb = with_memory(100.0, None).device_bytes / 1e9
    while not refused:
        gb *= 0.99
        try:
            with_memory(gb, None)
        except InputError as error:
            refused = str(error)
    assert "neurons ingest --on devices" in refused
    # Without the profiles beside it the pair fits.
    one, two = (with_memory(gb, devices) for devices in (1, 2))
    for found, n_shares in ((one, 2), (two, 3)):
        assert found.n_shares == n_shares
        assert found.device_bytes < gb * 1e9
    # One device computes one share after another.
    assert two.elapsed < one.elapsed == pytest.approx(sum(one.seconds.values()))


def test_profiles_hold_the_memory_that_is_counted() -> None:
    profile, _ = typical_profile(Shape(2, 64), tokens=256, device="cpu")
    held = sum(tensor.numel() * tensor.element_size() for tensor in profile.tensors().values())
    assert bytes_per_neuron(2048, 128, has_syntax=False) == pytest.approx(held / 128, rel=0.05)


def test_short_runs_are_exact_and_long_ones_are_not() -> None:
    def chosen(n_tokens: int) -> str:
        return choose_method(work(n_tokens), Measure(), "cpu", 2, lambda _: 1)[0].name

    assert chosen(10_000) == "exact"
    assert chosen(10**9) != "exact"


def test_a_method_that_does_not_fit_is_not_chosen() -> None:
    method, reason = choose_method(work(10_000), Measure(), "cpu", 2, lambda m: 1 if m.name == "sketch" else None)
    assert method.name == "sketch"
    assert "exact does not fit" in reason


def test_passes_count_in_the_choice() -> None:
    def chosen(n_passes: int) -> str:
        return choose_method(work(10_000), Measure(), "cpu", 2, lambda m: n_passes if m.name == "exact" else 1)[0].name

    assert chosen(1) == "exact"
    assert chosen(10**6) != "exact"


def test_the_end_of_a_sketch_does_not_depend_on_the_tokens() -> None:
    method = method_of(Measure(), "sketch")
    few, many = (seconds(work(n), method, H200) for n in (10**6, 10**9))
    assert few["sketch products"] == many["sketch products"]
    assert many["forward"] == pytest.approx(1000 * few["forward"])


def test_the_command_writes_nothing(study: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    ended = forked("plan", study, "--on", "h200", scratch=tmp_path.parent / "printed")
    assert ended.code == 0, ended.err
    for word in ("passes", "FLOP", "device memory", "warehouse", "time on 1 x h200"):
        assert word in ended.out
    assert re.search(r"method +\w+ \(auto: exact [\d,]+ s, refined", ended.out)
    assert sorted(tmp_path.rglob("*")) == before


def test_where_shares_read_the_text_less_often_the_plan_says_so(study: Path, tmp_path: Path) -> None:
    """With a memory for half of the exact sums of four models beside each other, but for those of a pair."""
    models = [entry(f"s{seed}", "small", seed=seed, model_family="gpt2-small") for seed in range(4)]
    plain = write_study(
        tmp_path / "four.toml",
        models,
        corpus={"source": "text:*.txt", "tokens": 10**8, "context": 512},
        measure={"correlation": "exact", "features": False},
        device={"memory": 25.0},
    )
    alone, shared = (
        forked("plan", plain, "--on", "h200", *devices, scratch=tmp_path.parent / "printed")
        for devices in ([], ["--devices", 1])
    )
    assert alone.code == shared.code == 0, alone.err + shared.err
    took = re.search(r"time on 1 x h200: (.+)", shared.out)
    assert took is not None
    assert f"less in shares: {took[1]}, neurons ingest --on devices" in alone.out
    assert "in shares:" not in shared.out


def test_simulated_seeds_cost_one_run_for_each_strength(study: Path) -> None:
    plain = study.read_text()

    def more(measure: str) -> float:
        study.write_text(plain + "\n[measure]\n" + measure)
        found = estimate(read_study(study), machine="h200", devices=None, say=lambda _line: None)
        return found.simulated_seconds

    assert more("floors = []") == 0
    one = more("validation = ['simulated']")
    assert one > 0
    assert more("validation = ['simulated']\nsimulated = { strengths = [0.1, 0.5] }") == pytest.approx(2 * one)


def test_a_study_without_a_number_of_tokens_is_refused(tmp_path: Path) -> None:
    GPT2Config().save_pretrained(tmp_path / "small")
    study = write_study(tmp_path / "study.toml", [entry("s", "small")], corpus={"source": "text:*.txt"})
    ended = forked("plan", study, scratch=tmp_path / "printed")
    assert "tokens" in one_line_of_refusal(ended)


def test_a_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "config.json").write_text(json.dumps([]))
    for folder in ("empty", "list"):
        corpus = {"source": "text:*.txt", "tokens": 1000}
        study = write_study(tmp_path / "study.toml", [entry("s", folder)], corpus=corpus)
        assert "config.json" in one_line_of_refusal(forked("plan", study, scratch=tmp_path / "printed"))
