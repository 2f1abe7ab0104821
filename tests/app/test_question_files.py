"""The questions' comments as the command line and the explorer read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import UnknownQuestion
from app.questions import question, questions

TEXT = """-- Which neurons are universal,
-- and by how much?
-- Source: Somebody 2030, Figure 1
--   and Figure 2
-- $model: name of the model; all if not given
-- $top: how many rows,
--   at most

-- not part of the description
select * from neurons where model = coalesce($model, model) limit $top
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "universal_neurons.sql").write_text(TEXT)
    (tmp_path / "layers.sql").write_text("select 1")
    (tmp_path / "macros").mkdir()
    return tmp_path


def test_title_and_parameters(folder: Path) -> None:
    found = question("universal_neurons", folder)
    assert found.title == "Which neurons are universal, and by how much?"
    assert found.source == "Somebody 2030, Figure 1 and Figure 2"
    assert found.parameters == {"model": "name of the model; all if not given", "top": "how many rows, at most"}
    assert found.sql == TEXT


def test_list(folder: Path) -> None:
    assert [q.name for q in questions(folder)] == ["layers", "universal_neurons"]
    assert (question("layers", folder).title, question("layers", folder).source) == ("layers", "")


def test_unknown(folder: Path) -> None:
    with pytest.raises(UnknownQuestion, match="did you mean universal_neurons"):
        question("universal_neuron", folder)
    with pytest.raises(UnknownQuestion, match="lists them") as error:
        question("../../zzz", folder)
    assert "/" not in str(error.value)
