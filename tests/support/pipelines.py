"""A small spaCy pipeline of rules, saved as a folder: no trained one can be had from the package index."""

from __future__ import annotations

from pathlib import Path

import spacy

SINGULAR, PLURAL = ("cat", "dog", "house", "teacher"), ("cats", "dogs", "houses", "teachers")
VERBS = ("sees", "likes", "finds")
COMPONENTS = ("sentencizer", "attribute_ruler", "entity_ruler")


def save_pipeline(folder: Path, *, components: tuple[str, ...] = COMPONENTS, version: str = "1.0.0") -> Path:
    """Save a pipeline `en_rules`: its rulers know a few words, subjects before verbs and objects after them."""
    nlp = spacy.blank("en", meta={"name": "rules", "version": version})
    for component in components:
        pipe = nlp.add_pipe(component)
        if component == "attribute_ruler":
            _add_words(pipe)
        elif component == "entity_ruler":
            names = {"PERSON": "Ada Lovelace", "GPE": "Zürich"}
            pipe.add_patterns([{"label": label, "pattern": name} for label, name in names.items()])
    folder.parent.mkdir(parents=True, exist_ok=True)
    nlp.to_disk(folder)
    return folder


def _add_words(ruler: spacy.pipeline.AttributeRuler) -> None:
    words = {
        ("the", "a"): {"POS": "DET", "DEP": "det"},
        SINGULAR: {"POS": "NOUN", "MORPH": "Number=Sing"},
        PLURAL: {"POS": "NOUN", "MORPH": "Number=Plur"},
        VERBS: {"POS": "VERB", "MORPH": "Number=Sing|Tense=Pres", "DEP": "ROOT"},
        ("who",): {"POS": "PRON", "MORPH": "PronType=Int,Rel"},
    }
    for forms, attributes in words.items():
        ruler.add(patterns=[[{"LOWER": {"IN": list(forms)}}]], attrs=attributes)
    ruler.add(patterns=[[{"IS_PUNCT": True}]], attrs={"POS": "PUNCT"})
    ruler.add(patterns=[[{"IS_SPACE": True}]], attrs={"POS": "SPACE"})
    noun, verb = ({"LOWER": {"IN": list(forms)}} for forms in ((*SINGULAR, *PLURAL), VERBS))
    ruler.add(patterns=[[noun, verb]], attrs={"DEP": "nsubj"}, index=0)
    ruler.add(patterns=[[verb, {"LOWER": "the"}, noun]], attrs={"DEP": "obj"}, index=2)
