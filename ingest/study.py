"""What a run is: the study file, read and checked before anything heavy is imported."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ingest.errors import InputError
from ingest.names import GROUPS, FeatureKind, Site
from ingest.study_experiments import KINDS, Experiment
from ingest.study_steps import PLACE, at_step, listed

Precision = Literal["float32", "float16", "bfloat16"]


def _as_float(value: object) -> object:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Sample(_Section):
    """Which rows of the corpus are taken: a seeded shuffle of all rows, or the first ones."""

    kind: Literal["shuffle", "head"] = "shuffle"
    seed: int = Field(default=0, ge=0, lt=2**63)


class Corpus(_Section):
    """The text, and how it becomes token rows."""

    source: str
    split: str | None = None
    revision: str | None = None
    field: str = "text"
    subset_field: str | None = None
    part: Literal["held-out", "train", "all"] = "all"
    tokens: int | None = Field(default=None, ge=1)
    context: int | None = Field(default=None, ge=2)
    bos: Literal["row", "none"] = "row"
    sample: Sample = Sample()
    syntax: str = "none"

    @field_validator("source")
    @classmethod
    def _known_source(cls, source: str) -> str:
        kind, _, rest = source.partition(":")
        if source != "python-stdlib" and not (kind in ("hf", "text", "jsonl", "parquet") and rest):
            raise ValueError("write python-stdlib, text:GLOB, jsonl:PATH, parquet:PATH or hf:DATASET")
        return source

    @field_validator("syntax")
    @classmethod
    def _known_syntax(cls, syntax: str) -> str:
        kind, _, pipeline = syntax.partition(":")
        if syntax not in ("none", "python") and not (kind == "spacy" and pipeline):
            raise ValueError("write none, python or spacy:PIPELINE")
        return syntax


class Model(_Section):
    """One model of the study; a checkpoint is a model of its own."""

    name: str = Field(min_length=1)
    path: str = Field(min_length=1)
    revision: str | None = None
    model_family: str | None = None
    seed: int | None = None
    step: int | None = None
    steps: list[int] | None = Field(default=None, min_length=1, description="numbers, and ranges of them")

    @field_validator("steps", mode="before")
    @classmethod
    def _ranges_written_out(cls, steps: object) -> object:
        return listed(steps)

    @model_validator(mode="after")
    def _one_kind_of_step(self) -> Model:
        if self.steps is not None:
            if self.step is not None:
                raise ValueError("give step or steps, not both")
            if not any(PLACE.search(text) for text in (self.path, self.revision or "")):
                raise ValueError("steps needs {step} in path or revision, where each step's number goes")
        return self

    def checkpoints(self) -> list[Model]:
        """One model per step, named name@step; itself without `steps`."""
        if self.steps is None:
            return [self]
        return [
            Model(
                name=f"{self.name}@{step}",
                path=at_step(self.path, step),
                revision=self.revision and at_step(self.revision, step),
                model_family=self.model_family,
                seed=self.seed,
                step=step,
            )
            for step in self.steps
        ]


class Pairs(_Section):
    """Which models are each other's partners."""

    rule: str | list[list[str]] = "seeds"
    depth_window: float | None = Field(default=None, ge=0, le=1, description="largest difference of relative depths")

    @field_validator("depth_window", mode="before")
    @classmethod
    def _whole_window_too(cls, window: object) -> object:
        return _as_float(window)

    @field_validator("rule")
    @classmethod
    def _known_rule(cls, rule: str | list[list[str]]) -> str | list[list[str]]:
        if isinstance(rule, str):
            if rule not in ("seeds", "all", "consecutive", "training") and not rule.startswith("reference:"):
                raise ValueError("write seeds, all, consecutive, training, reference:NAME or a list of pairs of names")
        elif any(len(pair) != 2 for pair in rule):
            raise ValueError("every pair is a list of two names")
        elif any(a == b for a, b in rule):
            raise ValueError("a pair is two different models")
        return rule


class Baseline(_Section):
    """The rotation baseline: random Gaussian matrices with unit rows, one per layer and draw."""

    kind: Literal["rotation"] = "rotation"
    draws: int = Field(default=5, ge=1, le=1000)
    seed: int = Field(default=0, ge=0, lt=2**63)


class Sketch(_Section):
    """CountSketch over the token axis: buckets of each of its two sketches, a multiple of 16, and the seed."""

    buckets: int = Field(default=16_384, ge=256, multiple_of=GROUPS)
    seed: int = Field(default=0, ge=0, lt=2**63)


