"""Wrong settings of measures, pairs and devices: refused in one line like every other wrong input."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingest.workshop import STDLIB, Cases, Workshop, assert_refused, run_here
from tests.support.commands import one_line_of_refusal
from tests.support.pipelines import save_pipeline
from tests.support.small_models import CONTEXT
from tests.support.studies import entry


def _own_features(lines: str) -> Callable[[Workshop], Path]:
    """A study with features of one's own; an empty string stands for a file that is not there."""

    def make(workshop: Workshop) -> Path:
        file = workshop.folder / "mine.csv"
        file.unlink(missing_ok=True)
        if lines:
            file.write_text(f"feature,token\n{lines}\n")
        return workshop.study(measure={"features": {"csv": "mine.csv"}})

    return make


def _one_subset(workshop: Workshop) -> Path:
    (workshop.folder / "words.txt").write_text("some words and more of them\n" * 200)
    corpus = {"source": "text:words.txt", "tokens": 8 * CONTEXT, "context": CONTEXT}
    return workshop.study(measure={"features": {"sets": ["subset"]}}, corpus=corpus)


def _broken_pipeline(workshop: Workshop) -> Path:
    folder = save_pipeline(workshop.folder / "pipeline")
    (folder / "config.cfg").unlink(missing_ok=True)
    return workshop.study(corpus=STDLIB | {"syntax": "spacy:pipeline"})


CASES: Cases = {
    "too little memory": (lambda w: w.study(entry("b", w.folder / "b", seed=2), device={"memory": 1e-6}),
                          r"need .* allowed: .*raise \[device\] memory"),
    "no memory": (lambda w: w.study(device={"memory": 0}), r"device\.memory = 0"),
    "an unknown method": (lambda w: w.study(measure={"correlation": "rough"}), r"measure\.correlation = 'rough'"),
    "an unknown floor": (lambda w: w.study(measure={"floors": ["shift", "shifts"]}), r"measure\.floors.* = 'shifts'"),
    "a floor twice": (lambda w: w.study(measure={"floors": ["twin", "twin"]}), r"measure\.floors: name each one once"),
    "an unknown site": (lambda w: w.study(measure={"sites": ["mlp", "attention"]}), r"measure\.sites.* = 'attention'"),
    "a site twice": (lambda w: w.study(measure={"sites": ["mlp", "mlp"]}), r"measure\.sites: name each one once"),
    "no site": (lambda w: w.study(measure={"sites": []}), r"measure\.sites"),
    "an unknown validation": (lambda w: w.study(measure={"validation": ["thirds"]}),
                              r"measure\.validation.* = 'thirds'"),
    "uneven buckets": (lambda w: w.study(measure={"sketch": {"buckets": 1000}}),
                       r"sketch\.buckets = 1000: .*multiple of 16"),
    "few buckets": (lambda w: w.study(measure={"sketch": {"buckets": 128}}), r"sketch\.buckets = 128: .*256"),
    "a negative window": (lambda w: w.study(pairs={"depth_window": -0.1}), r"pairs\.depth_window = -0\.1"),
    "a window above 1": (lambda w: w.study(pairs={"depth_window": 1.5}), r"pairs\.depth_window = 1\.5"),
    "a window of words": (lambda w: w.study(pairs={"depth_window": "near"}), r"pairs\.depth_window = 'near'"),
    "no pilot": (lambda w: w.study(measure={"pilot": {"tokens": 0}}), r"pilot\.tokens = 0"),
    "no candidates": (lambda w: w.study(measure={"pilot": {"candidates": 0}}), r"pilot\.candidates = 0"),
    "a misspelt key of the sketch": (lambda w: w.study(measure={"sketch": {"bucket": 512}}),
                                     r"'measure\.sketch\.bucket'; did you mean 'buckets'\?"),
    "a seed beyond all numbers": (lambda w: w.study(measure={"sketch": {"seed": 2**63}}), r"sketch\.seed"),
    "no file of features": (_own_features(""), r"features\] csv: mine\.csv cannot be read: .*No such file"),
    "a feature of no token": (_own_features("mine,not-a-token"), r"'not-a-token' is no token .* spaces count"),
    "a feature named as another": (_own_features("has_comma,self"), r"two features are named 'has_comma'"),
    "a feature without a token": (_own_features("mine,"), r"needs the columns feature and token in every row"),
    "features of no kind": (lambda w: w.study(measure={"features": {"sets": []}}), r"measure\.features"),
    "subsets of one": (_one_subset, r"sets: the corpus has no two subsets"),
    "features without moments": (lambda w: w.study(measure={"features": {}, "moments": False}),
                                 r"features need moments = true"),
    "an unknown syntax": (lambda w: w.study(corpus=STDLIB | {"syntax": "latin"}),
                          r"corpus\.syntax = 'latin': write none, python or spacy:PIPELINE"),
    "a pipeline without a name": (lambda w: w.study(corpus=STDLIB | {"syntax": "spacy:"}),
                                  r"corpus\.syntax = 'spacy:': write none"),
    "a pipeline that is not installed": (lambda w: w.study(corpus=STDLIB | {"syntax": "spacy:xx_none_sm"}),
                                         "no spaCy pipeline xx_none_sm .*python -m spacy download xx_none_sm"),
    "a package that is no pipeline": (lambda w: w.study(corpus=STDLIB | {"syntax": "spacy:numpy"}),
                                      "no spaCy pipeline numpy is installed"),
    "a folder that is no pipeline": (lambda w: w.study(corpus=STDLIB | {"syntax": "spacy:a"}),
                                     r"/a is no spaCy pipeline .*nlp\.to_disk"),
    "a broken pipeline": (_broken_pipeline, "the spaCy pipeline .* cannot be loaded: .*config"),
    "features of syntax without syntax": (
        lambda w: w.study(measure={"features": {"sets": ["syntax"]}}),
        r'sets: syntax needs \[corpus\] syntax = "python" or "spacy:PIPELINE"'),
    "state of no size": (lambda w: w.study(measure={"keep_state": -1}), r"measure\.keep_state = -1"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refused_with_an_untouched_warehouse(
    workshop: Workshop, case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused(workshop, CASES[case], capsys, monkeypatch)


def test_a_site_that_a_model_lacks_is_refused(
    workshop: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # No small model of ours has attention without one output projection.
    monkeypatch.setattr("ingest.subject.bridge._heads", lambda *_: (None, None))
    study = workshop.study(entry("b", workshop.folder / "b", seed=2), measure={"sites": ["mlp", "head_z"]})
    line = one_line_of_refusal(run_here(["ingest", study, "--warehouse", tmp_path / "new.duckdb"], capsys, monkeypatch))
    assert re.search("model a has no site head_z: .*leave head_z out of sites", line), line
    assert not (tmp_path / "new.duckdb").exists()


def test_a_pipeline_without_spacy_is_refused(
    workshop: Workshop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)  # what import finds where it is not installed
    case = (lambda w: w.study(corpus=STDLIB | {"syntax": "spacy:pipeline"}), r'pip install "neuron-warehouse\[spacy\]"')
    assert_refused(workshop, case, capsys, monkeypatch)
