"""Ray computes the shares of a run: the same rows as one process, whatever dies."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.shares.sharing import assert_same_rows, begin, below, home_with, n_shares, shared
from tests.support.commands import one_line_of_refusal, wait_for

ray: Any = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refined study with halves, and what one process makes of it."""
    return home_with("refined", tmp_path_factory.mktemp("ray"))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_local_ray_gives_the_rows_of_one_process(home: Path, tmp_path: Path, workers: int) -> None:
    ended = shared(home, tmp_path / "neurons.duckdb", "ray", "--workers", workers)
    assert ended.code == 0, ended.err
    assert f"computed by {workers} workers" in ended.out
    assert_same_rows(tmp_path / "neurons.duckdb", home)
    assert not _orphans()


def _orphans() -> list[psutil.Process]:
    """Nodes of Ray whose driver is gone."""
    every = psutil.process_iter(["cmdline", "ppid"])
    return [p for p in every if p.info["ppid"] == 1 and "raylet" in " ".join(p.info["cmdline"] or [])]


def _computing() -> list[psutil.Process]:
    """Workers of this process's cluster that compute a share."""
    return below(psutil.Process(), "ray::compute")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, str]]:
    """Two nodes of one CPU each on this machine, and the address for drivers."""
    from ray.cluster_utils import Cluster

    # Ray's server for drivers forks to start another program; gRPC's handlers of forks crash there now and then.
    monkeypatch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")
    port = _free_port()
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "ray_client_server_port": port, "include_dashboard": False},
    )
    made.add_node(num_cpus=1)
    yield made, f"ray://127.0.0.1:{port}"
    made.shutdown()


def _dies_twice(home: Path, warehouse: Path, cluster: tuple[Any, str]) -> None:
    """A worker and then a node die while a study goes on; it ends by itself with the same rows."""
    going = begin(home, warehouse, cluster[1])
    busy = wait_for("a worker", _computing, going.is_running)
    busy[0].kill()
    wait_for("a finished share", lambda: n_shares(warehouse), going.is_running)
    cluster[0].remove_node(next(iter(cluster[0].worker_nodes)), allow_graceful=False)
    ended = going.end()
    assert ended.code == 0, ended.err
    assert_same_rows(warehouse, home)


def test_a_worker_and_a_node_die(home: Path, tmp_path: Path, cluster: tuple[Any, str]) -> None:
    _dies_twice(home, tmp_path / "neurons.duckdb", cluster)


@pytest.mark.slow
def test_a_worker_and_a_node_die_again_and_again(home: Path, tmp_path: Path, cluster: tuple[Any, str]) -> None:
    for turn in range(10):
        _dies_twice(home, tmp_path / f"{turn}.duckdb", cluster)
        cluster[0].add_node(num_cpus=1)


def test_no_ray_at_an_address_is_one_line(home: Path, tmp_path: Path) -> None:
    line = one_line_of_refusal(shared(home, tmp_path / "neurons.duckdb", "ray://127.0.0.1:1"))
    assert "no Ray could be reached" in line


def test_ray_that_is_not_installed_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.errors import InputError
    from ingest.recipes.on_ray import OnRay

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match="pip install"):
        OnRay("ray", n_workers=1, threads=1, has_gpu=False)
