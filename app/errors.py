"""What a reader can be told, as classes.

ReaderError          one clear line for the user, exit code 2; never names a file of this machine
├── NoWarehouse      there is no database where one was looked for
├── NothingPublished there is one, but no version of it can be read yet
├── QueryRefused     the statement is not a harmless query
├── QueryFailed      DuckDB could not answer it
├── QueryTimeout     it took too long
├── QueryCancelled   its user stopped it
├── NotInWarehouse   the warehouse lacks the tables or columns that a page asks for
├── UnknownQuestion  no file in sql/ has this name
├── UnknownNeuron    there is no neuron of this address
├── UnknownList      there is no list of neurons of this name
├── BadList          a list of neurons cannot be kept so
├── NoWeights        the weights of a model are not at hand
├── NoText           a typed text has no token
└── BadOutput        the result cannot be written as asked
"""

import re

_PATH = re.compile(r"""(["'])(?:/|[A-Za-z]:\\|\.{1,2}/)[^"']*\1|(?<![\w.])(?:/[\w.@~+-]+){2,}/?""")


class ReaderError(Exception):
    """Base of every error of the reader's side: what is wrong and how to mend it."""

    exit_code = 2


class NoWarehouse(ReaderError):
    """There is no database, or the file is not one."""


class NothingPublished(ReaderError):
    """The database exists, but nothing in it was published for readers."""


class QueryRefused(ReaderError):
    """The statement is not one harmless query; it was not run."""


class QueryFailed(ReaderError):
    """DuckDB could not answer the query; its own words, without file names."""


class QueryTimeout(ReaderError):
    """The query took longer than its limit and was stopped."""


class QueryCancelled(ReaderError):
    """Whoever asked the query stopped it."""


class NotInWarehouse(ReaderError):
    """The warehouse has no such tables or columns: another version built it, or only half was built."""


class UnknownNeuron(ReaderError):
    """There is no neuron of this address, or it is no address."""


class UnknownList(ReaderError):
    """There is no list of neurons of this name, or its file is not one."""


class BadList(ReaderError):
    """A list of neurons cannot be kept so."""


class NoWeights(ReaderError):
    """The weights of a model are not on this machine, or are not those that were measured."""


class NoText(ReaderError):
    """A typed text has no token."""


class UnknownQuestion(ReaderError):
    """There is no question of this name."""


class BadOutput(ReaderError):
    """The result cannot be written in this format or to this place."""


def without_paths(message: str) -> str:
    """DuckDB's message without names of files; the lines that repeat the user's own query stay as they are.

    Of an error that Python raised while DuckDB read its files, the last line, without the traceback.
    """
    if message.startswith("Traceback"):
        message = message.strip().splitlines()[-1]
    said, line, query = message.partition("\nLINE ")
    return _PATH.sub("the file", said).strip() + (f"\n\nLINE {query.rstrip()}" if line else "")
