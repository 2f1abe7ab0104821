"""Interventions on whole layers (Lad et al. 2024): delete, swap, repeat, and the logit lens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

from ingest.experiments import edits
from ingest.experiments.forward import Forward
from ingest.experiments.passes import Edit
from ingest.study_experiments import LayerEdit


def layer_edits(forward: Forward, kinds: Sequence[LayerEdit]) -> list[Edit]:
    """Each layer deleted, exchanged with the next one (the last one has none), or run twice."""
    network, sites = forward.network, forward.sites
    found = []
    for kind in kinds:
        for layer in range(sites.n_layers - (kind == "swap")):
            on = {
                "delete": partial(edits.delete, network, sites, [layer]),
                "swap": partial(edits.swap, network, sites, layer, layer + 1),
                "repeat": partial(edits.repeat, network, sites, [layer]),
            }[kind]
            found.append(Edit(kind, layer, on, layer=layer))
    return found


def lens_edits(forward: Forward) -> list[Edit]:
    """Each layer's residual stream read at once: through the final norm, whose scale is its own, and the unembedding.

    Behind the last layer that is the model itself, with the same bits.
    """
    last = forward.sites.n_layers - 1
    network, sites = forward.network, forward.sites
    return [
        Edit(
            "lens",
            layer + 1,
            partial(edits.delete, network, sites, range(layer + 1, last + 1)) if layer < last else nullcontext,
            layer=layer,
        )
        for layer in range(last + 1)
    ]
