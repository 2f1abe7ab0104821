"""Load the plain Hugging Face model for the mass passes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from ingest.errors import InputError, first_line
from ingest.subject.sites import Sites

# Buffers and tied weights that older files carry along.
_HARMLESS = (
    ".attn.bias",
    ".attn.masked_bias",
    ".attention.bias",
    ".masked_bias",
    "inv_freq",
    "position_ids",
    "lm_head.weight",
)


def load_network(name: str, folder: Path, *, n_ids: int) -> nn.Module:
    """The plain model in float32 on the CPU, in evaluation mode.

    Args:
        name: of the model, for messages.
        folder: its files.
        n_ids: ids that its tokenizer has.

    Raises:
        InputError: if the files cannot make one, or some of its weights are missing or not finite.
    """
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    except (OSError, ValueError, KeyError, RuntimeError, EOFError, UnpicklingError) as error:
        raise InputError(f"model {name}: {folder} cannot be loaded: {first_line(error)}") from None
    network, report = loaded
    # A weight that no file has would be drawn at random without a word.
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise InputError(f"model {name}: {folder} lacks weights ({', '.join(missing[:3])}): copy a complete model")
    # And one that the model has no place for says that the config is another model's.
    if unused := sorted(key for key in report["unexpected_keys"] if not key.endswith(_HARMLESS)):
        raise InputError(f"model {name}: config.json has no place for the weights {', '.join(unused[:3])}: correct it")
    known = network.get_input_embeddings().num_embeddings
    if n_ids > known:
        raise InputError(f"model {name}: its tokenizer has {n_ids} ids, it knows {known}: put its own tokenizer there")
    for key, parameter in network.named_parameters():
        if not torch.isfinite(parameter).all():
            raise InputError(f"model {name}: {key} holds NaN or infinite weights: this is no trained model")
    plain: nn.Module = network.eval()
    return plain


def weights_hash(network: nn.Module) -> str:
    """sha256 of all parameters' float32 values, in the order of their names."""
    digest = hashlib.sha256()
    for key, parameter in sorted(network.named_parameters()):
        digest.update(f"{key} {tuple(parameter.shape)}\0".encode())
        digest.update(parameter.detach().to(torch.float32).contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


def default_family(config: dict[str, Any], sites: Sites) -> str:
    """Models of one architecture and shape, where the study names no family."""
    return f"{config.get('model_type', 'model')}-{sites.n_layers}x{sites.d_model}x{sites.d_mlp}"
