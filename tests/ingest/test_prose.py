"""Prose with a spaCy pipeline, from text files to marts: against the words themselves and float64 activations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import spacy
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ingest.corpus.store import Manifest, TokenRows
from tests.ingest.by_hand import Array, PlainGPT2, assert_close
from tests.support.commands import forked
from tests.support.pipelines import PLURAL, SINGULAR, VERBS, save_pipeline
from tests.support.small_models import CONTEXT, demo_folder, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import rows

pytestmark = pytest.mark.slow

N_ROWS, N_DOCUMENTS = 160, 40
# So few that most classes, pairs or ids are rare ones.
FEW_CLASSES = {"ingest.recipes.profiling:_KEPT_SYNTAX": 4}
FEW_PAIRS = {"ingest.recipes.joint:KEPT_PAIRS": 5}
FEW_IDS = {"ingest.recipes.profiling:_KEPT_IDS": 20}


def write_prose(folder: Path) -> None:
    """Sentences of a few words, which rules can read."""
    draw = np.random.default_rng(0)
    nouns = (*SINGULAR, *PLURAL)
    folder.mkdir()
    for number in range(N_DOCUMENTS):
        sentences = [
            f"{draw.choice(['The', 'A', 'Who', ''])} {draw.choice(nouns)} {draw.choice(VERBS)} the {draw.choice(nouns)}"
            f"{draw.choice(['', ' in Zürich', ' of Ada Lovelace', ' 🙂'])}{draw.choice(['.', '!', '?'])}"
            for _ in range(24)
        ]
        (folder / f"{number:02d}.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")


def write_prose_study(folder: Path, file: str, **settings: object) -> Path:
    return write_study(
        folder / file,
        [entry(name, folder / name, seed=seed, model_family="small") for seed, name in enumerate("ab")],
        corpus={
            "source": "text:texts/*.txt", "tokens": N_ROWS * CONTEXT, "context": CONTEXT, "syntax": "spacy:rules",
        } | settings,
        measure={"features": {"sets": ["syntax"], "min_count": 20}, "correlation": "exact", "baseline": {"draws": 1}},
    )  # fmt: skip


@dataclass(frozen=True)
class Read:
    """A warehouse of prose, and what is known of it.

    Attributes:
        folder: of study, models, texts and pipeline.
        warehouse: the DuckDB file.
        ids: token ids, (rows, context).
        names: features of every position, (positions,).
        values: a number for every distinct set of them, and for what has none for another reason, (positions,).
        half: second half of the documents, (positions,).
        post: post-activations of model a, (positions, neurons).
    """

    folder: Path
    warehouse: Path
    ids: NDArray[np.int64]
    names: list[frozenset[str]]
    values: NDArray[np.int64]
    half: NDArray[np.bool_]
    post: Array


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prose")
    write_prose(folder / "texts")
    save_pipeline(folder / "rules")
    for seed, name in enumerate("ab"):
        save(small_gpt2(seed), folder / name)
    return folder


@pytest.fixture(scope="module")
def read(folder: Path) -> Read:
    study, warehouse = write_prose_study(folder, "study.toml"), folder / "home" / "neurons.duckdb"
    for command in (("ingest", study), ("build",)):
        ended = forked(*command, "--warehouse", warehouse, scratch=folder / "printed")
        assert ended.code == 0, ended.out + ended.err
    (stored,) = (warehouse.parent / "corpora").iterdir()
    corpus = TokenRows(stored, Manifest(**json.loads((stored / "manifest.json").read_text())))
    ids = np.asarray(corpus.ids).astype(np.int64)
    names, values = words_of(folder, corpus)
    half = np.repeat(corpus.groups >= 8, CONTEXT)
    return Read(folder, warehouse, ids, names, values, half, PlainGPT2(folder / "a").activations(ids, ["mlp"])["mlp"])


def words_of(folder: Path, corpus: TokenRows) -> tuple[list[frozenset[str]], NDArray[np.int64]]:
    """Features of every position, and a number for each distinct case, by the words that its characters are of."""
    nlp = spacy.load(folder / "rules")
    tokenizer = Tokenizer.from_file(str(demo_folder(1) / "tokenizer.json"))
    paths = corpus.document_table()["path"].to_list()
    cases: dict[int, dict[int, frozenset[str]]] = {}
    for number in np.unique(corpus.documents[corpus.documents >= 0]).tolist():
        text = (folder / "texts" / paths[number]).read_text(encoding="utf-8")
        cases[number] = {len(text): frozenset(["nothing"])}
        doc = nlp(text)
        for start, end in tokenizer.encode(text, add_special_tokens=False).offsets:
            first = start if text[start:end].isspace() else start + len(text[start:end]) - len(text[start:end].lstrip())
            words = [
                frozenset(
                    {f"syntax_pos_{w.pos_}", f"syntax_dep_{w.dep_}", f"syntax_ent_{w.ent_type_}"}
                    | {f"syntax_morph_{f}={v}" for f in w.morph.to_dict() for v in w.morph.get(f)}
                )
                for w in doc
                if w.idx < end and w.idx + len(w) > first
            ]
            case = words[0] if len(set(words)) == 1 else frozenset(["several" if words else "nothing"])
            cases[number][start] = case - {"syntax_pos_", "syntax_dep_", "syntax_ent_"}
    found = [
        cases[document][start] if document >= 0 else frozenset(["outside"])
        for document, start in zip(np.ravel(corpus.documents).tolist(), np.ravel(corpus.starts).tolist(), strict=True)
    ]
    known = {case: number for number, case in enumerate(dict.fromkeys(found))}
    features = [frozenset(name for name in case if name.startswith("syntax_")) for case in found]
    return features, np.array([known[case] for case in found])


def before(read: Read, holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One position earlier."""
    moved = np.zeros((len(read.ids), CONTEXT), bool)
    moved[:, 1:] = holds.reshape(-1, CONTEXT)[:, :-1]
    return moved.ravel()


