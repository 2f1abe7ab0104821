"""Wrong input: one line that says what is wrong, exit code 2, and a warehouse as it was."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tests.ingest.workshop import STDLIB, Cases, Workshop, assert_refused, run_here
from tests.support.commands import forked, one_line_of_refusal
from tests.support.small_models import CONTEXT, save, small_gpt2
from tests.support.studies import entry


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

CASES: Cases = {
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
    "a range of steps without its end": (lambda w: w.study(entry("s", "{step}", steps={"from": 1, "every": 2})),
                                         "a range has three whole numbers: { from"),
    "a range of parts of steps": (lambda w: w.study(entry("s", "{step}", steps=[{"from": 0, "to": 1, "every": 0.5}])),
                                  "a range has three whole numbers: { from"),
    "a range backwards": (lambda w: w.study(entry("s", "{step}", steps={"from": 9, "to": 1, "every": 1})),
                          r"models\.1\.steps: there are no steps from 9 to 1 every 1"),
    "a range that stands still": (lambda w: w.study(entry("s", "{step}", steps={"from": 1, "to": 9, "every": 0})),
                                  "there are no steps from 1 to 9 every 0"),
    "a range past its end": (lambda w: w.study(entry("s", "{step}", steps={"from": 1, "to": 10, "every": 2})),
                             "end at 9: write that"),
    "a range of too many steps": (lambda w: w.study(entry("s", "{step}", steps={"from": 0, "to": 10**9, "every": 1})),
                                  "are 1000000001, more than 100000"),
    "steps as reference": (
        lambda w: w.study(entry("s", "{step}", steps=[1, 2]), pairs={"rule": "reference:s"}), "a step of it, s@1"),
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
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused_with_an_untouched_warehouse(
    workshop: Workshop, case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused(workshop, CASES[case], capsys, monkeypatch)


@pytest.mark.parametrize("case", ["unknown key", "cut weights", "NaN weights", "less than a row"])
def test_refused_before_there_is_a_warehouse(workshop: Workshop, case: str, tmp_path: Path) -> None:
    make, pattern = CASES[case]
    warehouse = tmp_path / "new" / "neurons.duckdb"
    ended = forked("ingest", make(workshop), "--warehouse", warehouse, scratch=workshop.folder / "printed")
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
