"""GPT2-small's shape with random weights: two models, one draw, little text; exact and sketched within 12 GiB."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from ingest.settings import DEMO_MODELS

TOKENS, CONTEXT = 4_096, 512
N_NEURONS = 12 * 3_072
MEMORY_GB = 9.0
LIMIT = 12 * 1024**3

_STUDY = """
name = "{method}"
[corpus]
source = "python-stdlib"
part = "held-out"
tokens = {tokens}
context = {context}
[pairs]
rule = "all"
[measure]
moments = false
correlation = "{method}"
sketch = {{ buckets = 1024 }}
baseline = {{ draws = 1 }}
keep_state = 0
[device]
name = "{device}"
memory = {memory}
"""


def save_models(folder: Path) -> None:
    """Two GPT2-smalls with random weights as Hugging Face folders, with the demo models' tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(sorted((DEMO_MODELS / "demo-1").iterdir())[-1])
    for seed in (1, 2):
        torch.manual_seed(seed)
        GPT2LMHeadModel(
            GPT2Config(bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
        ).save_pretrained(folder / f"small-{seed}")
        tokenizer.save_pretrained(folder / f"small-{seed}")


def product_rate(device: str) -> float:
    """FLOPs per second of one large matrix product in the precision of the sums."""
    dtype = torch.float16 if device == "cuda" else torch.float32
    size = 8_192 if device == "cuda" else 4_096
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return _best_rate(lambda: torch.mm(left, right), 2.0 * size**3, device)


def update_rate(device: str, tokens: int) -> float:
    """FLOPs per second of exact sums between one layer of GPT2-small and all layers of another one."""
    from ingest.measure.correlation import CrossMoments, Shape, Tile

    dtype = torch.float16 if device == "cuda" else torch.float32
    shape = Shape(12, 3_072)
    cross = CrossMoments([Tile(0, 1, 0, 0, 12)], [shape, shape], device)
    z = {p: torch.randn(tokens, N_NEURONS, device=device).to(dtype) for p in (0, 1)}
    return _best_rate(lambda: cross.update(z), 2.0 * tokens * 3_072 * N_NEURONS, device)


def _best_rate(work: Any, flops: float, device: str) -> float:
    best = 0.0
    for _ in range(4):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = max(best, flops / (time.perf_counter() - started))
    return best


def run(folder: Path, *, device: str) -> dict[str, Any]:
    """Ingest both ways in processes of their own; times, peak memory, and the products' share of the ceiling."""
    device = "cuda" if torch.cuda.is_available() and device != "cpu" else "cpu"
    ceiling = product_rate(device)
    found: dict[str, Any] = {
        "mm_gflops": ceiling / 1e9,
        "update_share": update_rate(device, 16_384 if device == "cuda" else 2_048) / ceiling,
    }
    save_models(folder)
    for method in ("exact", "sketch"):
        text = _STUDY.format(method=method, tokens=TOKENS, context=CONTEXT, device=device, memory=MEMORY_GB)
        for seed in (1, 2):
            text += f'[[models]]\nname = "small-{seed}"\npath = "small-{seed}"\nseed = {seed}\n'
        study, warehouse = folder / f"{method}.toml", folder / f"{method}.duckdb"
        study.write_text(text)
        started = time.perf_counter()
        command = [Path(sys.executable).with_name("neurons"), "ingest", study, "--warehouse", warehouse]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
        with duckdb.connect(str(warehouse), read_only=True) as con:
            ((peak, passes),) = con.execute("select peak_memory, n_passes from raw.runs").fetchall()
            ((n_bests,),) = con.execute("select count(*) from raw.bests").fetchall()
        found[method] = {
            "seconds": time.perf_counter() - started,
            "peak_gib": peak / 1024**3,
            "within_12_gib": peak <= LIMIT,
            "n_passes": passes,
            "n_bests": n_bests,
        }
        warehouse.unlink()
    return found
