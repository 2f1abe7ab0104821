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
    "pairs of one model": (with_experiment(kind="pairs", neurons="universal"), "needs two models"),
    "no text": (lambda s: s.text('name = "x"\n[[models]]\nname = "a"\npath = "a"\n[[experiments]]\nkind = "lens"\n'),
                "need text: add"),
    "more text than there is": (with_experiment(kind="lens", tokens=10**6), "tokens = 1000000: the corpus has 256"),
    "a layer that does not exist": (with_experiment(kind="ablation", neurons=["L2.N0"]), "no neuron L2.N0.*2 layers"),
    "a neuron that does not exist": (with_experiment(kind="ablation", neurons=["L0.N64"]), "no neuron L0.N64.*64 neur"),
    "marts that are not built": (
        lambda shop: the_measured_study(shop, kind="ablation", neurons="universal"), "run `neurons build`, then",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_experiment_that_cannot_be_is_refused(
    workshop: Workshop, case: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused(workshop, case, capsys, monkeypatch)
