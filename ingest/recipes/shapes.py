"""Shapes of a study's models, from their loaded networks or from their config.json alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from ingest.errors import InputError, first_line
from ingest.measure.correlation import Shape, depth_tiles
from ingest.names import Identity, Site
from ingest.recipes.costs import Work
from ingest.recipes.profiling import bytes_per_neuron
from ingest.runs.plan import PlannedPopulation
from ingest.runs.shares import Divisible, Share
from ingest.study import Measure, Model, Study
from ingest.subject.locate import read_config


@dataclass(frozen=True)
class ModelShape:
    """A model as far as its cost goes.

    Attributes:
        identity: name, family, seed and step.
        architecture: class of the Hugging Face model.
        n_layers: blocks.
        d_model: width of the residual stream.
        d_mlp: neurons per layer.
        d_heads: heads times width of a head; None where no one projection reads them.
        block_weights: parameters of all blocks.
        weights: parameters of the whole model.
        n_ids: of its tokenizer, or of its embedding where the tokenizer need not be there.
    """

    identity: Identity
    architecture: str
    n_layers: int
    d_model: int
    d_mlp: int
    d_heads: int | None
    block_weights: int
    weights: int
    n_ids: int

    def width(self, site: Site) -> int:
        """Units per layer at a site.

        Raises:
            InputError: if the model has no such site.
        """
        width = {"mlp": self.d_mlp, "resid": self.d_model, "head_z": self.d_heads}[site]
        if width is None:
            raise InputError(
                f"model {self.identity.name} has no site {site}: its attention has no one output projection; "
                f"leave {site} out of sites"
            )
        return width

    def forward_flops(self, context: int) -> float:
        """FLOPs of a forward pass per token: two per weight of the blocks, and attention over half a row."""
        return 2.0 * self.block_weights + 2.0 * context * self.d_model * self.n_layers


def shapes_from_configs(models: list[Model], folders: list[Path]) -> list[ModelShape]:
    """Shapes of models whose weights need not be there; what many checkpoints share is looked at once.

    Raises:
        InputError: if a config.json describes no causal language model with MLPs.
    """
    known: dict[str, ModelShape] = {}
    shapes = []
    for model, folder in zip(models, folders, strict=True):
        config = json.dumps(read_config(model.name, folder), sort_keys=True)
        if config not in known:
            known[config] = shape_from_config(model.model_copy(update={"model_family": None}), folder)
        shape = known[config]
        family = model.model_family or shape.identity.model_family
        shapes.append(replace(shape, identity=Identity(model.name, family, model.seed, model.step)))
    return shapes


def shape_from_config(model: Model, folder: Path) -> ModelShape:
    """The shape of a model whose weights need not be there.

    Raises:
        InputError: if its config.json describes no causal language model with MLPs.
    """
    try:
        config = AutoConfig.from_pretrained(folder)
        with torch.device("meta"):
            network = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"model {model.name}: {folder} has no usable config.json: {first_line(error)}") from None
    n_layers, d_model = int(config.num_hidden_layers), int(config.hidden_size)
    stacks = [m for m in network.modules() if isinstance(m, nn.ModuleList) and len(m) == n_layers]
    if not stacks:
        raise InputError(f"model {model.name}: no stack of {n_layers} blocks was found in {config.model_type}")
    given = [getattr(config, key, None) for key in ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size")]
    d_mlp = next((int(width) for width in given if isinstance(width, int)), 4 * d_model)
    return ModelShape(
        identity=Identity(model.name, model.model_family or f"{config.model_type}", model.seed, model.step),
        architecture=type(network).__name__,
        n_layers=n_layers,
        d_model=d_model,
        d_mlp=d_mlp,
        d_heads=d_model,
        block_weights=sum(p.numel() for p in stacks[0].parameters()),
        weights=sum(p.numel() for p in network.parameters()),
        n_ids=int(config.vocab_size),
    )


def populations_of(
    measure: Measure, models: list[ModelShape], pairs: tuple[tuple[int, int], ...]
) -> tuple[list[PlannedPopulation], tuple[tuple[int, int], ...]]:
    """What is correlated, models at every site and then their twins, and the pairs of it.

    Raises:
        InputError: if a model lacks a site.
    """
    populations = [
        PlannedPopulation(index, site, model.n_layers, model.width(site))
        for site in measure.sites
        for index, model in enumerate(models)
    ]
    count = len(models)
    everywhere = tuple((s * count + a, s * count + b) for s in range(len(measure.sites)) for a, b in pairs)
    if "twin" not in measure.floors or not pairs:
        return populations, everywhere
    # One twin for all models of the same architecture and shape.
    twins: dict[tuple[object, ...], int] = {}
    found = list(populations)
    for index, planned in enumerate(populations):
        kind = (models[planned.model].architecture, planned.site, planned.n_layers, planned.width)
        if kind not in twins:
            twins[kind] = len(found)
            found.append(PlannedPopulation(planned.model, planned.site, planned.n_layers, planned.width, is_twin=True))
        found[index] = PlannedPopulation(planned.model, planned.site, planned.n_layers, planned.width, twin=twins[kind])
    return found, everywhere


def simulated_populations(
    models: list[ModelShape],
) -> tuple[list[PlannedPopulation], tuple[tuple[int, int], ...]]:
    """The models' neurons and then their simulated seeds', and each model's pair with its own."""
    neurons = [PlannedPopulation(index, "mlp", m.n_layers, m.d_mlp) for index, m in enumerate(models)]
    return [*neurons, *neurons], tuple((index, index + len(models)) for index in range(len(models)))


