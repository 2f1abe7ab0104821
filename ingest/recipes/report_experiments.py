"""Figures of a report that show training and experiments: after Nandan et al., Lad et al., and Gurnee et al."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from app.charts import experiments, single_neurons, stages, training
from app.charts.theme import Drawing
from ingest.recipes.report_drawing import GURNEE, LAD, NANDAN, Ask, Figure, models_of

# Lines that can be told apart: as many as there are colours.
_MOST_LINES = 7
_ROLES = {"pct_prediction_calibrated": "prediction", "pct_suppression_calibrated": "suppression"}
_NORMS = {"mlp_norm": "MLP", "attention_norm": "attention", "stream_norm": "residual stream"}


def _of_model(name: str, drawn: Callable[[pl.DataFrame], Drawing]) -> Callable[[Ask], Drawing | None]:
    """A figure of the first model that has rows."""

    def draw(ask: Ask) -> Drawing | None:
        rows = ask(name)
        if rows.is_empty():
            return None
        model = models_of(rows)[0]
        return drawn(rows.filter(model=model)).properties(title=model)

    return draw


def _over_layers(column: str, drawn: Callable[[pl.DataFrame], Drawing]) -> Callable[[Ask], Drawing | None]:
    """A figure of measures of layers; none where the column is not known."""

    def draw(ask: Ask) -> Drawing | None:
        rows = ask("layer_stages").drop_nulls(column)
        return None if rows.is_empty() else drawn(_few(rows))

    return draw


def _few(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("model").is_in(models_of(rows)[:_MOST_LINES]))


def _checkpoints(ask: Ask, name: str = "checkpoints") -> pl.DataFrame:
    """Rows of the first family of models that has checkpoints."""
    rows = ask(name)
    return rows.filter(model_family=rows["model_family"][0]) if len(rows) else rows


def _through_training(ask: Ask) -> Drawing | None:
    rows = _checkpoints(ask).filter(scope="model")
    return None if rows["step"].n_unique() < 2 else training.shares(rows)


def _emergence(ask: Ask) -> Drawing | None:
    rows = _checkpoints(ask).filter(pl.col("layer").is_not_null())
    return None if rows["step"].n_unique() < 2 else training.layers(rows)


def _births(ask: Ask) -> Drawing | None:
    rows = _checkpoints(ask).filter(scope="model").drop_nulls("n_born")
    return None if rows.is_empty() else training.births(rows)


def _persistence(ask: Ask) -> Drawing | None:
    rows = _checkpoints(ask, "persistence_of_seeds").filter(scope="model")
    return None if rows.is_empty() else training.persistence(rows)


def _asked_first(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of one set of neurons, the universal ones if these were ablated, in one way."""
    names = rows["neurons"].unique().sort().to_list()
    chosen = rows.filter(neurons="universal" if "universal" in names else names[0])
    return chosen.filter(mode=chosen["mode"].sort()[0])


def _ablation(ask: Ask) -> Drawing | None:
    rows = ask("ablation_contrasts")
    if rows.is_empty():
        return None
    chosen = _asked_first(rows)
    shown = _few(chosen.filter(control=chosen["control"].sort()[0]))
    return experiments.against_controls(shown, "loss", "excess loss, nats")


def _sweep(ask: Ask) -> Drawing | None:
    rows = ask("entropy_sweep").filter(pl.col("kind") == "value")
    if rows.is_empty():
        return None
    model = models_of(rows)[0]
    own = rows.filter(model=model)
    few = own.select("layer", "neuron").unique(maintain_order=True).head(_MOST_LINES)
    shown = own.join(few, on=["layer", "neuron"], how="semi", maintain_order="left")
    return single_neurons.sweep(shown, "entropy", "change of the entropy, nats").properties(title=model)


def _interventions(ask: Ask) -> Drawing | None:
    rows = ask("layer_interventions")
    if rows.is_empty():
        return None
    return stages.interventions(_few(rows), "delta_loss", "change of the loss, nats", depth="layer")


def _near_heads(ask: Ask) -> Drawing | None:
    for model in models_of(ask("layer_stages")):
        rows = ask("head_attention", model=model)
        if len(rows):
            return stages.heads(rows, "attention_to_previous_5", f"{model}: attention to the five before")
    return None


def _word_heads(ask: Ask) -> Drawing | None:
    rows = ask("subword_heads", n=100_000).sort("model")
    if rows.is_empty():
        return None
    model = models_of(rows)[0]
    return stages.heads(rows.filter(model=model), "difference", f"{model}: more attention to pieces")


