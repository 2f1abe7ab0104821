"""One neuron: what it is, when it fires, what it writes, and who is like it in the other models."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import streamlit as st

from app.asking import ask, ask_ahead
from app.charts.histogram import histogram
from app.errors import UnknownNeuron
from app.formats import number
from app.places import Place, linked
from app.rules import built_with
from app.showing import chart, empty, folded, jump_box, open_neuron, section, table, told
from app.views.neuron_examples import examples
from app.views.neuron_partners import N_TOKENS, partners, tokens_of
from app.views.neuron_text import try_text

_ASKED_FIRST = (
    *("example_windows", "partners_of_neuron", "tokens_of_neuron", "neuron_histogram"),
    *("families_of_neuron", "features_of_neuron", "roles_of_neuron", "neuron_card"),
)


def show() -> None:
    """The whole page."""
    with told():
        place = _place()
        if place is None:
            return
        about = ask("neuron", **_key(place))
        if about.is_empty():
            _unknown(place)
            return
        _head(place, about.row(0, named=True))
        _body(place, about.row(0, named=True))


def _place() -> Place | None:
    """The neuron of the address, or the most universal one, which then stands there."""
    try:
        place = linked(st.query_params)
    except UnknownNeuron as error:
        st.title("No such neuron", anchor=False)
        st.warning(str(error), icon=":material/warning:")
        jump_box(ask("models")["model"][0])
        return None
    if place is None:
        first = ask("neuron_card", model=st.query_params.get("model"))
        if first.is_empty():
            empty("No neuron is in this warehouse", "neurons ingest STUDY.toml")
            return None
        place = Place(first["model"][0], first["layer"][0], first["neuron"][0])
        st.query_params.from_dict(place.address)
    return place


def _unknown(place: Place) -> None:
    st.title("No such neuron", anchor=False)
    models = ask("models")
    known = models.filter(pl.col("model") == place.model)
    if known.is_empty():
        st.warning(f"There is no model {place.model}. There are: {', '.join(models['model'])}.")
    else:
        layers, width = known["n_layers"][0], known["d_mlp"][0]
        st.warning(f"{place.model} has layers 0 to {layers - 1}, and neurons 0 to {width - 1} in each.")
    jump_box(models["model"][0])


def _head(place: Place, about: dict[str, Any]) -> None:
    models = ask("models")["model"].to_list()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(f"{place.model}  {place.label}", anchor=False, width="content")
        for text, colour in _badges(about):
            st.badge(text, color=colour)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _steps(place)
        other = st.selectbox("Same place in", models, models.index(place.model), key=f"of-{place.model}", width=200)
        if other != place.model:
            open_neuron(Place(other, place.layer, place.neuron))
        jump_box(place.model)
    _figures(about)


def _badges(about: dict[str, Any]) -> list[tuple[str, Any]]:
    if about["is_dead"]:
        return [("dead: the same at every position of text", "gray")]
    badges: list[tuple[str, Any]] = []
    if about["is_universal"] is not None:
        name = "universal" if about["is_universal"] else "not universal"
        sure = {"yes": "", "no": "", "undecided": ", undecided"}.get(about["universal_call"] or "", "")
        badges.append((name + sure, "orange" if about["is_universal"] else "gray"))
    if about["family"]:
        badges.append(("no family", "gray") if about["family"] == "none" else (f"family {about['family']}", "blue"))
    badges += [(f"role {about['role']}", "green")] if about["role"] else []
    return badges


def _steps(place: Place) -> None:
    draw = st.session_state.setdefault("draw", random.randrange(2**31))
    steps = {row["step"]: row for row in ask("around_neuron", **_key(place), draw=draw).iter_rows(named=True)}
    buttons = {
        "previous": (":material/chevron_left:", "Left"),
        "next": (":material/chevron_right:", "Right"),
        "random": (":material/shuffle:", "X"),
        "next universal": (":material/join_inner:", "U"),
    }
    for step, (icon, shortcut) in buttons.items():
        row = steps.get(step)
        if st.button(step, icon=icon, shortcut=shortcut, disabled=row is None, key=f"go-{step}") and row:
            st.session_state["draw"] = random.randrange(2**31)
            open_neuron(Place(place.model, row["layer"], row["neuron"]))


def _figures(about: dict[str, Any]) -> None:
    def shown(value: float | None) -> str:
        return "not known" if value is None else number(round(value, 4))

    error = about["excess_se"]
    with st.container(horizontal=True, gap="large"):
        st.metric(
            "excess correlation",
            shown(about["excess_corr"]) + ("" if error is None else f" ± {number(round(error, 4))}"),
            help="Mean best correlation minus mean rotation baseline, over partners, and its standard error.",
            width="content",
        )
        st.metric("mean best correlation", shown(about["mean_corr"]), width="content")
        st.metric("mean baseline", shown(about["mean_baseline"]), width="content")
        if about["n_partners_above"] is not None:
            st.metric("partners above", f"{about['n_partners_above']} of {about['n_partners']}", width="content")
        support = about["support"]
        st.metric("support", "not known" if support is None else f"{support:,.0f}", width="content")


def _body(place: Place, about: dict[str, Any]) -> None:
    ask_ahead(*_ASKED_FIRST, **_key(place), choice="top", n=N_TOKENS)
    left, right = st.columns([3, 2], gap="large")
    with left, section("Where it fires", "Rows of text with this neuron's activation at each token."):
        examples(place, "own")
    with right:
        with section("Activations", "Pre-activations, before the nonlinearity, over all positions of the text."):
            _histogram(place, about)
        with section("What it writes", "Tokens with the largest and smallest effect of its output on the logits."):
            _tokens(place)
    with section(
        "Partners in the other models",
        "The neuron of each other model whose activations are most like these; a click on a point opens it.",
    ):
        partners(place)
    with section("Try a text", "The model itself reads what you type; its weights must be on this machine."):
        try_text(place)
    left, right = st.columns(2, gap="large")
    with left, section("Best features", "Features that take most of the variance of its activation away."):
        _features(place)
    with right, section("Family and role, and the rule behind them"):
        _rules(place, about)
    _more(place)


def _more(place: Place) -> None:
    """What is asked for when its tab is opened."""
    names = ["All statistics", "Attention heads", "Nearest neurons"]
    statistics, heads, nearest = st.tabs(names, key="more", on_change="rerun")
    with statistics, told():
        if statistics.open:
            st.caption("Each with its percentile among the neurons of its layer.")
            percentile = st.column_config.ProgressColumn(format="%.1f", min_value=0, max_value=100)
            card = ask("neuron_card", **_key(place)).drop("model", "layer", "neuron")
            table(_with_meaning(card), "statistics", percentile=percentile)
    with heads, told():
        if heads.open:
            st.caption("Which heads it reads from, or acts on, by the weights alone.")
            table(ask("heads_of_neuron", **_key(place)), "heads", height=280)
    with nearest, told():
        if nearest.open:
            st.caption("Neurons of this model by the cosine of weights; a click opens the neuron.")
            table(ask("nearest_of_neuron", **_key(place)), "nearest", opens=True, height=280)


def _with_meaning(card: pl.DataFrame) -> pl.DataFrame:
    meanings = ask("column_comments").rename({"column_name": "property", "comment": "meaning"})
    return card.join(meanings, on="property", how="left", maintain_order="left")


def _histogram(place: Place, about: dict[str, Any]) -> None:
    bins = ask("neuron_histogram", **_key(place))
    if bins.is_empty():
        empty("Histograms were not measured", "neurons ingest STUDY.toml with [measure] features = true")
        return
    log = st.toggle("logarithmic counts", value=True, key="log-counts")
    marks = {"zero": 0.0} | ({"mean": about["mean"]} if about["mean"] is not None else {})
    chart(histogram(bins, what="pre-activation", counted="positions", log=log, marks=marks), "activations")
    first = bins.row(0, named=True)
    outside = f", {first['n_below']:,} below the first bin, {first['n_above']:,} above the last"
    st.caption(f"{first['n_all']:,} positions{outside}")
    with folded("Effects over the vocabulary", "vocabulary-open") as is_open, told():
        if is_open:
            _vocabulary_histogram(place)


def _vocabulary_histogram(place: Place) -> None:
    bins = ask("vocabulary_histogram", **_key(place))
    if bins.is_empty():
        empty("Effects over the vocabulary were not counted", "neurons ingest STUDY.toml")
        return
    effects = bins["effect"].unique(maintain_order=True).to_list()
    effect = st.segmented_control("Effect", effects, default=effects[0], required=True, key="effect")
    what = f"effect ({effect}) of a token"
    chart(
        histogram(bins.filter(effect=effect), what=what, counted="tokens", log=True, marks={"zero": 0.0}), "vocabulary"
    )


def _tokens(place: Place) -> None:
    tokens = tokens_of(place)
    if tokens.is_empty():
        empty("Vocabulary effects were not measured", "neurons ingest STUDY.toml")
        return
    sides = {
        "promoted": "promotes",
        "suppressed": "suppresses",
        "mean_activation": "fires at, on average",
        "max_activation": "fires at, at its strongest",
    }
    there = [side for side in sides if side in tokens["side"]]
    for tab, side in zip(st.tabs([sides[side] for side in there]), there, strict=True):
        with tab:
            part = tokens.filter(pl.col("side") == side).select("token", "value", "n_positions")
            shown = part if part["n_positions"].count() else part.drop("n_positions")
            table(shown.with_columns(pl.col("token").map_elements(repr, pl.String)), f"tokens-{side}", height=250)


def _features(place: Place) -> None:
    features = ask("features_of_neuron", **_key(place))
    if features.is_empty():
        empty("Features were not measured", "neurons ingest STUDY.toml with [measure] features = true")
        return
    sides = features["side"].unique().sort().to_list()
    titles = {"input": "of the text it fires at", "output": "of the tokens it acts on"}
    for tab, side in zip(st.tabs([titles.get(side, side) for side in sides]), sides, strict=True):
        with tab:
            table(features.filter(side=side).drop("side"), f"features-{side}")


def _rules(place: Place, about: dict[str, Any]) -> None:
    cutoffs = built_with()
    if about["family"] is None:
        st.write("It has no family: it is dead, too few positions speak of it, or features were not measured.")
    elif about["family"] == "none":
        st.write("No feature of any family takes enough of its variance away.")
    else:
        lag = {0: "the current", 1: "the previous", -1: "the next"}.get(about["lag"], "a")
        cutoff = cutoffs.get(f"{about['family']}_cutoff")
        over = "" if cutoff is None else f", over the cut-off {cutoff:g}"
        heldout = about["heldout_strength"]
        held = "" if heldout is None else f" ({heldout:.3f} held out)"
        what = f"`{about['feature']}` of {lag} token" if about["feature"] else "its best feature"
        st.write(f"**{about['family']}**: {what} takes {about['strength']:.3f} of the variance away{held}{over}.")
        if about["runner_up_feature"]:
            st.caption(
                f"runner-up: {about['runner_up_feature']} ({about['runner_up_family']}), "
                f"{about['runner_up_strength']:.3f}"
            )
    scores = ask("families_of_neuron", **_key(place))
    if not scores.is_empty():
        rule = pl.DataFrame(
            {"family": [n.removesuffix("_cutoff") for n in cutoffs], "cutoff": list(cutoffs.values())},
            schema={"family": pl.String, "cutoff": pl.Float64},
        )
        table(scores.join(rule, on="family", how="left", maintain_order="left"), "families")
    roles = ask("roles_of_neuron", **_key(place))
    if not roles.is_empty():
        table(roles, "roles")


def _key(place: Place) -> dict[str, Any]:
    return {"model": place.model, "layer": place.layer, "neuron": place.neuron}


if __name__ == "__main__":
    show()
