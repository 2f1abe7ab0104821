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

TOKENS, CONTEXT, ROWS = 16_384, 512, 8
N_IDS, N_NEURONS = 50_257, 12 * 3_072
LIMIT = 8 * 1024**3

_STUDY = f"""
name = "large-vocabulary"
[corpus]
source = "python-stdlib"
tokens = {TOKENS}
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
    """Ingest with and without profiles in processes of their own.

    Returns:
        Ratios of each kind of work to the bare forward passes, peak memory, bytes of the warehouse per neuron.
    """
    save_model(folder / "small")
    found: dict[str, Any] = {}
    for features in ("false", "true"):
        study, warehouse = folder / f"features-{features}.toml", folder / f"features-{features}.duckdb"
        study.write_text(_STUDY.format(features=features, device=device))
        command = [sys.executable, "-m", "tests.bench.large_vocabulary", study, warehouse]
        ended = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
        found[features] = json.loads(ended.stdout.splitlines()[-1])
    grown = found["true"].pop("warehouse_bytes") - found["false"]["warehouse_bytes"]
    whole: dict[str, Any] = found["true"]
    return whole | {"bytes_per_neuron": grown / N_NEURONS, "within_8_gib": whole["peak"] <= LIMIT}


def measured(study: Path, warehouse: Path) -> dict[str, Any]:
    """One ingest and build in this process, and the bare forward passes after it."""
    with timed_work() as spent:
        for words in (["ingest", str(study)], ["build"]):
            cli([*words, "--warehouse", str(warehouse)], standalone_mode=False)
    with duckdb.connect(str(warehouse), read_only=True) as con:
        ((peak, device),) = con.execute("select peak_memory, device from raw.runs").fetchall()
    forward = _forward_seconds(study.parent / "small", device)
    return {
        "hooked_ratio": spent.pop(FORWARD) / forward,
        "ratio": {name: seconds / forward for name, seconds in spent.items()},
        "forward_s": forward,
        "peak": peak,
        "warehouse_bytes": warehouse.stat().st_size,
    }


def _forward_seconds(folder: Path, device: str) -> float:
    keep_freed_memory()
    whole: Any = AutoModelForCausalLM.from_pretrained(folder)
    network = whole.to(device).eval().base_model
    ids = torch.randint(N_IDS, (ROWS, CONTEXT), device=device)
    with torch.no_grad():
        network(input_ids=ids, use_cache=False)
        started = time.perf_counter()
        for _ in range(TOKENS // ids.numel()):
            network(input_ids=ids, use_cache=False)
        if device.startswith("cuda"):
            torch.cuda.synchronize()
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]), Path(sys.argv[2]))))
