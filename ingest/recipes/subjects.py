"""Open the models of a study: located, compared, loaded, probed, and their weights measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import torch
from torch import nn

from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.measure.outputs import Writing
from ingest.names import Identity
from ingest.recipes.shapes import ModelShape
from ingest.recipes.weight_rows import rows_of_weights
from ingest.study import Model, Study
from ingest.subject.bridge import find_sites, open_bridge, parity_error, processed_weights
from ingest.subject.load import default_family, load_network, weights_hash
from ingest.subject.locate import context_of, read_config
from ingest.subject.sites import Sites
from ingest.subject.tokenizer import load_tokenizer

_PROBE_ROWS, _PROBE_CONTEXT = 2, 64


@dataclass(frozen=True)
class Subject:
    """A loaded model with its weight statistics.

    Attributes:
        model: the study's entry.
        network: the plain Hugging Face model, on the CPU in float32 until the passes move it.
        sites: where its neurons are.
        context: longest row it can read; None where nothing bounds it.
        identity: name, family, seed and step.
        weights_hash: of all parameters.
        parity_error: largest difference of an activation, plain model against TransformerLens.
        d_vocab: ids that the tokenizer has.
        processing: what was folded and centred for the weight statistics, and what could not be read.
        frames: rows that follow from the weights, by raw table, without the run; none where they were not asked for.
        writing: output directions of its neurons and tokens.
    """

    model: Model
    network: torch.nn.Module
    sites: Sites
    context: int | None
    identity: Identity
    weights_hash: str
    parity_error: float
    d_vocab: int
    processing: str
    frames: dict[str, pl.DataFrame]
    writing: Writing

    @property
    def shape(self) -> ModelShape:
        """The model as far as its cost goes."""
        blocks = [self.network.get_submodule(path) for path in self.sites.blocks]
        return ModelShape(
            identity=self.identity,
            architecture=type(self.network).__name__,
            n_layers=self.sites.n_layers,
            d_model=self.sites.d_model,
            d_mlp=self.sites.d_mlp,
            d_heads=self.sites.d_heads,
            block_weights=sum(p.numel() for block in blocks for p in block.parameters()),
            weights=sum(p.numel() for p in self.network.parameters()),
            n_ids=self.d_vocab,
        )

    def without_weights(self) -> Subject:
        """The same with shapes in the place of weights, which take no memory."""
        writing = Writing(self.writing.neurons.to("meta"), self.writing.tokens.to("meta"))
        network = self.network.to("meta")
        network.tie_weights()  # type: ignore[operator]  # which moving unties
        return replace(self, network=network, writing=writing)

    def twin(self) -> Subject:
        """The same architecture with random weights, drawn as before training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            random: nn.Module = type(self.network)(self.network.config).eval()
        return replace(self, network=random)


def shared_vocabulary(study: Study, folders: list[Path]) -> Vocabulary:
    """The tokenizer that all models of a study share.

    Raises:
        InputError: if one has none, or they differ.
    """
    models = study.checkpoints()
    vocabularies = [load_tokenizer(m.name, f) for m, f in zip(models, folders, strict=True)]
    for model, vocabulary in zip(models, vocabularies, strict=True):
        if vocabulary.hash != vocabularies[0].hash:
            raise InputError(
                f"the tokenizers of {models[0].name} and {model.name} differ: neurons are compared token by token, "
                "so put models with different tokenizers into studies of their own"
            )
    return vocabularies[0]


def load_subject(model: Model, folder: Path, vocabulary: Vocabulary, *, with_rows: bool = True) -> Subject:
    """Load one model and probe it.

    Args:
        model: the study's entry.
        folder: with its files.
        vocabulary: its tokenizer.
        with_rows: whether its weights are measured, which takes longer than all else.

    Raises:
        InputError: if it cannot be loaded, has no MLPs, or TransformerLens sees other activations.
    """
    network = load_network(model.name, folder, n_ids=vocabulary.size)
    bridge = open_bridge(model.name, folder)
    sites = find_sites(model.name, bridge, network)
    config = read_config(model.name, folder)
    context = context_of(config)
    shape = (_PROBE_ROWS, min(_PROBE_CONTEXT, context or _PROBE_CONTEXT))
    probe = torch.randint(vocabulary.size, shape, generator=torch.Generator().manual_seed(0))
    error = parity_error(model.name, bridge, network, sites, probe)
    processed = processed_weights(model.name, bridge, network, sites, probe, bos=vocabulary.bos, context=context)
    family = model.model_family or default_family(config, sites)
    return Subject(
        model=model,
        network=network,
        sites=sites,
        context=context,
        identity=Identity(model.name, family, model.seed, model.step),
        weights_hash=weights_hash(network),
        parity_error=error,
        d_vocab=vocabulary.size,
        processing=processed.processing,
        frames=rows_of_weights(model.name, processed, vocabulary.size) if with_rows else {},
        writing=Writing.of([layer.w_out for layer in processed.layers], processed.w_u.T[: vocabulary.size]),
    )