def _probes(ask: Ask) -> Drawing | None:
    rows = ask("suffix_probes")
    if rows.is_empty():
        return None
    model, suffix = rows["model"][0], rows["suffix"][0]
    return stages.probes(rows.filter(model=model, suffix=suffix)).properties(title=f"{model}: -{suffix}")


EXPERIMENT_FIGURES = (
    Figure(
        "entropy_sweep",
        "Entropy neurons fixed at values",
        f"{GURNEE}, Figure 7e",
        "Dashed: the mean of neurons of the same layer and nearly the same norm.",
        _sweep,
    ),
    Figure(
        "attention_paths",
        "Neurons that turn heads to BOS",
        f"{GURNEE}, Figure 8",
        "What a neuron adds to a head's attention to BOS, against its score from the weights.",
        _of_model("path_ablations", single_neurons.paths),
    ),
    Figure(
        "universal_through_training",
        "Universal neurons through training",
        NANDAN,
        "Share by checkpoint, a line per seed, among other seeds of the same step; the band is the 95% interval.",
        _through_training,
    ),
    Figure(
        "emergence_by_layer",
        "Where universal neurons emerge",
        NANDAN,
        "Share of each layer's neurons by checkpoint, a dash per seed.",
        _emergence,
    ),
    Figure(
        "births_and_deaths",
        "Universal neurons born, kept and died",
        NANDAN,
        "Since the checkpoint before.",
        _births,
    ),
    Figure(
        "persistence",
        "Still universal at the next checkpoint",
        NANDAN,
        "A place per seed, with the 95% interval; beside it what of one half of the text is universal on the other, "
        "and chance.",
        _persistence,
    ),
    Figure(
        "ablation",
        "Sets of neurons ablated",
        NANDAN,
        "Change of the loss beyond that of control sets, with its 95% interval, in the whole model and in layers.",
        _ablation,
    ),
    Figure(
        "ablation_by_class",
        "Which next tokens suffer",
        "",
        "Change of the loss by the class of the next token, of the first model; hollow: random sets of the same size.",
        _of_model("ablation_by_class", lambda rows: experiments.classes(_asked_first(rows))),
    ),
    Figure(
        "layer_interventions",
        "Layers left out, in another order, twice",
        f"{LAD}, Figures 5a and 11",
        "Change of the loss, with its 95% interval over documents.",
        _interventions,
    ),
    Figure(
        "near_attention",
        "Attention to near tokens",
        f"{LAD}, Figure 6a",
        "To the five positions before, a mean over heads; the first position of a row is left out.",
        _over_layers(
            "attention_to_previous_5",
            lambda rows: stages.by_depth(
                rows, "attention_to_previous_5", "attention to the five before", depth="layer"
            ),
        ),
    ),
    Figure(
        "near_heads",
        "Heads that look near",
        f"{LAD}, Figure 6a",
        "Attention of each head to the five positions before.",
        _near_heads,
    ),
    Figure(
        "subword_heads",
        "Heads that merge words",
        f"{LAD}, Figure 6b",
        "Attention of a word's last piece to the pieces before, less that of words of one token to as many positions.",
        _word_heads,
    ),
    Figure(
        "lens",
        "The logit lens",
        f"{LAD}, Figure 1",
        "KL divergence of the model from the lens behind each layer, the norm recomputed there.",
        _over_layers(
            "lens_kl", lambda rows: stages.by_depth(rows, "lens_kl", "KL to the prediction, nats", depth="layer")
        ),
    ),
    Figure(
        "lens_entropy",
        "How sure the lens is",
        f"{LAD}, Figure 7b",
        "Entropy of the lens behind each layer.",
        _over_layers(
            "lens_entropy",
            lambda rows: stages.by_depth(rows, "lens_entropy", "entropy of the lens, nats", depth="layer"),
        ),
    ),
    Figure(
        "prediction_and_suppression",
        "Prediction and suppression neurons",
        f"{LAD}, Figure 8",
        "Share of each layer's neurons above what random directions have.",
        _over_layers(
            "pct_prediction_calibrated",
            lambda rows: stages.several(rows, _ROLES, "neurons, % of the layer", depth="layer"),
        ),
    ),
    Figure(
        "output_norms",
        "How much layers write",
        f"{LAD}, Figure 10",
        "Mean norms over positions.",
        _over_layers(
            "mlp_norm", lambda rows: stages.several(rows, _NORMS, "norm (log scale)", depth="layer", log=True)
        ),
    ),
    Figure(
        "suffix_probes",
        "Probes of a suffix",
        f"{LAD}, Figure 9",
        "Linear probes on the best neurons of each kind, of the first model, with the 95% interval; dashed: the model.",
        _probes,
    ),
)
