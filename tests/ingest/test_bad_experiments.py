"""Experiments that cannot be: one line, exit code 2, nothing written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingest.workshop import STDLIB, Cases, Workshop, assert_refused
from tests.support.studies import entry, write_study


def with_experiment(**experiment: Any) -> Any:
    return lambda shop: shop.study(experiments=[experiment])


def the_measured_study(shop: Workshop, **experiment: Any) -> Any:
    """The study whose measures are finished, with an experiment."""
    models = [entry(n, shop.folder / n, seed=s) for s, n in enumerate("ab")]
    return write_study(shop.folder / "wrong.toml", models, corpus=STDLIB, experiments=[experiment])


CASES: Cases = {
    "an unknown kind": (with_experiment(kind="lesion"), "lesion.*ablation"),
    "no kind": (with_experiment(neurons="universal"), "kind"),
    "an unknown key": (with_experiment(kind="layers", edit=["delete"]), "unknown key .*layers.edit'.*edits"),
    "no neurons": (with_experiment(kind="ablation"), "neurons is missing: write universal"),
    "no name of a neuron": (with_experiment(kind="ablation", neurons=["L1/7"]), "'L1/7' is no neuron.*L2.N117"),
    "a list that was not kept": (with_experiment(kind="ablation", neurons="list:mine"), "no list mine beside"),
    "a list outside its folder": (with_experiment(kind="ablation", neurons="list:../x"), "no list of this name"),
    "a model of another study": (with_experiment(kind="lens", models=["z"]), "'z', which is none of"),
    "an entropy neuron that does not exist": (with_experiment(kind="entropy", neurons=["L0.N64"]), "no neuron L0.N64"),
    "a quantile above one": (with_experiment(kind="entropy", quantiles=[0.5, 2]), "quantiles are between 0 and 1"),
    "a value that stands twice": (with_experiment(kind="entropy", values=[0, 1, 1]), "finite numbers, each once"),
    "an attention neuron that does not exist": (
        with_experiment(kind="attention", neurons=["L9.N0"]), "no neuron L9.N0.*2 layers"),
    "attention to BOS without BOS": (
        lambda s: s.study(corpus=STDLIB | {"bos": "none"}, experiments=[{"kind": "attention"}]), "begin with BOS"),
    "pairs of one model": (with_experiment(kind="pairs", neurons="universal"), "needs two models"),
    "no text": (lambda s: s.text('name = "x"\n[[models]]\nname = "a"\npath = "a"\n[[experiments]]\nkind = "lens"\n'),
                "need text: add"),
    "more text than there is": (with_experiment(kind="lens", tokens=10**6), "tokens = 1000000: the corpus has 256"),
    "a layer that does not exist": (with_experiment(kind="ablation", neurons=["L2.N0"]), "no neuron L2.N0.*2 layers"),
    "a neuron that does not exist": (with_experiment(kind="ablation", neurons=["L0.N64"]), "no neuron L0.N64.*64 neur"),
    "a suffix that no token has": (with_experiment(kind="probe", suffix="zqzq"), "0 tokens of the vocab.* 'zqzq'"),
    "a suffix that few tokens have": (with_experiment(kind="probe", suffix="ing"), "take a more frequent suffix"),
    "a suffix with a space": (with_experiment(kind="probe", suffix=" ing"), "in lower case, without spaces"),
    "a probe of one neuron twice": (with_experiment(kind="probe", sizes=[1, 2]), "whole numbers from 2 on, ascending"),
    "marts that are not built": (
        lambda shop: the_measured_study(shop, kind="ablation", neurons="universal"), "run `neurons build`, then",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_experiment_that_cannot_be_is_refused(
    workshop: Workshop, case: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused(workshop, case, capsys, monkeypatch)
