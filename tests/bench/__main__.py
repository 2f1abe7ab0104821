"""`make bench`: everything as ratios measured side by side in one run; results as a table and as JSON in docs/."""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch

from ingest.settings import ROOT
from tests.bench import demo_shape, experiments, explorer, growth, large_vocabulary, paper_scale, shares

DOCS = ROOT / "docs"
TARGETS = {"sketch": 1.3, "refined": 2.5, "profile": 2.5}


def main() -> None:
    """Measure, print, and write docs/benchmarks.json and docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads; default: all cores")
    parser.add_argument("--tokens", type=int, default=600_000, help="larger size of the demo study")
    say = partial(print, flush=True)
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "demo": lambda folder: demo_shape.run(
            folder, tokens=given.tokens, device=given.device, threads=given.threads, say=say
        ),
        "gpt2_small": lambda folder: paper_scale.run(folder, device=given.device),
        "profiles": lambda folder: large_vocabulary.run(folder, device=given.device),
        "experiments": lambda folder: experiments.run(folder, device=given.device, threads=given.threads),
        "shares": lambda folder: shares.run(folder, say=say),
        "growth": lambda folder: growth.run(folder, say=say),
        "explorer": lambda folder: explorer.run(given.keep or folder, say=say),
    }
    parser.add_argument(
        "--part", choices=parts, help="only this one: studies, their profiles, workers, builds, or pages"
    )
    parser.add_argument("--keep", type=Path, help="folder in which the explorer's large warehouse stays")
    given = parser.parse_args()
    machine = _machine()
    for name in (given.part,) if given.part else parts:
        with tempfile.TemporaryDirectory() as scratch:
            _keep(machine, name, parts[name](Path(scratch)))
    print((DOCS / "benchmarks.md").read_text())


def _keep(machine: str, part: str, found: dict[str, Any]) -> None:
    """Put one part's results in the place of the last ones of such a machine."""
    file = DOCS / "benchmarks.json"
    everything = json.loads(file.read_text()) if file.exists() else {}
    of_kind = everything.setdefault("cuda" if "CUDA" in machine else "cpu", {})
    of_kind[part] = found | {"machine": machine, "date": datetime.now(UTC).date().isoformat()}
    file.write_text(json.dumps(everything, indent=2) + "\n")
    page = "# Benchmarks\n\nWritten by `make bench`; ratios are to the bare forward passes of the same models.\n"
    (DOCS / "benchmarks.md").write_text(page + "".join(table(result) for result in everything.values()))


def _machine() -> str:
    if torch.cuda.is_available():
        return f"CUDA, {torch.cuda.get_device_name()}"
    cores, memory = psutil.cpu_count(logical=False), psutil.virtual_memory().total / 1024**3
    return f"{cores} cores, {platform.machine()}, {memory:.0f} GiB, Python {platform.python_version()}"


