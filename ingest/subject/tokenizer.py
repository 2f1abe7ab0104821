"""The tokenizer of a model's folder."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from ingest.corpus.strata import Vocabulary, vocabulary
from ingest.errors import InputError, first_line


def load_tokenizer(name: str, folder: Path) -> Vocabulary:
    """Load a tokenizer.

    Raises:
        InputError: if there is none, or only one without a fast version.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"model {name}: no tokenizer in {folder}: {first_line(error)}") from None
    if not tokenizer.is_fast:
        raise InputError(f"model {name}: its tokenizer has no tokenizer.json: save it as a fast tokenizer")
    found = vocabulary(
        tokenizer.backend_tokenizer,
        bos=tokenizer.bos_token_id,
        eos=tokenizer.eos_token_id,
        pad=tokenizer.pad_token_id,
    )
    # Where a folder has no tokenizer, transformers makes one that knows no text.
    if found.size <= len(found.special):
        raise InputError(f"model {name}: no tokenizer in {folder}: copy its tokenizer files there")
    return found
