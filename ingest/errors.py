"""What can go wrong, as classes.

NeuronsError
├── InputError        the user's input is wrong: one line, exit code 2, nothing was changed
│   └── WarehouseBusy another process holds the warehouse
└── RunFailed         the work itself failed: exit code 1
"""

import errno
import re

_FULL = re.compile(r"no space left|quota exceeded|file too large|out of disk", re.I)
# torch has a class for an accelerator's memory, and none for that of the machine or of a library on the accelerator.
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|ALLOC_FAILED", re.I)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of DuckDB or of the system says that there is no room left."""
    return _FULL.search(str(error)) is not None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, numpy, DuckDB, or of torch on any device says that there is no memory left."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    is_named = type(error).__name__ == "OutOfMemoryException"  # DuckDB's
    is_said = isinstance(error, RuntimeError) and bool(_NO_MEMORY.search(str(error)))
    return isinstance(error, MemoryError) or is_named or is_said


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or its class where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class NeuronsError(Exception):
    """Base of every error this package raises on purpose; its text is one line for the user."""

    exit_code = 1


class InputError(NeuronsError):
    """Wrong input: the text says what is wrong and how to mend it."""

    exit_code = 2


class WarehouseBusy(InputError):
    """Another process has the warehouse open for writing."""


class RunFailed(NeuronsError):
    """A run stopped for a reason that is not the user's input."""
