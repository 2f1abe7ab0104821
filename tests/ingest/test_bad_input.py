"""Wrong input: one line that says what is wrong, exit code 2, and a warehouse as it was."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ingest.cli import main
from tests.support.commands import Ended, forked, neurons, one_line_of_refusal
from tests.support.small_models import CONTEXT, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import file_hash

STDLIB = {"source": "python-stdlib", "part": "held-out", "tokens": 8 * CONTEXT, "context": CONTEXT}


@dataclass(frozen=True)
class Workshop:
    """A folder with two sound models, `a` and `b`, and a warehouse in which `a` and `b` were measured."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "home" / "neurons.duckdb"

    def model(self, name: str, change: Callable[[Path], None]) -> dict[str, Any]:
        """A changed copy of model a as an entry of a study, made once."""
        folder = self.folder / name
        if not folder.exists():
            shutil.copytree(self.folder / "a", folder)
            change(folder)
        return entry(name, folder)

    def study(self, *others: dict[str, Any], corpus: dict[str, Any] | None = None, **sections: Any) -> Path:
        """A study of the model a and others."""
        chosen = corpus if corpus is not None else STDLIB
        models_ = [entry("a", self.folder / "a", seed=1), *others]
        return write_study(self.folder / "wrong.toml", models_, corpus=chosen, **sections)

    def text(self, content: str) -> Path:
        """A study whose file holds this text."""
        (self.folder / "wrong.toml").write_text(content)
        return self.folder / "wrong.toml"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = Workshop(tmp_path_factory.mktemp("workshop"))
    for seed, name in enumerate("ab"):
        save(small_gpt2(seed), shop.folder / name)
    sound = write_study(shop.folder / "sound.toml", [entry(n, n, seed=s) for s, n in enumerate("ab")], corpus=STDLIB)
    ended = forked("ingest", sound, "--warehouse", shop.warehouse, scratch=shop.folder / "printed")
    assert ended.code == 0, ended.err
    return shop


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def _change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file, metadata={"format": "pt"})


def _lose_a_tensor(folder: Path) -> None:
    _change_weights(folder, lambda weights: weights.pop("transformer.h.1.mlp.c_fc.weight"))


def _put_a_nan(folder: Path) -> None:
    _change_weights(folder, lambda weights: weights["transformer.h.1.mlp.c_fc.weight"].view(-1)[7].fill_(torch.nan))


def _be_infinite(folder: Path) -> None:
    _change_weights(folder, lambda weights: weights["transformer.wte.weight"].view(-1)[9].fill_(torch.inf))


def _take_the_layers(folder: Path) -> None:
    save(small_gpt2(0, layers=0), folder)


