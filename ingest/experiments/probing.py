"""Linear probes of the next token's suffix on the activations of single neurons and of several (Lad et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ingest.experiments.effects import Batch
from ingest.experiments.examples import Examples
from ingest.experiments.forward import Forward
from ingest.experiments.passes import Frames
from ingest.tables import PROBE_EXAMPLES, PROBE_NEURONS, PROBE_SUMS, SUFFIX_PROBES


@dataclass(frozen=True)
class ProbedNeuron:
    """A neuron that probes read.

    Attributes:
        kind: prediction, suppression or random.
        layer: of the model.
        neuron: entry of the MLP's hidden vector.
        effect: mean cosine of its output with the tokens that have the suffix, less that with the others.
    """

    kind: str
    layer: int
    neuron: int
    effect: float


class SuffixProbes:
    """One model: rows of `raw.probe_examples` part by part, and of the probes on all of them at the end."""

    reads = PROBE_EXAMPLES.name

    def __init__(
        self,
        forward: Forward,
        neurons: Sequence[ProbedNeuron],
        examples: Examples,
        has_suffix: NDArray[np.bool_],
        sizes: Sequence[int],
    ) -> None:
        """Probes on single neurons, and on the best of each kind, `sizes` of them."""
        self._forward, self._neurons, self._examples = forward, neurons, examples
        self._has_suffix = torch.from_numpy(has_suffix)
        self._sizes = sizes
        self._frames: list[pl.DataFrame] = []

    def opening(self) -> Frames:
        """Rows of `raw.probe_neurons`."""
        rows = [
            {"place": place, "kind": n.kind, "layer": n.layer, "neuron": n.neuron, "effect": n.effect}
            for place, n in enumerate(self._neurons)
        ]
        return [(PROBE_NEURONS.name, pl.DataFrame(rows).with_columns(model=pl.lit(self._forward.name)))]

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Read the neurons at the examples of a batch."""
        index = self._examples.of(batch.numbers)
        if not len(index):
            return
        sequence, position = self._examples.sequence[index], self._examples.position[index]
        rows = torch.from_numpy(np.searchsorted(batch.numbers, sequence)).to(batch.ids.device)
        places = torch.from_numpy(position).to(batch.ids.device)
        values, logits = self._read(batch, rows, places)
        top = logits.argmax(-1).cpu()
        n_ids = len(self._has_suffix)
        self._frames.append(
            pl.DataFrame(
                {
                    "sequence": sequence.astype(np.uint32),
                    "position": position.astype(np.uint16),
                    "is_suffix": self._examples.is_suffix[index],
                    "is_test": self._examples.is_test[index],
                    # A model may have more ids than the tokenizer.
                    "is_predicted": (self._has_suffix[top.clamp_max(n_ids - 1)] & (top < n_ids)).numpy(),
                    "activations": values.float().cpu().numpy(),
                }
            ).with_columns(pl.col("activations").arr.to_list(), model=pl.lit(self._forward.name))
        )

    def _read(self, batch: Batch, rows: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Post-activations (examples, neurons) and logits (examples, vocabulary)."""
        found = torch.empty(len(rows), len(self._neurons), device=batch.ids.device)
        by_layer: dict[int, list[int]] = {}
        for place, neuron in enumerate(self._neurons):
            by_layer.setdefault(neuron.layer, []).append(place)

        def hook_of(columns: list[int]) -> Any:
            of = torch.tensor([self._neurons[place].neuron for place in columns], device=batch.ids.device)

            def hook(_module: nn.Module, args: tuple[Any, ...]) -> None:
                found[:, columns] = args[0][rows, places][:, of].to(found)

            return hook

        network, sites = self._forward.network, self._forward.sites
        with ExitStack() as hooks:
            for layer, columns in by_layer.items():
                module = network.get_submodule(sites.post[layer])
                hooks.callback(module.register_forward_pre_hook(hook_of(columns)).remove)
            logits: Tensor = network(input_ids=batch.ids, use_cache=False).logits
        return found, logits[rows, places]

    def flush(self, _group: int) -> Frames:
        """Rows of `raw.probe_examples`."""
        frames, self._frames = self._frames, []
        return [(PROBE_EXAMPLES.name, pl.concat(frames))] if frames else []

    def closing(self, rows: pl.DataFrame) -> Frames:
        """Fit the probes to the rows of `raw.probe_examples`: rows of `raw.suffix_probes` and `raw.probe_sums`."""
        rows = rows.sort("sequence", "position")
        values = np.array(rows["activations"].to_list())
        labels, is_test = rows["is_suffix"].to_numpy(), rows["is_test"].to_numpy()
        probes: list[dict[str, Any]] = []
        sums: list[pl.DataFrame] = []

        def keep(kind: str, n: int, place: int | None, is_right: NDArray[np.bool_]) -> None:
            probe = {"probe": len(probes), "kind": kind, "n_neurons": n, "place": place}
            probe |= {"n_train": int((~is_test).sum()), "n_train_right": int(is_right[~is_test].sum())}
            test = pl.DataFrame({"sequence": rows["sequence"], "is_right": is_right}).filter(is_test)
            by_row = test.group_by("sequence", maintain_order=True).agg(
                n=pl.len().cast(pl.UInt16), n_right=pl.col("is_right").sum().cast(pl.UInt16)
            )
            sums.append(by_row.with_columns(probe=pl.lit(len(probes), pl.UInt32)))
            probes.append(probe)

        keep("model", 0, None, rows["is_predicted"].to_numpy() == labels)
        for kind in dict.fromkeys(neuron.kind for neuron in self._neurons):
            places = [place for place, neuron in enumerate(self._neurons) if neuron.kind == kind]
            accuracy = {}
            for place in places:
                is_right = fitted(values[:, [place]], labels, ~is_test) == labels
                accuracy[place] = is_right[~is_test].mean()
                keep(kind, 1, place, is_right)
            best = sorted(places, key=lambda place: (-accuracy[place], place))
            for size in (size for size in self._sizes if 1 < size <= len(best)):
                keep(kind, size, None, fitted(values[:, best[:size]], labels, ~is_test) == labels)
        model = pl.lit(self._forward.name)
        types = {"probe": pl.UInt32, "place": pl.UInt32}
        return [
            (SUFFIX_PROBES.name, pl.DataFrame(probes, schema_overrides=types).with_columns(model=model)),
            (PROBE_SUMS.name, pl.concat(sums).with_columns(model=model)),
        ]


def fitted(values: NDArray[np.floating], labels: NDArray[np.bool_], is_train: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What a logistic regression on standardised activations says of every example.

    Args:
        values: activations (examples, neurons).
        labels: (examples,).
        is_train: examples that it is fitted to.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(values[is_train], labels[is_train])
    said: NDArray[np.bool_] = probe.predict(values)
    return said
