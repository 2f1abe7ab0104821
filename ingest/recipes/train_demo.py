"""Train the demo models: five small GPT-2s from five seeds on the standard library's source.

Run it as `neurons train-demo`. Every seed is a run of its own that saves its state and goes on from there when it
is started again; with the same seed, device and threads a stopped run ends in the same bits as one that never stopped.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tqdm import tqdm
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from ingest.corpus.sources import Document, open_source
from ingest.corpus.tokenize import encode, with_bos
from ingest.errors import InputError
from ingest.study import Corpus

VOCABULARY = 2_048
CONTEXT = 128
ROWS_PER_STEP = 16
WARM_UP_STEPS = 50
SAVE_EVERY = 250
CHECKPOINTS = (0.64, 0.8, 1.0)
FIRST_CYCLE = 0.8
END_OF_TEXT = "<|endoftext|>"


@dataclass(frozen=True)
class Training:
    """How one demo model is trained.

    Attributes:
        seed: of the initial weights and of the order of the rows.
        tokens: positions seen in all.
        out: folder of the finished models, `<out>/demo-<seed>/step-<7 digits>`.
        state: folder for what a stopped training needs to go on.
        device: torch device.
    """

    seed: int
    tokens: int
    out: Path
    state: Path
    device: str = "cpu"

    @property
    def steps(self) -> int:
        """Optimizer steps in all."""
        return self.tokens // (ROWS_PER_STEP * CONTEXT)

    @property
    def identity(self) -> str:
        """What a saved state must have been trained for."""
        return f"seed {self.seed}, {self.tokens} tokens"

    def checkpoint_steps(self) -> dict[int, Path]:
        """The steps after which the model is saved, with the folder each one goes to."""
        steps = [int(self.steps * share) for share in CHECKPOINTS]
        return {step: self.out / f"demo-{self.seed}" / f"step-{step:07d}" for step in steps}

    @property
    def last_folder(self) -> Path:
        """The finished model."""
        return self.checkpoint_steps()[self.steps]


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary path that takes its name when everything is written: what has the name is complete."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    yield scratch
    scratch.rename(path)


def _training_documents() -> Iterator[Document]:
    source = open_source(Corpus(source="python-stdlib", part="train"), Path())
    return (document for document in source.read() if document is not None)


def demo_tokenizer(state: Path) -> PreTrainedTokenizerFast:
    """The byte-level BPE of the demo models, trained once and kept in `state`."""
    folder = state / "tokenizer"
    if not (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator((d.text for d in _training_documents()), trainer)
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            bos_token=END_OF_TEXT,
            eos_token=END_OF_TEXT,
            unk_token=END_OF_TEXT,
            model_max_length=CONTEXT,
        )
        with _whole(folder) as scratch:
            fast.save_pretrained(scratch)
    saved: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return saved


def training_rows(tokenizer: PreTrainedTokenizerFast, state: Path) -> NDArray[np.uint32]:
    """The train part as rows of BOS and 127 tokens, uint32 (n_rows, 128); kept in `state`."""
    file = state / "rows.npy"
    if not file.exists():
        encoded = encode(tokenizer.backend_tokenizer, _training_documents(), separator=tokenizer.eos_token_id)
        stream = np.concatenate([e.ids for e in encoded])
        with _whole(file) as scratch, scratch.open("wb") as opened:
            np.save(opened, with_bos(stream, context=CONTEXT, bos=tokenizer.bos_token_id))
    rows: NDArray[np.uint32] = np.load(file)
    return rows


def demo_model(seed: int) -> GPT2LMHeadModel:
    """A fresh model of the demo's shape, its weights drawn from the seed."""
    torch.manual_seed(seed)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=CONTEXT,
            n_embd=128,
            n_layer=4,
            n_head=4,
            # The tanh approximation of GPT-2's own gelu_new, computed by one fused kernel.
            activation_function="gelu_pytorch_tanh",
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def learning_rate(step: int, steps: int) -> float:
    """Share of the full rate at a step, in two cycles.

    The first: linear warm-up, constant, linear decay over its second half. The second starts at half the rate and
    decays linearly to the end.
    """
    first = int(steps * FIRST_CYCLE)
    if step < first:
        return min(1.0, (step + 1) / WARM_UP_STEPS, 2.0 * (first - step) / first)
    return 0.5 * (steps - step) / (steps - first)