def _change_the_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"], show_progress=False)
    tokenizer.train_from_iterator(["other words make other tokens"], trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|endoftext|>").save_pretrained(folder)


def _text(folder: Path, files: dict[str, str]) -> dict[str, Any]:
    texts = folder / "texts"
    shutil.rmtree(texts, ignore_errors=True)
    texts.mkdir()
    for name, content in files.items():
        (texts / name).write_text(content)
    return {"source": "text:texts/*.txt", "context": CONTEXT}


def _write(file: Path, content: str) -> None:
    file.write_text(content)


def _bytes(workshop: Workshop, content: bytes) -> Path:
    (workshop.folder / "wrong.toml").write_bytes(content)
    return workshop.folder / "wrong.toml"


def _lose_the_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def _say_one_layer(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_layer": 1}))


def _be_hollow(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"")


def _break_the_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("{}")


def _bad_line(folder: Path) -> dict[str, Any]:
    lines = [json.dumps({"text": "some words"})] * 2000
    (folder / "late.jsonl").write_text("\n".join([*lines, '{"text": "cut']))
    return {"source": "jsonl:late.jsonl", "context": CONTEXT}


def _other_weights(workshop: Workshop) -> Path:
    other = workshop.model("other", lambda f: _change_weights(f, lambda w: w["transformer.ln_f.bias"].add_(1.0)))
    return workshop.study(other | {"name": "b"})


MODEL = '[[models]]\nname = "a"\npath = "a"\n'

# What is wrong, the study that has it, and a pattern of what the line says.
CASES: dict[str, tuple[Callable[[Workshop], Path], str]] = {
    "no study": (lambda w: w.folder / "nowhere.toml", r"there is no study at .*nowhere\.toml"),
    "a folder as study": (lambda w: w.folder, "cannot be read"),
    "malformed": (lambda w: w.text('name = "x'), "not valid TOML"),
    "not text": (lambda w: _bytes(w, b"\xff\xfe\x00"), "cannot be read as text"),
    "no models": (lambda w: w.text('name = "x"\n'), "models is missing"),
    "no name": (lambda w: w.text(MODEL), "name is missing"),
    "unknown key": (lambda w: w.text(f'name = "x"\n[corpus]\nsource = "python-stdlib"\ntoken = 5\n{MODEL}'),
                    r"unknown key 'corpus\.token'; did you mean 'tokens'\?"),
    "unknown section": (lambda w: w.text(f'name = "x"\n[corpora]\nsource = "x"\n{MODEL}'),
                        r"unknown key 'corpora'; did you mean 'corpus'\?"),
    "unknown key far from any": (lambda w: w.text(f'name = "x"\n[device]\nzz = 1\n{MODEL}'), "known here: name, dtype"),
    "wrong type": (lambda w: w.study(corpus=STDLIB | {"tokens": "many"}), r"corpus\.tokens = 'many'"),
    "negative tokens": (lambda w: w.study(corpus=STDLIB | {"tokens": -1}), r"corpus\.tokens = -1"),
    "unknown source": (lambda w: w.study(corpus={"source": "ftp:somewhere"}), "write python-stdlib, text:GLOB"),
    "unknown rule": (lambda w: w.study(pairs={"rule": "some"}), "write seeds, all, consecutive"),
    "a pair of three": (lambda w: w.study(pairs={"rule": [["a", "a", "a"]]}), "a list of two names"),
    "a pair with itself": (lambda w: w.study(pairs={"rule": [["a", "a"]]}), "two different models"),
    "a pair with a stranger": (lambda w: w.study(pairs={"rule": [["a", "z"]]}), "'z', which is none of the study's"),
    "a stranger as reference": (lambda w: w.study(pairs={"rule": "reference:z"}), "'z', which is none of the study's"),
    "steps without a place": (lambda w: w.study(entry("s", "b", steps=[1, 2])), r"steps needs \{step\}"),
    "step and steps": (lambda w: w.study(entry("s", "b{step}", step=1, steps=[1])), "step or steps, not both"),
    "one name twice": (lambda w: w.study(entry("a", "b")), "'a' stands twice"),
    "one name twice by steps": (lambda w: w.study(entry("s", "{step}", steps=[1, 1])), "'s@1' stands twice"),
    "no such folder": (lambda w: w.study(entry("m", w.folder / "lost")), "model m: there is no folder"),
    "a folder that is no model": (lambda w: w.study(w.model("bare", lambda f: (f / "config.json").unlink())),
                                  "no config.json"),
    "a broken config": (lambda w: w.study(w.model("jsonless", lambda f: _write(f / "config.json", "{"))),
                        "not valid JSON"),
    "a revision of a folder": (lambda w: w.study(entry("r", w.folder / "b", revision="main")), "revision is for hub"),
    "cut weights": (lambda w: w.study(w.model("cut", _cut)), "model cut: .* is cut or damaged"),
    "no weights": (lambda w: w.study(w.model("empty", lambda f: (f / "model.safetensors").unlink())),
                   "model empty: .* has no weights"),
    "a missing tensor": (lambda w: w.study(w.model("partial", _lose_a_tensor)),
                         r"model partial: .* lacks weights \(transformer\.h\.1\.mlp\.c_fc\.weight\)"),
    "a config for fewer layers": (lambda w: w.study(w.model("short", _say_one_layer)), "model short: config"),
    "an empty file of weights": (lambda w: w.study(w.model("hollow", _be_hollow)), "model hollow: .* cannot be loaded"),
    "a broken index": (lambda w: w.study(w.model("indexed", _break_the_index)), "model indexed: .* no index"),
    "a bad line late": (lambda w: w.study(corpus=_bad_line(w.folder)), "cannot be read as jsonl|is damaged"),
    "NaN weights": (lambda w: w.study(w.model("nan", _put_a_nan)), r"model nan: transformer\.h\.1\.mlp\.c_fc\.weight"),
    "infinite weights": (lambda w: w.study(w.model("inf", _be_infinite)), "model inf: .* NaN or infinite"),
    "no MLPs": (lambda w: w.study(w.model("flat", _take_the_layers)), "model flat.*MLP"),
    "no tokenizer": (lambda w: w.study(w.model("mute", _lose_the_tokenizer)), "model mute: .*tokenizer"),
    "two tokenizers": (lambda w: w.study(w.model("foreign", _change_the_tokenizer)),
                       "tokenizers of a and foreign differ"),
    "a name for other weights": (_other_weights, "'b' stands for other weights"),
    "a context too long": (lambda w: w.study(corpus=STDLIB | {"context": 2 * CONTEXT}), "longer than model a can read"),
    "no such text": (lambda w: w.study(corpus={"source": "text:none/*.txt"}), "no file matches"),
    "empty texts": (lambda w: w.study(corpus=_text(w.folder, {"1.txt": "", "2.txt": ""})), "holds no text"),
    "less than a row": (lambda w: w.study(corpus=_text(w.folder, {"1.txt": "a = 1"})), "less than one row of 32"),
    "fewer tokens than asked for": (
        lambda w: w.study(corpus=_text(w.folder, {"1.txt": "x = 1\n" * 99}) | {"tokens": 10**6}),
        "fewer than the 1000000 asked for"),
    "no such records": (lambda w: w.study(corpus={"source": "jsonl:none.jsonl"}), "there is no file .*none.jsonl"),
    "a device that is not here": (lambda w: w.study(device={"name": "abacus"}), "not on this machine"),
    "too little memory": (lambda w: w.study(entry("b", w.folder / "b", seed=2), device={"memory": 1e-6}),
                          r"need .* allowed: .*raise \[device\] memory"),
    "no memory": (lambda w: w.study(device={"memory": 0}), r"device\.memory = 0"),
    "an unknown method": (lambda w: w.study(measure={"correlation": "rough"}), r"measure\.correlation = 'rough'"),
    "an unknown floor": (lambda w: w.study(measure={"floors": ["shift", "shifts"]}), r"measure\.floors.* = 'shifts'"),
    "a floor twice": (lambda w: w.study(measure={"floors": ["twin", "twin"]}), r"measure\.floors: name each one once"),
    "an unknown site": (lambda w: w.study(measure={"sites": ["mlp", "attention"]}), r"measure\.sites.* = 'attention'"),
    "a site twice": (lambda w: w.study(measure={"sites": ["mlp", "mlp"]}), r"measure\.sites: name each one once"),
    "no site": (lambda w: w.study(measure={"sites": []}), r"measure\.sites"),
    "an unknown validation": (lambda w: w.study(measure={"validation": ["thirds"]}), r"measure\.validation.* = 'thirds'"),
    "uneven buckets": (lambda w: w.study(measure={"sketch": {"buckets": 1000}}), r"sketch\.buckets = 1000: .*multiple of 16"),
    "few buckets": (lambda w: w.study(measure={"sketch": {"buckets": 128}}), r"sketch\.buckets = 128: .*256"),
    "a negative window": (lambda w: w.study(pairs={"depth_window": -0.1}), r"pairs\.depth_window = -0\.1"),
    "a window above 1": (lambda w: w.study(pairs={"depth_window": 1.5}), r"pairs\.depth_window = 1\.5"),
    "a window of words": (lambda w: w.study(pairs={"depth_window": "near"}), r"pairs\.depth_window = 'near'"),
    "no pilot": (lambda w: w.study(measure={"pilot": {"tokens": 0}}), r"pilot\.tokens = 0"),
    "no candidates": (lambda w: w.study(measure={"pilot": {"candidates": 0}}), r"pilot\.candidates = 0"),
    "a misspelt key of the sketch": (lambda w: w.study(measure={"sketch": {"bucket": 512}}),
                                     r"'measure\.sketch\.bucket'; did you mean 'buckets'\?"),
    "a seed beyond all numbers": (lambda w: w.study(measure={"sketch": {"seed": 2**63}}), r"sketch\.seed"),
    "state of no size": (lambda w: w.study(measure={"keep_state": -1}), r"measure\.keep_state = -1"),
}  # fmt: skip


def run_here(arguments: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ended:
    """The command line in this process: imports are made once for all cases."""
    monkeypatch.setattr(sys, "argv", ["neurons", *map(str, arguments)])
    capsys.readouterr()
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    printed = capsys.readouterr()
    return Ended(code, printed.out, printed.err)


@pytest.mark.parametrize("case", CASES)
def test_refused_with_an_untouched_warehouse(
    workshop: Workshop, case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, pattern = CASES[case]
    study = make(workshop)
    before = file_hash(workshop.warehouse)
    line = one_line_of_refusal(run_here(["ingest", study, "--warehouse", workshop.warehouse], capsys, monkeypatch))
    assert re.search(pattern, line), line
    assert file_hash(workshop.warehouse) == before
    assert {path.name for path in workshop.warehouse.parent.iterdir()} <= {
        "neurons.duckdb", "neurons.duckdb.state", "corpora",
    }  # fmt: skip
    assert not [path for path in workshop.warehouse.parent.rglob("*") if path.name.startswith(".")]


def test_a_site_that_a_model_lacks_is_refused(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # No small model of ours has attention without one output projection.
    monkeypatch.setattr("ingest.subject.bridge._heads", lambda *_: (None, None))
    study = workshop.study(entry("b", workshop.folder / "b", seed=2), measure={"sites": ["mlp", "head_z"]})
    line = one_line_of_refusal(run_here(["ingest", study, "--warehouse", tmp_path / "new.duckdb"], capsys, monkeypatch))
    assert re.search("model a has no site head_z: .*leave head_z out of sites", line), line
    assert not (tmp_path / "new.duckdb").exists()


@pytest.mark.parametrize("case", ["unknown key", "cut weights", "NaN weights", "less than a row"])
def test_refused_before_there_is_a_warehouse(workshop: Workshop, case: str, tmp_path: Path) -> None:
    make, pattern = CASES[case]
    ended = neurons("ingest", make(workshop), "--warehouse", tmp_path / "new" / "neurons.duckdb")
    assert re.search(pattern, one_line_of_refusal(ended))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and "corpora" not in path.parts] == []


def test_a_file_that_is_no_database(workshop: Workshop, tmp_path: Path) -> None:
    study = workshop.folder / "sound.toml"
    for content in (b"a text, and a long one: " * 1000, b"short", b""):
        file = tmp_path / "neurons.duckdb"
        file.write_bytes(content)
        for command in (["ingest", study], ["build"], ["status"], ["sql", "-c", "select 1"]):
            ended = forked(*command, "--warehouse", file, scratch=tmp_path / "printed")
            one_line_of_refusal(ended)
            assert file.read_bytes() == content, command


def test_wrong_words_on_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["ingest"], ["ingest", "a", "b"], ["digest"], ["ingest", "--no-such-option", "x"]):
        one_line_of_refusal(run_here(list(arguments), capsys, monkeypatch))


def test_a_wrong_study_is_refused_without_importing_torch(workshop: Workshop) -> None:
    program = (
        "import json, sys\n"
        "from ingest.cli import main\n"
        "sys.argv = ['neurons', 'ingest', sys.argv[1]]\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n"
        "    print(json.dumps([stop.code, 'torch' in sys.modules, 'transformers' in sys.modules]))\n"
    )
    for case in ("no study", "malformed", "unknown key", "one name twice", "a pair with a stranger"):
        study = CASES[case][0](workshop)
        done = subprocess.run(
            [sys.executable, "-c", program, str(study)], capture_output=True, text=True, check=True, timeout=60
        )
        assert json.loads(done.stdout) == [2, False, False], case