def twin_pairs(populations: Sequence[PlannedPopulation], pairs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Pairs (population, twin of a partner), each once."""
    sides = {side for a, b in pairs for side in ((a, populations[b].twin), (b, populations[a].twin))}
    return sorted((a, twin) for a, twin in sides if twin is not None)


def work_of(
    study: Study,
    models: list[ModelShape],
    run: Divisible,
    share: Share,
    *,
    n_tokens: int,
    context: int,
    is_simulation: bool = False,
) -> Work:
    """What a share of a study has to do; `whole(run)` is all of it.

    Args:
        study: checked study.
        models: in its order.
        run: what is correlated.
        share: of it.
        n_tokens: positions of the corpus.
        context: tokens per row.
        is_simulation: whether partners are simulated.
    """
    read = share.populations(run)
    populations = run.populations
    shapes = tuple(Shape(p.n_layers if k in read else 0, p.width) for k, p in enumerate(populations))
    ours = sum(s.n_units for p, s in zip(populations, shapes, strict=True) if not p.is_twin)
    subjects = {*share.models, *(populations[p].model for p in read if not populations[p].is_twin)}
    twins = {p.model for k, p in enumerate(populations) if p.is_twin and k in read}
    n_ids = max((m.n_ids for m in models), default=0)
    has_syntax = study.corpus is not None and study.corpus.syntax != "none"
    shifted = "shift" in study.measure.floors
    measured = sum(models[index].n_layers * models[index].d_mlp for index in share.models)
    profiled = measured if study.measure.profile is not None and n_tokens else 0
    mixing = sum(models[index].n_layers * models[index].d_mlp ** 2 for index in subjects)
    return Work(
        forward_flops=sum(models[index].forward_flops(context) for index in [*subjects, *twins]),
        shapes=shapes,
        pairs=share.pairs,
        tiles=tuple(t for pair in share.pairs for t in depth_tiles(pair, shapes, study.pairs.depth_window)),
        n_tokens=n_tokens,
        draws=study.measure.baseline.draws,
        moments=2 * measured,
        profiled=profiled,
        profile_bytes=profiled * bytes_per_neuron(n_ids, context, has_syntax=has_syntax),
        sketched_twice=ours if shifted else 0,
        mixing=mixing if is_simulation else 0,
        floor_pairs=(*(share.pairs if shifted else ()), *twin_pairs(populations, share.pairs)),
    )