class Pilot(_Section):
    """What `refined` chooses its candidates on."""

    tokens: int = Field(default=65_536, ge=1)
    candidates: int = Field(default=64, ge=1, description="most candidates per neuron and partner model")


class Features(_Section):
    """What neurons may respond to: kinds of features (default: all), a CSV of one's own, how common they must be."""

    sets: list[FeatureKind] | None = Field(default=None, min_length=1)
    csv: str | None = None
    min_count: int | None = Field(default=None, ge=1, description="positions; default: 3 in 10,000, 10 at least")


class Simulated(_Section):
    """Seeds simulated as (1 - s) a + s R a + noise, one run for each strength s; noise in standard deviations."""

    strengths: list[float] = Field(default=[0.5], min_length=1)
    noise: float = Field(default=0.1, ge=0, le=100)
    seed: int = Field(default=0, ge=0, lt=2**63)

    @field_validator("noise", mode="before")
    @classmethod
    def _whole_noise_too(cls, noise: object) -> object:
        return _as_float(noise)

    @field_validator("strengths", mode="before")
    @classmethod
    def _whole_numbers_too(cls, strengths: object) -> object:
        return [_as_float(s) for s in strengths] if isinstance(strengths, list) else strengths

    @field_validator("strengths")
    @classmethod
    def _shares(cls, strengths: list[float]) -> list[float]:
        if len(set(strengths)) < len(strengths) or not all(0 <= s <= 1 for s in strengths):
            raise ValueError("write numbers from 0 to 1, each once")
        return strengths


