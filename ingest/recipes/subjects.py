"""Open the models of a study: located, compared, loaded, probed, and their weights measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.measure.outputs import Writing, effect_histograms, unit
from ingest.measure.weights import extreme_tokens, random_directions, vocabulary_power_sums, weight_columns
from ingest.names import Identity
from ingest.recipes.shapes import ModelShape
from ingest.study import Model, Study
from ingest.subject.bridge import ProcessedWeights, find_sites, open_bridge, parity_error, processed_weights
from ingest.subject.load import default_family, load_network, weights_hash
from ingest.subject.locate import context_of, read_config
from ingest.subject.sites import Sites
from ingest.subject.tokenizer import load_tokenizer

_PROBE_ROWS, _PROBE_CONTEXT = 2, 64
_EXTREME_TOKENS, _EFFECT_BINS = 100, 64
_RANDOM_DIRECTIONS = 10_000
_NULL_QUANTILES = (0.5, 0.9, 0.99, 0.999)


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
        processing: what was folded and centred for the weight statistics.
        weights: rows of `raw.weights` without the run.
        vocabulary_sums: rows of `raw.vocabulary_sums` without the run.
        extreme_tokens: rows of `raw.vocabulary_tokens` without the run.
        vocabulary_nulls: rows of `raw.vocabulary_nulls` without the run.
        effect_histograms: rows of `raw.vocabulary_histograms` without the run.
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
    weights: pl.DataFrame
    vocabulary_sums: pl.DataFrame
    extreme_tokens: pl.DataFrame
    vocabulary_nulls: pl.DataFrame
    effect_histograms: pl.DataFrame
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


def load_subject(model: Model, folder: Path, vocabulary: Vocabulary) -> Subject:
    """Load one model, probe it and measure its weights.

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
    processed = processed_weights(model.name, bridge, network, sites, probe)
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
        weights=_weight_rows(model.name, processed),
        vocabulary_sums=_vocabulary_rows(model.name, processed, vocabulary.size),
        extreme_tokens=_extreme_rows(model.name, processed, vocabulary.size),
        vocabulary_nulls=_null_rows(model.name, processed, vocabulary.size, is_centred=sites.norm == "layer"),
        effect_histograms=_histogram_rows(model.name, processed, vocabulary.size),
        writing=Writing.of([layer.w_out for layer in processed.layers], processed.w_u.T[: vocabulary.size]),
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


def _extreme_rows(model: str, processed: ProcessedWeights, size: int) -> pl.DataFrame:
    frames = []
    tokens = processed.w_u.T[:size].detach()
    for layer, weights in enumerate(processed.layers):
        top, raised, bottom, lowered = extreme_tokens(weights.w_out.detach(), tokens, _EXTREME_TOKENS)
        for side, ids, effects in (("promoted", top, raised), ("suppressed", bottom, lowered)):
            columns = _neurons(model, layer, len(ids)) | {"side": [side] * len(ids)}
            lists = {"token_ids": ids.numpy().astype(np.uint32), "effects": effects.numpy()}
            columns |= {name: pl.Series(values).arr.to_list() for name, values in lists.items()}
            frames.append(pl.DataFrame(columns))
    return pl.concat(frames)


def _histogram_rows(model: str, processed: ProcessedWeights, size: int) -> pl.DataFrame:
    frames = []
    unembedding, embedding = processed.w_u.T[:size].detach(), processed.w_e[:size].detach()
    for layer, weights in enumerate(processed.layers):
        w_out, w_in = weights.w_out.detach(), weights.w_in.T.detach()
        for effect, directions, tokens in (
            ("logit", w_out, unembedding),
            ("out", unit(w_out), unit(unembedding)),
            ("in", unit(w_in), unit(embedding)),
        ):
            lowest, step, counts = effect_histograms(directions, tokens, _EFFECT_BINS)
            columns = _neurons(model, layer, len(w_out)) | {"effect": [effect] * len(w_out)}
            columns |= {"lowest": lowest.float().numpy(), "step": step.float().numpy()}
            columns["counts"] = pl.Series(counts.numpy().astype(np.uint32)).arr.to_list()
            frames.append(pl.DataFrame(columns))
    return pl.concat(frames)


def _null_rows(model: str, processed: ProcessedWeights, size: int, *, is_centred: bool) -> pl.DataFrame:
    """What the vocabulary's moments are for random directions: the 99.9% quantile calls few of a thousand special."""
    tokens = processed.w_u.T[:size].detach()
    directions = random_directions(_RANDOM_DIRECTIONS, tokens.shape[1], is_centred=is_centred)
    first, second, third, fourth = vocabulary_power_sums(directions, tokens) / len(tokens)
    var = second - first**2
    kurt = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / var**2
    rows = [
        {"model": model, "statistic": name, "quantile": quantile, "value": float(values.quantile(quantile))}
        for name, values in (("vocab_var", var), ("vocab_kurt", kurt))
        for quantile in _NULL_QUANTILES
    ]
    return pl.DataFrame(rows)
