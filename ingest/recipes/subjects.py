"""Open the models of a study: located, compared, loaded, probed, and their weights measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import torch
from torch import Tensor

from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.measure.weights import vocabulary_power_sums, weight_columns
from ingest.names import Identity
from ingest.study import Model, Study
from ingest.subject.bridge import ProcessedWeights, find_sites, open_bridge, parity_error, processed_weights
from ingest.subject.load import default_family, load_network, weights_hash
from ingest.subject.locate import context_of, locate, read_config
from ingest.subject.sites import Sites
from ingest.subject.tokenizer import load_tokenizer

_PROBE_ROWS, _PROBE_CONTEXT = 2, 64


@dataclass(frozen=True)
class Located:
    """The models of a study as folders that were checked, with the tokenizer they share."""

    models: list[Model]
    folders: list[Path]
    vocabulary: Vocabulary
    shortest_context: int | None


@dataclass(frozen=True)
class Subject:
    """A loaded model with its weight statistics.

    Attributes:
        model: the study's entry.
        network: the plain Hugging Face model, on the CPU in float32 until the passes move it.
        sites: where its neurons are.
        identity: name, family, seed and step.
        weights_hash: of all parameters.
        parity_error: largest difference of an activation, plain model against TransformerLens.
        d_vocab: ids that the tokenizer has.
        processing: what was folded and centred for the weight statistics.
        weights: rows of `raw.weights` without the run.
        vocabulary_sums: rows of `raw.vocabulary_sums` without the run.
    """

    model: Model
    network: torch.nn.Module
    sites: Sites
    identity: Identity
    weights_hash: str
    parity_error: float
    d_vocab: int
    processing: str
    weights: pl.DataFrame
    vocabulary_sums: pl.DataFrame


def locate_models(study: Study) -> Located:
    """Find and compare the models of a study, without torch.

    Raises:
        InputError: if one is missing or damaged, or their tokenizers differ.
    """
    models = study.checkpoints()
    folders = [locate(model, study.folder) for model in models]
    vocabularies = [load_tokenizer(m.name, f) for m, f in zip(models, folders, strict=True)]
    for model, vocabulary in zip(models, vocabularies, strict=True):
        if vocabulary.hash != vocabularies[0].hash:
            raise InputError(
                f"the tokenizers of {models[0].name} and {model.name} differ: neurons are compared token by token, "
                "so put models with different tokenizers into studies of their own"
            )
    contexts = [context_of(read_config(m.name, f)) for m, f in zip(models, folders, strict=True)]
    if study.corpus is not None and study.corpus.context is not None:
        for model, longest in zip(models, contexts, strict=True):
            if longest is not None and study.corpus.context > longest:
                raise InputError(
                    f"[corpus] context = {study.corpus.context} is longer than model {model.name} can read "
                    f"({longest}): lower it"
                )
    return Located(models, folders, vocabularies[0], min((c for c in contexts if c is not None), default=None))


def load_subject(model: Model, folder: Path, vocabulary: Vocabulary) -> Subject:
    """Load one model, probe it and measure its weights.

    Raises:
        InputError: if it cannot be loaded, has no MLPs, or TransformerLens sees other activations.
    """
    network = load_network(model.name, folder, n_ids=vocabulary.size)
    bridge = open_bridge(model.name, folder)
    sites = find_sites(model.name, bridge, network)
    longest = context_of(read_config(model.name, folder)) or _PROBE_CONTEXT
    shape = (_PROBE_ROWS, min(_PROBE_CONTEXT, longest))
    probe = torch.randint(vocabulary.size, shape, generator=torch.Generator().manual_seed(0))
    error = parity_error(model.name, bridge, network, sites, probe)
    processed = processed_weights(model.name, bridge, network, sites, probe)
    family = model.model_family or default_family(read_config(model.name, folder), sites)
    return Subject(
        model=model,
        network=network,
        sites=sites,
        identity=Identity(model.name, family, model.seed, model.step),
        weights_hash=weights_hash(network),
        parity_error=error,
        d_vocab=vocabulary.size,
        processing=processed.processing,
        weights=_weight_rows(model.name, processed),
        vocabulary_sums=_vocabulary_rows(model.name, processed, vocabulary.size),
    )


def _neurons(model: str, layer: int, d_mlp: int) -> dict[str, object]:
    return {"model": [model] * d_mlp, "layer": [layer] * d_mlp, "neuron": range(d_mlp)}


def _weight_rows(model: str, processed: ProcessedWeights) -> pl.DataFrame:
    frames = []
    for layer, weights in enumerate(processed.layers):
        columns = weight_columns(weights.w_in, weights.w_up, weights.w_out, weights.b_in)
        values = {
            name: pl.Series(name, [None] * len(weights.w_out) if c is None else c.detach().numpy(), dtype=pl.Float64)
            for name, c in columns.items()
        }
        frames.append(pl.DataFrame(_neurons(model, layer, len(weights.w_out)) | values))
    return pl.concat(frames).with_columns(pl.col(pl.Float64).fill_nan(None))


def _vocabulary_rows(model: str, processed: ProcessedWeights, size: int) -> pl.DataFrame:
    frames = []
    for layer, weights in enumerate(processed.layers):
        for effect, directions, tokens in (
            ("out", weights.w_out, processed.w_u.T[:size]),
            ("in", weights.w_in.T, processed.w_e[:size]),
        ):
            sums: Tensor = vocabulary_power_sums(directions.detach(), tokens.detach())
            columns = _neurons(model, layer, len(weights.w_out))
            columns |= {"effect": [effect] * sums.shape[1], "n": [len(tokens)] * sums.shape[1]}
            columns |= {f"sum_{k + 1}": sums[k].numpy() for k in range(4)}
            frames.append(pl.DataFrame(columns))
    return pl.concat(frames)