def between(post: Array, labels: NDArray[np.integer]) -> Array:
    _, number = np.unique(labels, return_inverse=True)
    centred = post - post.mean(0)
    sums = np.zeros((number.max() + 1, post.shape[1]))
    np.add.at(sums, number, centred)
    return np.asarray((sums**2 / np.bincount(number)[:, None]).sum(0))


def test_features_of_prose_are_among_the_best(read: Read) -> None:
    best = rows(read.warehouse, "select distinct feature, feature_kind, lag from marts.neuron_features")
    assert set(best["feature_kind"]) == {"syntax"}
    assert set(best["lag"]) == {0, 1}
    some = {"syntax_pos_NOUN", "syntax_dep_nsubj", "syntax_morph_Number=Plur", "syntax_ent_PERSON"}
    assert some <= set(best["feature"])


def test_common_features_are_there_and_take_away_what_they_explain(read: Read) -> None:
    found = rows(read.warehouse, "from intermediate.int_feature_scores where model = 'a' order by layer, neuron")
    common = {name for name in set().union(*read.names) if sum(name in of for of in read.names) >= 20}
    assert set(found["feature"]) == common
    assert len(common) > 12
    by_feature = found.partition_by("feature", "lag", as_dict=True)
    assert len(by_feature) == 2 * len(common)
    for (feature, lag), scores in by_feature.items():
        holds = np.array([feature in of for of in read.names])
        holds = before(read, holds) if lag else holds
        assert set(scores["n_true"]) == {int(holds.sum())}
        p = holds.mean()
        left = p * read.post[holds].var(0) + (1 - p) * read.post[~holds].var(0)
        assert_close(scores["variance_reduction"], 1 - left / read.post.var(0), 1e-4)
        means = [[read.post[read.half == half][kind[read.half == half]].mean(0) for kind in (holds, ~holds)]
                 for half in (False, True)]  # fmt: skip
        heldout = []
        for half in (False, True):
            there = read.half != half
            rest = read.post[there] - np.where(holds[there, None], *means[half])
            whole = read.post[there] - read.post[~there].mean(0)
            heldout.append(1 - (rest**2).sum(0) / (whole**2).sum(0))
        assert_close(scores["heldout_reduction"], np.mean(heldout, axis=0), 1e-4)


def test_syntax_explains_beyond_the_token(read: Read) -> None:
    query = "from marts.neuron_variables where model = 'a' and variable = $variable order by layer, neuron"
    both = rows(read.warehouse, query, variable="token_and_syntax")
    token, syntax = (rows(read.warehouse, query, variable=name) for name in ("token", "syntax"))
    ss = ((read.post - read.post.mean(0)) ** 2).sum(0)
    pairs = read.ids.ravel() * 1000 + read.values
    for variable, labels in ((token, read.ids.ravel()), (syntax, read.values), (both, pairs)):
        assert_close(variable["eta_squared"], between(read.post, labels) / ss, 1e-4)
        assert variable["is_complete"].all()
        assert set(variable["n_values"]) == {len(np.unique(labels))}
    beyond = (between(read.post, pairs) - between(read.post, read.ids.ravel())) / ss
    assert_close(both["beyond_token"], beyond, 1e-4)
    assert beyond.min() > 0


def ingested_with(read: Read, settings: dict[str, int]) -> tuple[Path, Path]:
    """Warehouses of the same study, with other constants and without."""
    warehouse = read.folder / "-".join(settings).replace(":", "-") / "neurons.duckdb"
    study = write_prose_study(read.folder, "study.toml")
    ended = forked("ingest", study, "--warehouse", warehouse, scratch=read.folder / "printed", settings=settings)
    assert ended.code == 0, ended.err
    return warehouse, read.warehouse


