"""The questions in sql/: one query per file, with a title and its parameters in the comment at the top."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from app.errors import UnknownQuestion

FOLDER = Path(__file__).resolve().parent.parent / "sql"
_PARAMETER = re.compile(r"\$(\w+)\s*:\s*(.*)")
_SOURCE = re.compile(r"Source:\s*(.*)")


@dataclass(frozen=True)
class Question:
    """A question: its name on the command line, sentence, the figure it draws, what its parameters mean, its SQL."""

    name: str
    title: str
    source: str
    parameters: dict[str, str]
    sql: str
    path: Path


def questions(folder: Path = FOLDER) -> list[Question]:
    """All questions, by name."""
    return [read(path) for path in sorted(folder.glob("*.sql"))]


def question(name: str, folder: Path = FOLDER) -> Question:
    """The question of this name.

    Raises:
        UnknownQuestion: there is none; the message names similar ones.
    """
    known = {path.stem: path for path in folder.glob("*.sql")}
    if name in known:
        return read(known[name])
    near = difflib.get_close_matches(name.lower(), sorted(known), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "`neurons sql` lists them"
    shown = name if re.fullmatch(r"[\w -]{1,60}", name) else "of this name"
    raise UnknownQuestion(f"there is no question {shown}: {hint}")


def read(path: Path) -> Question:
    """A question from a file: `-- the sentence`, `-- Source: the figure`, `-- $name: what it means`, then one query.

    A line of the comment that starts nothing new continues what is above it.
    """
    sql = path.read_text(encoding="utf-8")
    title: list[str] = []
    source: list[str] = []
    parameters: dict[str, list[str]] = {}
    current = title
    for line in sql.lstrip().splitlines():
        if not line.startswith("--"):
            break
        text = line.lstrip("-").strip()
        if found := _PARAMETER.match(text):
            current = parameters.setdefault(found[1], [])
            text = found[2]
        elif found := _SOURCE.match(text):
            current, text = source, found[1]
        if text:
            current.append(text)
    described = {name: " ".join(lines) for name, lines in parameters.items()}
    sentence = " ".join(title) or path.stem.replace("_", " ")
    return Question(path.stem, sentence, " ".join(source), described, sql, path)