class Measure(_Section):
    """What is measured on the text."""

    moments: bool = True
    features: bool | Features = True
    correlation: Literal["auto", "exact", "refined", "sketch", "off"] = "auto"
    sketch: Sketch = Sketch()
    pilot: Pilot = Pilot()
    baseline: Baseline = Baseline()
    floors: list[Literal["shift", "noise", "twin"]] = []
    sites: list[Site] = Field(default=["mlp"], min_length=1)
    validation: list[Literal["split-half", "simulated"]] = []
    simulated: Simulated = Simulated()
    keep_state: float = Field(default=10.0, ge=0, description="GB of state kept after the run, for its extension")

    @field_validator("keep_state", mode="before")
    @classmethod
    def _whole_numbers_too(cls, size: object) -> object:
        return _as_float(size)

    @property
    def profile(self) -> Features | None:
        """The features that are measured; None without. They are about the means that the moments have."""
        if not self.moments or self.features is False:
            return None
        return Features() if self.features is True else self.features

    def of_simulated(self) -> Measure:
        """What is measured of simulated seeds: correlations of the neurons, and nothing else."""
        nothing = {"moments": False, "features": False, "floors": [], "sites": ["mlp"], "validation": []}
        return self.model_copy(update=nothing)

    @model_validator(mode="after")
    def _features_need_moments(self) -> Measure:
        if isinstance(self.features, Features) and not self.moments:
            raise ValueError("features need moments = true")
        return self

    @field_validator("floors", "sites", "validation")
    @classmethod
    def _each_once(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError("name each one once")
        return names


class Device(_Section):
    """Where and in which precision the forward passes run."""

    name: str = "auto"
    dtype: Precision = "float32"
    memory: float | None = Field(default=None, gt=0, description="GB that the run may hold")
    batch_rows: int | None = Field(default=None, ge=1)
    threads: int | None = Field(default=None, ge=1, le=1024)

    @field_validator("memory", mode="before")
    @classmethod
    def _whole_numbers_too(cls, memory: object) -> object:
        return _as_float(memory)


class Study(_Section):
    """A study: texts, models, pairs and measures; `folder` is what relative paths start from."""

    name: str = Field(min_length=1)
    corpus: Corpus | None = None
    models: list[Model] = Field(min_length=1)
    keep_downloads: bool = Field(default=True, description="false: what the run fetches from the hub goes after it")
    pairs: Pairs = Pairs()
    measure: Measure = Measure()
    device: Device = Device()
    experiments: list[Experiment] = []
    folder: Path = Field(default=Path("."), exclude=True)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Study:
        names = [m.name for m in self.checkpoints()]
        known: set[str] = set()
        for name in names:
            if name in known:
                raise ValueError(f"model name {name!r} stands twice: every model needs a name of its own")
            known.add(name)
        rule = self.pairs.rule
        asked = [rule.removeprefix("reference:")] if isinstance(rule, str) and ":" in rule else []
        asked += [name for pair in rule for name in pair] if isinstance(rule, list) else []
        for name in asked:
            if name not in known:
                steps = next((f": write a step of it, {n}" for n in names if n.startswith(f"{name}@")), "")
                raise ValueError(f"[pairs] rule names {name!r}, which is none of the study's models{steps}")
        return self

    @model_validator(mode="after")
    def _simulated_seeds_are_correlated(self) -> Study:
        is_text_read = self.corpus is not None and self.measure.correlation != "off"
        if "simulated" in self.measure.validation and not is_text_read:
            raise ValueError("[measure] validation = ['simulated'] needs [corpus], and correlation that is not off")
        return self

    @model_validator(mode="after")
    def _experiments_have_models_and_text(self) -> Study:
        known = {m.name for m in self.models} | {m.name for m in self.checkpoints()}
        for experiment in self.experiments:
            if self.corpus is None:
                raise ValueError("[[experiments]] need text: add [corpus]")
            for name in experiment.models or ():
                if name not in known:
                    raise ValueError(f"[[experiments]] names {name!r}, which is none of the study's models")
            if experiment.kind == "attention" and self.corpus.bos == "none":
                raise ValueError(
                    "[[experiments]] kind = 'attention' needs rows that begin with BOS: [corpus] bos = 'row'"
                )
            if len(self.models_of(experiment)) < 2 and experiment.kind == "pairs":
                raise ValueError("[[experiments]] kind = 'pairs' needs two models")
        return self

    def checkpoints(self) -> list[Model]:
        """All models of the study, each checkpoint as a model of its own."""
        return [checkpoint for model in self.models for checkpoint in model.checkpoints()]

    def models_of(self, experiment: Experiment) -> list[Model]:
        """The models of an experiment; a name that only a list of steps has stands for them all."""
        asked = experiment.models
        if asked is None:
            return self.checkpoints()
        own = {model.name for model in self.checkpoints()}
        stands = {name for name in asked if name not in own}
        return [c for m in self.models for c in m.checkpoints() if c.name in asked or m.name in stands]


def read_study(path: Path) -> Study:
    """Read and check a study file.

    Raises:
        InputError: if the file is missing, is no TOML, or says something a study cannot say.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no study at {path}: name an existing .toml file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not valid TOML: {error}") from None
    if "folder" in content:
        raise InputError(f"{path}: unknown key 'folder'{_instead('folder', Study)}")
    try:
        return Study(**content, folder=path.resolve().parent)
    except ValidationError as error:
        raise InputError(f"{path}: {_first_problem(error, content)}") from None


def _first_problem(error: ValidationError, content: dict[str, Any]) -> str:
    """The first of pydantic's findings in a user's words."""
    problem = error.errors()[0]
    # pydantic puts the types of a union among the keys.
    place = [str(part) for part in problem["loc"] if part != "str" and not str(part).startswith("list[")]
    where = ".".join(place)
    if problem["type"] == "extra_forbidden":
        section = _section_at(place[:-1])
        return f"unknown key {where!r}{_instead(place[-1], section)}"
    if problem["type"] == "missing":
        if place[0] == "experiments":
            return f"{where} is missing: write universal, a role, a question in sql/, or ['L2.N117']"
        return f"{where} is missing: a study needs name and [[models]], each with name and path"
    text = problem["msg"].removeprefix("Value error, ")
    value = problem["input"]
    shown = f" = {value!r}" if isinstance(value, str | int | float | bool) else ""
    return f"{where}{shown}: {text}" if where else text


def _section_at(place: list[str]) -> type[BaseModel]:
    sections: dict[str, type[BaseModel]] = {
        "corpus": Corpus,
        "sample": Sample,
        "models": Model,
        "pairs": Pairs,
        "measure": Measure,
        "features": Features,
        "sketch": Sketch,
        "pilot": Pilot,
        "baseline": Baseline,
        "simulated": Simulated,
        "device": Device,
        **KINDS,
    }
    return next((sections[part] for part in reversed(place) if part in sections), Study)


def _instead(key: str, section: type[BaseModel]) -> str:
    known = [name for name in section.model_fields if name != "folder"]
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}"