EXPLAINED = "select * from raw.explained where model = 'a' and variable = $variable order by layer, neuron"


def test_features_of_rare_classes_stay_what_they_are(read: Read) -> None:
    few, all_of_them = ingested_with(read, FEW_CLASSES)
    sums = "select * exclude (sums), unnest(sums) as sum from raw.feature_sums order by all"
    ours, theirs = (rows(warehouse, sums)["sum"].to_numpy() for warehouse in (few, all_of_them))
    assert_close(ours, theirs.astype(np.float64), 1e-3)
    counts = "from raw.feature_counts order by all"
    assert rows(few, counts).equals(rows(all_of_them, counts))
    # What the four most frequent classes and one of all others explain is a lower bound.
    names, counted = np.unique(read.values, return_counts=True)
    assert sorted(counted)[-4] > sorted(counted)[-5]
    most = names[np.argsort(-counted)[:4]]
    found = rows(few, EXPLAINED, variable="syntax")
    assert_close(found["ss_between"], between(read.post, np.where(np.isin(read.values, most), read.values, -1)), 1e-3)
    assert set(found["n_values"]) == {4}
    assert not found["is_complete"].any()
    assert not rows(few, EXPLAINED, variable="token_and_syntax")["is_complete"].any()


def test_rare_pairs_stay_with_their_token(read: Read) -> None:
    few, all_of_them = ingested_with(read, FEW_PAIRS)
    found, whole = (rows(warehouse, EXPLAINED, variable="token_and_syntax") for warehouse in (few, all_of_them))
    token = rows(few, EXPLAINED, variable="token")
    assert rows(few, EXPLAINED, variable="syntax")["is_complete"].all()
    assert token["is_complete"].all()
    assert not found["is_complete"].any()
    assert set(found["n_values"]) == {len(np.unique(read.ids)) + 5}
    assert (found["ss_between"] > token["ss_between"]).all()
    assert (found["ss_between"] < whole["ss_between"]).all()


def test_rare_ids_are_one_class_that_is_not_complete(read: Read) -> None:
    """Without features of tokens all rare ids are alike, and share one class."""
    few, _ = ingested_with(read, FEW_IDS)
    ids = read.ids.ravel()
    rank = np.empty(2048, np.int64)
    rank[np.argsort(-np.bincount(ids, minlength=2048), kind="stable")] = np.arange(2048)
    token = np.minimum(rank[ids], 20)
    for variable, labels, n_values in (
        ("token", token, 20),
        ("token_and_syntax", token * 1000 + read.values, len(np.unique(token * 1000 + read.values))),
    ):
        found = rows(few, EXPLAINED, variable=variable)
        assert_close(found["ss_between"], between(read.post, labels), 1e-3)
        assert set(found["n_values"]) == {n_values}
        assert not found["is_complete"].any()
    assert not rows(few, EXPLAINED, variable="previous_token")["is_complete"].any()


def test_more_prose_extends_a_run(read: Read) -> None:
    """A longer corpus meets its classes in another order; the sums go on where they were."""
    extended, anew = (read.folder / name / "neurons.duckdb" for name in ("extended", "anew"))
    short = write_prose_study(read.folder, "short.toml", tokens=N_ROWS // 2 * CONTEXT)
    study = write_prose_study(read.folder, "study.toml")
    for file, warehouse in ((short, extended), (study, extended), (study, anew)):
        ended = forked("ingest", file, "--warehouse", warehouse, scratch=read.folder / "printed")
        assert ended.code == 0, ended.err
    finished = "select * from raw.runs where n_tokens = $n"
    assert rows(extended, finished, n=N_ROWS * CONTEXT)["parent"].null_count() == 0
    query = (
        "with features as (select run, feature, source, place from raw.features) "
        "select model, layer, neuron, lag, half, feature, sums[place] as sum from raw.feature_sums "
        "inner join features using (run, source) inner join raw.runs using (run) where n_tokens = $n order by all"
    )
    ours, theirs = (rows(warehouse, query, n=N_ROWS * CONTEXT) for warehouse in (extended, anew))
    shared = ours.join(theirs, on=["model", "layer", "neuron", "lag", "half", "feature"])
    assert len(shared) == len(ours) > 1000
    # The shifts, which sums are about, come from the first rows of both.
    assert_close(shared["sum"], shared["sum_right"].to_numpy().astype(np.float64), 1e-3)
    explained = (
        "select model, layer, neuron, variable, ss_between from raw.explained "
        "inner join raw.runs using (run) where n_tokens = $n order by all"
    )
    ours, theirs = (rows(warehouse, explained, n=N_ROWS * CONTEXT) for warehouse in (extended, anew))
    assert ours.drop("ss_between").equals(theirs.drop("ss_between"))
    assert_close(ours["ss_between"], theirs["ss_between"].to_numpy(), 1e-3)