def table(found: dict[str, Any]) -> str:
    """The results of one machine as Markdown."""
    demo = found["demo"]
    lines = [
        "",
        f"## {demo['machine']}, {demo['date']}",
        "",
        f"Demo study (5 models, 10 pairs both ways, 5 rotations): slope of the time over {demo['tokens_between']:,} "
        f"tokens; the forward passes alone read {demo['forward_tokens_per_s']:,.0f} tokens/s.",
        "",
        "| way | ratio to forward | target | pilot, s | selections, s | cost model / measured |",
        "|---|---|---|---|---|---|",
    ]
    for name, ratio in demo["ratio"].items():
        target = TARGETS.get(name, "")
        predicted = demo["predicted"].get(name)
        lines.append(
            f"| {name} | {ratio:.2f} | {target} | {demo['before_s'].get(name, 0):.1f} | "
            f"{demo['after_s'].get(name, 0):.1f} | {format(predicted['ratio'], '.2f') if predicted else ''} |"
        )
    lines += ["", "What the profile is made of, as ratios: " + _ratios(demo.get("profile", {})) + "."]
    lines += ["", "| against exact | excess bias | excess sd | best within 1e-3 | Jaccard |", "|---|---|---|---|---|"]
    for name, error in demo["accuracy"].items():
        lines.append(
            f"| {name} | {error['excess_bias']:.5f} | {error['excess_sd']:.5f} | {error['best_within_1e-3']:.5f} | "
            f"{error['jaccard']:.3f} |"
        )
    if small := found.get("gpt2_small"):
        lines += [
            "",
            f"GPT2-small's shape: one large `torch.mm` does {small['mm_gflops']:,.0f} GFLOP/s, the exact sums "
            f"{100 * small['update_share']:.0f}% of it (target 70%).",
            "",
            f"| {paper_scale.TOKENS:,} tokens, 2 models, 1 draw | seconds | peak GiB | passes |",
            "|---|---|---|---|",
        ]
        for name in ("exact", "sketch"):
            way = small[name]
            lines.append(f"| {name} | {way['seconds']:.0f} | {way['peak_gib']:.1f} | {way['n_passes']} |")
    if large := found.get("profiles"):
        lines += [
            "",
            f"Profiles at GPT2-small's shape with {large_vocabulary.N_IDS:,} ids, slope over "
            f"{large['tokens_between']:,} tokens:",
            f"{sum(large['ratio'].values()):.2f} forward passes (target 0.5): {_ratios(large['ratio'])}; peak",
            f"{large['peak'] / 1024**3:.1f} GiB (target 8); {large['bytes_per_neuron']:,.0f} bytes of the warehouse "
            "per neuron (target 20,000).",
        ]
    if shared := found.get("shares"):
        took, share, write, n = shared["seconds"], shared["share_s"], shared["write_s"], shared["shares"]
        lines += [
            "",
            f"The demo study on a local Ray, workers of one core: {took['1']:.0f} s with one ({n['1']} shares), "
            f"{took['2']:.0f} s with two ({n['2']}), efficiency {100 * shared['efficiency']:.0f}% (target "
            f"{100 * shares.EFFICIENCY:.0f}%). A model alone takes {share['model']:.1f} s, a pair alone "
            f"{share['pair']:.1f} s, {shared['beside_s']:.1f} s while an unrelated process computes the same. "
            "With as many neurons as "
            f"GPT2-small has, {write['model']:.1f} and {write['pair']:.1f} s to write: simulated with "
            f"{shares.WORKERS} workers of an H200 each, ten GPT2-smalls and 100 M tokens, the writer takes "
            f"{100 * shared['driver_share']:.1f}% of the time (target {100 * shares.DRIVER:.0f}%).",
        ]
    if asked := found.get("experiments"):
        lines += ["", "| experiment on demo-1 | edited passes | ratio to forward | per pass |", "|---|---|---|---|"]
        for name, cost in asked["ratio"].items():
            each = cost["ratio"] / cost["edits"]
            lines.append(f"| {name} | {cost['edits']} | {cost['ratio']:.1f} | {each:.2f} |")
        deletion = asked["deletion"]
        lines += [
            "",
            f"GPT2-small's shape, each of its {deletion['n_edits']} layers left out, {experiments.DELETION_TOKENS:,} "
            f"tokens: {deletion['seconds']:.0f} s with the loading, peak {deletion['peak_gib']:.1f} GiB.",
        ]
    if grown := found.get("growth"):
        lines += ["", growth.sentence(grown)]
    if pages := found.get("explorer"):
        lines += _pages(pages)
    return "\n".join(lines) + "\n"


def _pages(found: dict[str, Any]) -> list[str]:
    """What the explorer takes."""
    lines = [
        "",
        f"The explorer on {found['n_neurons']:,} neurons with 50 partners per pair ({found['gigabytes']:.1f} GB): the "
        f"first page of all in {found['opening_s']:.1f} s; queries behind a click, 95th percentile of all, "
        f"{1000 * found['queries_p95_of_all_s']:.0f} ms (target {1000 * explorer.QUERIES_S:.0f}); memory at its peak "
        f"{found['peak_gib']:.2f} GiB (target {explorer.MEMORY_GIB:.0f}).",
        "",
        f"| page | first run, s (target {explorer.PAINT_S:.0f}) | clicks | queries, median ms | 95% ms |",
        "|---|---|---|---|---|",
    ]
    for page, seconds in found["paint_s"].items():
        half, most = (format(1000 * found[f"queries_p{q}_s"].get(page, 0.0), ".0f") for q in (50, 95))
        lines.append(f"| {page} | {seconds:.2f} | {found['clicks'][page]} | {half} | {most} |")
    return lines


def _ratios(ratio: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in sorted(ratio.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    main()
