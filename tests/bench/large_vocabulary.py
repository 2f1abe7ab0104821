"""GPT2-small's shape with 50,257 token ids: what profiles cost in time, in memory and in bytes of the warehouse."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from ingest.allocator import keep_freed_memory
from ingest.cli import cli
from ingest.corpus.stdlib import stdlib_files
from tests.bench.parts_of_passes import FORWARD, timed_work

# The time is the slope between two sizes: in a short text every row is among the largest examples so far.
SMALLER, LARGER = 16_384, 65_536
CONTEXT, ROWS = 512, 8
N_IDS, N_NEURONS = 50_257, 12 * 3_072
LIMIT = 8 * 1024**3
# Forward passes that are timed.
_TIMES = 4

_STUDY = f"""
name = "large-vocabulary"
[corpus]
source = "python-stdlib"
tokens = {{tokens}}
context = {CONTEXT}
syntax = "python"
[measure]
correlation = "off"
features = {{features}}
keep_state = 0
[device]
name = "{{device}}"
batch_rows = {ROWS}
[[models]]
name = "small"
path = "small"
seed = 1
"""


def save_model(folder: Path) -> None:
    """A GPT2-small with random weights, and a byte-level BPE of as many ids as GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=N_IDS,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((file.read_text(errors="ignore") for _, file in stdlib_files("all")), trainer)
    assert tokenizer.get_vocab_size() == N_IDS
    end = "<|endoftext|>"
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=end, eos_token=end).save_pretrained(folder)
    torch.manual_seed(1)
    GPT2LMHeadModel(GPT2Config(vocab_size=N_IDS, bos_token_id=0, eos_token_id=0)).save_pretrained(folder)


def run(folder: Path, *, device: str) -> dict[str, Any]:
    """Ingest with and without profiles, less and more text, in processes of their own.

    Returns:
        Ratios of each kind of work to the bare forward passes, peak memory, bytes of the warehouse per neuron.
    """
    save_model(folder / "small")
    found: dict[tuple[bool, int], dict[str, Any]] = {}
    for has_features, tokens in ((False, SMALLER), (True, SMALLER), (True, LARGER)):
        name = f"{has_features}-{tokens}"
        study, warehouse = folder / f"{name}.toml", folder / f"{name}.duckdb"
        study.write_text(_STUDY.format(features=str(has_features).lower(), tokens=tokens, device=device))
        command = [sys.executable, "-m", "tests.bench.large_vocabulary", study, warehouse]
        ended = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
        found[has_features, tokens] = json.loads(ended.stdout.splitlines()[-1])
    without, less, more = found.values()
    forward = more["forward_s_per_token"] * (LARGER - SMALLER)
    ratio = {name: (more["spent"][name] - less["spent"][name]) / forward for name in more["spent"]}
    return {
        "hooked_ratio": ratio.pop(FORWARD),
        "ratio": ratio,
        "forward_s_per_token": more["forward_s_per_token"],
        "tokens_between": LARGER - SMALLER,
        "peak": more["peak"],
        "bytes_per_neuron": (less["warehouse_bytes"] - without["warehouse_bytes"]) / N_NEURONS,
        "within_8_gib": more["peak"] <= LIMIT,
    }


def measured(study: Path, warehouse: Path) -> dict[str, Any]:
    """One ingest and build in this process, and bare forward passes after it."""
    with timed_work() as spent:
        for words in (["ingest", str(study)], ["build"]):
            cli([*words, "--warehouse", str(warehouse)], standalone_mode=False)
    with duckdb.connect(str(warehouse), read_only=True) as con:
        ((peak, device),) = con.execute("select peak_memory, device from raw.runs").fetchall()
    return {
        "spent": spent,
        "forward_s_per_token": _forward_seconds(study.parent / "small", device),
        "peak": peak,
        "warehouse_bytes": warehouse.stat().st_size,
    }


def _forward_seconds(folder: Path, device: str) -> float:
    """Per token."""
    keep_freed_memory()
    whole: Any = AutoModelForCausalLM.from_pretrained(folder)
    network = whole.to(device).eval().base_model
    ids = torch.randint(N_IDS, (ROWS, CONTEXT), device=device)
    with torch.no_grad():
        network(input_ids=ids, use_cache=False)
        started = time.perf_counter()
        for _ in range(_TIMES):
            network(input_ids=ids, use_cache=False)
        if device.startswith("cuda"):
            torch.cuda.synchronize()
    return (time.perf_counter() - started) / (_TIMES * ids.numel())


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]), Path(sys.argv[2]))))
