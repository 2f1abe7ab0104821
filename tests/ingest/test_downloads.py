"""Models of the hub that a study fetched, deleted from the hub's cache after its run when it asks for that."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _cache_manager

from ingest.errors import RunFailed
from ingest.recipes import measuring
from tests.ingest.workshop import run_here
from tests.support.commands import Ended
from tests.support.small_models import save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import rows


class Hub:
    """A hub of folders, with a cache that is filled in the real one's layout."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.cache.mkdir()
        self.origin: dict[tuple[str, str], tuple[str, Path]] = {}
        self.fetched: list[str] = []
        self._asked_of_the_cache = huggingface_hub.snapshot_download

    def offer(self, repository: str, revision: str, source: Path) -> Path:
        """Offer a folder as a revision; where its snapshot will lie."""
        commit = hashlib.sha1(f"{source.name} {revision}".encode()).hexdigest()
        self.origin[repository, revision] = commit, source
        return self.repository(repository) / "snapshots" / commit

    def repository(self, repository: str) -> Path:
        return self.cache / f"models--{repository.replace('/', '--')}"

    def fetch(
        self,
        repository: str,
        revision: str | None = None,
        allow_patterns: Iterable[str] | None = None,
        local_files_only: bool = False,
    ) -> str:
        """In place of `snapshot_download`."""
        if local_files_only:
            return self._asked_of_the_cache(repository, revision=revision, local_files_only=True)
        named = revision or "main"
        if (repository, named) not in self.origin:
            raise OSError("there is no such repository")
        commit, source = self.origin[repository, named]
        base = self.repository(repository)
        snapshot = base / "snapshots" / commit
        for folder in (base / "blobs", base / "refs", snapshot):
            folder.mkdir(parents=True, exist_ok=True)
        (base / "refs" / named).write_text(commit)
        for file in source.iterdir():
            if any(file.match(pattern) for pattern in allow_patterns or ["*"]) and not (snapshot / file.name).exists():
                blob = base / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
                shutil.copy(file, blob)
                (snapshot / file.name).symlink_to(Path("../../blobs") / blob.name)
                self.fetched.append(f"{repository}@{named}/{file.name}")
        return str(snapshot)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: save(small_gpt2(seed), folder / name) for seed, name in enumerate("abc")}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(made.cache))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", made.fetch)
    return made


