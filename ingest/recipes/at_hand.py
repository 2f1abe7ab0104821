"""What a worker has at hand: the token rows, and models, which stay loaded between shares."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
import transformers

from ingest.corpus.store import Manifest, TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.recipes.subjects import Subject, load_subject
from ingest.runs.plan import ARITHMETIC, Plan
from ingest.study import Study
from ingest.subject.locate import locate
from ingest.subject.tokenizer import load_tokenizer

_loaded: dict[str, tuple[Subject, Vocabulary]] = {}
_unpacked: dict[str, tempfile.TemporaryDirectory[str]] = {}


def packed(corpus: Path) -> dict[str, bytes]:
    """A stored corpus, for machines that do not see its folder."""
    return {file.name: file.read_bytes() for file in sorted(corpus.iterdir()) if file.is_file()}


def check_versions(plan: Plan) -> None:
    """Hold what is installed against what the run was planned with.

    Raises:
        InputError: if something differs.
    """
    for name, mine, wanted in (
        ("torch", torch.__version__, plan.torch_version),
        ("transformers", transformers.__version__, plan.transformers_version),
        ("neuron-warehouse's arithmetic", ARITHMETIC, plan.arithmetic),
    ):
        if mine != wanted:
            raise InputError(f"{name} is {mine} there and {wanted} where the run was planned: install the same")


def token_rows(corpus: Path, manifest: Manifest, files: Mapping[str, bytes] | None) -> TokenRows:
    """The token rows, from the driver's folder where this machine sees it.

    Args:
        corpus: that folder.
        manifest: of the token rows.
        files: of the corpus; None where all machines see the folder.

    Raises:
        InputError: if it is not there.
    """
    if (corpus / "manifest.json").exists():
        return TokenRows(corpus, manifest)
    key = manifest.fingerprint
    if key not in _unpacked:
        if files is None:
            raise InputError(f"there is no corpus at {corpus}")
        _unpacked[key] = tempfile.TemporaryDirectory(prefix="neurons-corpus-")
        for name, content in files.items():
            (Path(_unpacked[key].name) / name).write_bytes(content)
    return TokenRows(Path(_unpacked[key].name), manifest)


def open_model(study: Study, plan: Plan, index: int) -> tuple[Subject, Vocabulary]:
    """A model of the study with its tokenizer, loaded once and compared with the one that the run was planned for.

    Raises:
        InputError: if it is not there, or is another one.
    """
    planned, model = plan.models[index], study.checkpoints()[index]
    found = _loaded.pop(planned.weights_hash, None)
    if found is None or found[0].model != model:
        folder = locate(model, study.folder)
        vocabulary = load_tokenizer(model.name, folder)
        # The driver has measured its weights.
        found = load_subject(model, folder, vocabulary, with_rows=False), vocabulary
    if found[0].weights_hash != planned.weights_hash:
        raise InputError(f"model {planned.name} has other weights there than where the run was planned: copy them")
    _loaded[planned.weights_hash] = found
    return found


def unload(needed: set[str], most: int) -> bool:
    """Let go of the models that were used least lately, as long as there are more bytes of them than `most`.

    Returns:
        Whether there was one.
    """
    before = len(_loaded)
    for key in [key for key in _loaded if key not in needed]:
        if sum(_bytes(subject) for subject, _ in _loaded.values()) > most:
            del _loaded[key]
    return len(_loaded) < before


def _bytes(subject: Subject) -> int:
    return sum(p.numel() * p.element_size() for p in subject.network.parameters())
