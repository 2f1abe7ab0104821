"""A study that does not fit into the memory of one process is measured in shares, which do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.runs.interrupted import MEASURES, make_models, make_study, memory_for
from tests.shares.sharing import assert_same_rows
from tests.support.commands import forked, one_line_of_refusal
from tests.support.tables import rows

TOO_LARGE: dict[str, dict[str, Any]] = {
    "exact": MEASURES["exact"] | {"validation": ["split-half"]},
    "refined": MEASURES["refined"],
    "sketch": MEASURES["sketch"],
}


@pytest.mark.parametrize(
    "method", [pytest.param(name, marks=[pytest.mark.slow] * (name != "exact")) for name in TOO_LARGE]
)
def test_shares_fit_where_the_study_does_not(method: str, tmp_path: Path) -> None:
    make_models(tmp_path)
    plain = make_study(tmp_path / "study.toml", TOO_LARGE[method])
    narrow = make_study(tmp_path / "narrow.toml", TOO_LARGE[method], memory=0.95 * memory_for(plain, 1))
    printed = tmp_path / "printed"
    alone = forked("ingest", plain, "--warehouse", tmp_path / "alone.duckdb", scratch=printed)
    assert alone.code == 0, alone.err
    warehouse = tmp_path / "neurons.duckdb"
    refused = one_line_of_refusal(forked("ingest", narrow, "--warehouse", warehouse, scratch=printed))
    assert "[device] memory" in refused
    assert refused.endswith("or compute it in shares: neurons ingest --on devices")
    shared = forked("ingest", narrow, "--warehouse", warehouse, "--on", "devices", "--workers", 1, scratch=printed)
    assert shared.code == 0, shared.err
    # The same passes and batches are the same plan, and the same rows.
    assert_same_rows(warehouse, tmp_path)
    assert len(rows(warehouse, "select share from raw.shares")) > 1


def test_shares_read_the_text_less_often_and_say_the_same(tmp_path: Path) -> None:
    make_models(tmp_path)
    plain = make_study(tmp_path / "study.toml", MEASURES["exact"])
    narrow = make_study(tmp_path / "narrow.toml", MEASURES["exact"], memory=memory_for(plain, 3))
    printed, files = tmp_path / "printed", [tmp_path / "alone.duckdb", tmp_path / "neurons.duckdb"]
    for file, on in zip(files, ([], ["--on", "devices", "--workers", 1]), strict=True):
        ended = forked("ingest", narrow, "--warehouse", file, *on, scratch=printed)
        assert ended.code == 0, ended.err
    assert [rows(file, "select n_passes from raw.runs").row(0) for file in files] == [(3,), (1,)]
    for query in (
        "select * exclude (run, influence, n_groups) from raw.bests",
        "select * exclude (run) from raw.baselines",
        "select * exclude (run) from raw.partners",
        "select * exclude (run) from raw.moments",
    ):
        alone, shared = (rows(file, f"{query} order by all") for file in files)
        assert alone.equals(shared), query
        assert len(alone) > 0