class Place:
    """A study of the weights of models of the hub, run in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.capsys, self.monkeypatch = folder, capsys, monkeypatch
        self.warehouse = folder / "home" / "neurons.duckdb"
        self.notes = folder / "home" / "neurons.duckdb.state" / "downloads.jsonl"

    def ingest(self, *entries: dict[str, object], keep: bool | None = False) -> Ended:
        study = write_study(self.folder / "study.toml", entries, keep_downloads=keep)
        return run_here(["ingest", study, "--warehouse", self.warehouse], self.capsys, self.monkeypatch)

    def killed(self, *entries: dict[str, object]) -> None:
        """An ingest that ends when its models are loaded."""

        def fail(*_: object) -> None:
            raise RunFailed("killed")

        with self.monkeypatch.context() as patched:
            patched.setattr(measuring, "measure", fail)
            assert self.ingest(*entries).code == 1


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, capsys, monkeypatch)


def test_downloads_go_when_the_run_is_finished(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    first, second = (hub.offer("org/seeds", name, models[name]) for name in "ab")
    local = sorted(models["c"].iterdir())
    ended = place.ingest(
        entry("a", "org/seeds", revision="a"), entry("b", "org/seeds", revision="b"), entry("c", models["c"])
    )
    assert (ended.code, ended.err) == (0, "")
    assert "downloads deleted from the hub's cache: 2 (0.00 GB)" in ended.out
    assert not first.exists()
    assert not second.exists()
    assert not hub.repository("org/seeds").exists()
    assert sorted(models["c"].iterdir()) == local
    assert not place.notes.exists()
    measured = rows(
        place.warehouse, "select model from raw.models inner join raw.runs using (run) where status = 'finished'"
    )
    assert sorted(measured["model"]) == ["a", "b", "c"]


@pytest.mark.parametrize("keep", [None, True])
def test_downloads_stay_where_nothing_is_asked(
    hub: Hub, place: Place, models: dict[str, Path], keep: bool | None
) -> None:
    snapshot = hub.offer("org/a", "main", models["a"])
    assert place.ingest(entry("a", "org/a"), keep=keep).code == 0
    assert (snapshot / "model.safetensors").exists()
    assert not place.notes.exists()


def test_what_was_in_the_cache_before_stays(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    old = hub.offer("org/seeds", "main", models["a"])
    hub.fetch("org/seeds")
    new = hub.offer("org/seeds", "b", models["b"])
    before = sorted(hub.cache.rglob("*"))
    ended = place.ingest(entry("a", "org/seeds"), entry("b", "org/seeds", revision="b"))
    assert ended.code == 0, ended.err
    assert not new.exists()
    # The tokenizer's files, which both have, are whole.
    assert json.loads((old / "tokenizer.json").read_text())
    assert sorted(hub.cache.rglob("*")) == before


def test_a_revision_under_another_name_that_was_there_before_stays(
    hub: Hub, place: Place, models: dict[str, Path]
) -> None:
    held = hub.offer("org/a", "main", models["a"])
    hub.fetch("org/a")
    hub.origin["org/a", "tag"] = hub.origin["org/a", "main"]
    assert place.ingest(entry("a", "org/a", revision="tag")).code == 0
    assert (held / "model.safetensors").exists()


def test_a_copy_of_a_repository_stays(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    copy, original = (hub.offer(name, "main", models["a"]) for name in ("other/a", "org/a"))
    assert copy.name == original.name
    hub.fetch("other/a")
    assert place.ingest(entry("a", "org/a")).code == 0
    assert (copy / "model.safetensors").exists()
    assert not original.exists()


def test_a_config_that_was_planned_with_is_no_download_of_before(
    hub: Hub, place: Place, models: dict[str, Path]
) -> None:
    snapshot = hub.offer("org/a", "main", models["a"])
    hub.fetch("org/a", allow_patterns=["config.json"])
    assert place.ingest(entry("a", "org/a")).code == 0
    assert not snapshot.exists()


def test_a_killed_run_keeps_downloads_for_its_end(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    snapshot = hub.offer("org/a", "main", models["a"])
    place.killed(entry("a", "org/a"))
    assert (snapshot / "model.safetensors").exists()
    fetched = len(hub.fetched)
    # Another one is noted after a note that was cut.
    place.notes.write_text(place.notes.read_text() + '\n["org/b", nul')
    other = hub.offer("org/c", "main", models["c"])
    place.killed(entry("a", "org/a"), entry("c", "org/c"))
    assert place.ingest(entry("a", "org/a"), entry("c", "org/c")).code == 0
    assert len(hub.fetched) == 2 * fetched
    assert not snapshot.exists()
    assert not other.exists()
    assert not place.notes.exists()


def test_notes_of_other_studies_stay(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    mine, another = (hub.offer(f"org/{name}", "main", models[name]) for name in "ab")
    place.killed(entry("b", "org/b"))
    assert place.ingest(entry("a", "org/a")).code == 0
    assert not mine.exists()
    assert another.exists()
    assert place.ingest(entry("b", "org/b")).code == 0
    assert not another.exists()


def test_what_cannot_be_deleted_is_one_line_and_tried_again(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    snapshot = hub.offer("org/a", "main", models["a"])
    with place.monkeypatch.context() as patched:
        patched.setattr(_cache_manager, "_try_delete_path", lambda *_, **__: None)
        ended = place.ingest(entry("a", "org/a"))
    assert (ended.code, ended.err) == (0, "")
    (line,) = (line for line in ended.out.splitlines() if line.startswith("warning"))
    assert line == f"warning: downloads that could not be deleted: 1; delete {snapshot} yourself"
    assert place.ingest(entry("a", "org/a")).code == 0
    assert not snapshot.exists()


def test_a_cache_that_cannot_be_read_is_one_line(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    hub.offer("org/a", "main", models["a"])

    def refuse(*_: object) -> None:
        raise PermissionError("not yours\nat all")

    place.monkeypatch.setattr(huggingface_hub, "scan_cache_dir", refuse)
    ended = place.ingest(entry("a", "org/a"))
    assert ended.code == 0
    assert "warning: downloads that could not be deleted: 1 (not yours); delete " in ended.out


def test_a_hub_that_has_no_such_model_deletes_nothing(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    snapshot = hub.offer("org/a", "main", models["a"])
    ended = place.ingest(entry("a", "org/a"), entry("z", "org/z"))
    assert ended.code == 2
    assert "the hub gave no org/z" in ended.err
    assert (snapshot / "model.safetensors").exists()
    assert not place.warehouse.exists()


def test_the_cache_holds_the_only_copy(hub: Hub, place: Place, models: dict[str, Path]) -> None:
    hub.offer("org/a", "main", models["a"])
    assert place.ingest(entry("a", "org/a"), keep=True).code == 0
    weights = [file for file in place.folder.rglob("*.safetensors") if not file.is_symlink()]
    assert weights == []  # one blob, under the name of its hash
    size = (models["a"] / "model.safetensors").stat().st_size
    assert sum(f.stat().st_size == size for f in place.folder.rglob("*") if f.is_file() and not f.is_symlink()) == 1


def test_the_key_takes_true_or_false(hub: Hub, place: Place) -> None:
    study = write_study(place.folder / "study.toml", [entry("a", "org/a")])
    study.write_text("keep_downloads = 1\n" + study.read_text())
    ended = run_here(["ingest", study, "--warehouse", place.warehouse], place.capsys, place.monkeypatch)
    assert ended.code == 2
    assert "keep_downloads = 1" in ended.err