def _optimizers(model: GPT2LMHeadModel) -> list[torch.optim.Optimizer]:
    """Muon on the matrices inside the blocks, AdamW on embeddings, biases and norms."""
    matrices = [p for p in model.transformer.h.parameters() if p.ndim == 2]
    inside = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in inside]
    return [
        torch.optim.Muon(matrices, lr=0.02, weight_decay=0.05),
        torch.optim.AdamW(rest, lr=3e-3, betas=(0.9, 0.95), weight_decay=0.01, fused=True),
    ]


def _rows_of_step(step: int, seed: int, n_rows: int) -> NDArray[np.int64]:
    """The rows of one step: a fresh shuffle of all rows per epoch, a function of (seed, step) alone."""
    per_epoch = n_rows // ROWS_PER_STEP
    epoch, within = divmod(step, per_epoch)
    order = np.random.default_rng([seed, epoch]).permutation(n_rows)
    return order[within * ROWS_PER_STEP : (within + 1) * ROWS_PER_STEP]


def _save_model(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write an ordinary Hugging Face folder in half precision, complete or not at all."""
    half = GPT2LMHeadModel(model.config)
    half.load_state_dict(model.state_dict())
    with _whole(folder) as scratch:
        half.half().save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)


def train(plan: Training) -> None:
    """Train one seed to the end, from its saved state if there is one.

    Args:
        plan: what to train; folders that exist already are kept.
    """
    # Its bars for the writing of files would break ours.
    transformers_logging.disable_progress_bar()
    plan.state.mkdir(parents=True, exist_ok=True)
    tokenizer = demo_tokenizer(plan.state)
    rows = training_rows(tokenizer, plan.state)
    model = demo_model(plan.seed)
    model.to(torch.device(plan.device))  # type: ignore[arg-type]  # transformers wraps `to` without its types
    optimizers = _optimizers(model)
    rates = [o.param_groups[0]["lr"] for o in optimizers]
    state_file = plan.state / f"demo-{plan.seed}.pt"
    done, loss_mean = 0, math.nan
    if state_file.exists():
        saved = torch.load(state_file, map_location=plan.device)
        if saved["plan"] != plan.identity:
            raise InputError(
                f"{state_file} is the state of another training ({saved['plan']}): name another --state, or delete it"
            )
        done, loss_mean = saved["step"], saved["loss"]
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
    folders = plan.checkpoint_steps()
    model.train()
    with tqdm(
        total=plan.steps * ROWS_PER_STEP * CONTEXT,
        initial=done * ROWS_PER_STEP * CONTEXT,
        unit="tok",
        unit_scale=True,
        desc=f"demo-{plan.seed}",
        mininterval=2.0,
    ) as bar:
        for step in range(done, plan.steps):
            for optimizer, rate in zip(optimizers, rates, strict=True):
                optimizer.param_groups[0]["lr"] = rate * learning_rate(step, plan.steps)
                optimizer.zero_grad()
            batch = rows[_rows_of_step(step, plan.seed, len(rows))].astype(np.int64)
            ids = torch.from_numpy(batch).to(plan.device)
            loss = model(ids, labels=ids).loss
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            now = loss.item()
            loss_mean = now if math.isnan(loss_mean) else 0.99 * loss_mean + 0.01 * now
            bar.update(ROWS_PER_STEP * CONTEXT)
            bar.set_postfix(loss=f"{loss_mean:.3f}", refresh=False)
            folder = folders.get(step + 1)
            if folder is not None and not folder.exists():
                folder.parent.mkdir(parents=True, exist_ok=True)
                _save_model(model, tokenizer, folder)
            if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.steps:
                state = {
                    "plan": plan.identity,
                    "step": step + 1,
                    "loss": loss_mean,
                    "model": model.state_dict(),
                    "optimizers": [o.state_dict() for o in optimizers],
                }
                with _whole(state_file) as scratch:
                    torch.save(state, scratch)


def train_all(plans: list[Training], *, threads: int, say: Callable[[str], None]) -> None:
    """Train several seeds one after another; several processes may work on different seeds at once.

    Args:
        plans: one per seed.
        threads: CPU threads; the bits of the result depend on their number.
        say: called with lines for the user.
    """
    torch.set_num_threads(threads)
    for plan in plans:
        train(plan)
        say(f"demo-{plan.seed}: {', '.join(str(folder) for folder in plan.checkpoint_steps().values())}")
