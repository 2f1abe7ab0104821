"""Models of a few thousand parameters, saved as Hugging Face folders with the demo models' tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, LlamaConfig, Phi3Config

ROOT = Path(__file__).resolve().parents[2]
DEMO_MODELS = ROOT / "warehouse" / "demo"
VOCABULARY = 2048
CONTEXT = 32

_Network = TypeVar("_Network", bound=nn.Module)


def demo_folder(seed: int) -> Path:
    """The last checkpoint of a demo model."""
    return max((DEMO_MODELS / f"demo-{seed}").glob("step-*"))


def copy_tokenizer(folder: Path) -> None:
    """Put the demo models' tokenizer into a model's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in demo_folder(1).glob("tokenizer*"):
        shutil.copy(file, folder)


def save(network: nn.Module, folder: Path) -> Path:
    """Save a network in float32 with the demo models' tokenizer."""
    network.float().save_pretrained(folder)  # type: ignore[operator]
    copy_tokenizer(folder)
    return folder


def small_gpt2(seed: int, *, layers: int = 2, width: int = 16) -> GPT2LMHeadModel:
    """A GPT-2 with random weights, biases included."""
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=width, n_layer=layers, n_head=2,
        bos_token_id=0, eos_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return _randomised(GPT2LMHeadModel(config), seed)


def related_gpt2(seed: int, *, width: int = 16, noise: float = 0.05) -> GPT2LMHeadModel:
    """A GPT-2 whose weights are those of all others but for some noise: its neurons have partners of every strength."""
    network = small_gpt2(0, width=width)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=noise)
    return network


def small_neox(seed: int, *, layers: int = 2) -> nn.Module:
    """A GPT-NeoX: LayerNorm, rotary positions, attention and MLP side by side."""
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=CONTEXT, use_parallel_residual=True, bos_token_id=0, eos_token_id=0,
        hidden_dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip
    network: nn.Module = AutoModelForCausalLM.from_config(config)
    return _randomised(network, seed)


def small_llama(seed: int, *, hidden: int = 40, key_heads: int = 2, layers: int = 2) -> nn.Module:
    """A Llama: RMSNorm, rotary positions, gated MLP without biases; heads may share their keys and values."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2,
        num_key_value_heads=key_heads, intermediate_size=hidden, max_position_embeddings=CONTEXT, bos_token_id=0,
        eos_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    network: nn.Module = AutoModelForCausalLM.from_config(config)
    return _randomised(network, seed)


def small_phi3(seed: int) -> nn.Module:
    """A Phi-3: gate and up projection in one module."""
    config = Phi3Config(
        vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=24, max_position_embeddings=CONTEXT, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    network: nn.Module = AutoModelForCausalLM.from_config(config)
    return _randomised(network, seed)


def random_twin(folder: Path, seed: int) -> nn.Module:
    """A network of the same shape that was never trained."""
    torch.manual_seed(seed)
    network: nn.Module = AutoModelForCausalLM.from_config(GPT2Config.from_pretrained(folder))
    return network


def _randomised(network: _Network, seed: int) -> _Network:
    # Fresh networks have norms of ones and biases of zeros, which would hide a fold that is left out.
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = parameter.ndim == 1 and key.endswith("weight")
            parameter.copy_(1.0 + 0.3 * noise if is_norm else 0.3 * noise)
    return network.eval()
