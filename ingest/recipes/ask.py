"""Ask the warehouse. Run it as `neurons sql`."""

from __future__ import annotations

import resource
from pathlib import Path

import psutil

from app.formats import Format, write
from app.questions import question, questions
from app.sandbox import parameter_value, run_query
from ingest.errors import InputError

_ROWS_SHOWN = 1_000
_MEMORY = 6 * 1024**3


def list_questions() -> str:
    """The questions in `sql/` with their parameters, as text."""
    known = questions()
    width = max(len(q.name) for q in known)
    lines = ["neurons sql QUESTION [-p NAME=VALUE ...]; a parameter that is not given does not restrict.", ""]
    for q in known:
        lines.append(f"{q.name:{width}}  {q.title}")
        lines += [f"{'':{width}}    {q.source}"] if q.source else []
        lines += [f"{'':{width}}    -p {name}=  {text}" for name, text in q.parameters.items()]
    return "\n".join([*lines, "", 'Any other query: neurons sql -c "select * from neurons limit 5"'])


def ask(
    name: str | None,
    command: str | None,
    parameters: tuple[str, ...],
    *,
    form: Format,
    out: Path | None,
    timeout: float,
    warehouse: Path,
) -> None:
    """Run a question, a file or a query in the sandbox and write its rows.

    Args:
        name: of a question, or a .sql file; None with a command.
        command: a query.
        parameters: texts of the form name=value.
        form: table, csv, json or parquet.
        out: file; the terminal if None.
        timeout: seconds.
        warehouse: whose published version is asked.

    Raises:
        InputError: if a parameter or file cannot be read.
        ReaderError: if the query is refused, fails or takes too long.
    """
    values = {}
    for text in parameters:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"-p {text}: write -p NAME=VALUE")
        values[key] = parameter_value(value)
    _bound_memory()
    sql = command if command is not None else _text_of(name or "")
    shown = _ROWS_SHOWN if form == "table" and out is None else None
    write(run_query(warehouse, sql, values, timeout, shown), form, out)


def _bound_memory() -> None:
    """Let a query fail rather than the machine: DuckDB's own limit does not count the lists that functions make."""
    held = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (held + _MEMORY, held + _MEMORY))


def _text_of(name: str) -> str:
    file = Path(name)
    if file.suffix != ".sql":
        return question(name).sql
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{name} cannot be read: name a question (neurons sql lists them) or a .sql file") from None
