"""How each language reads the environment: data that ``reading`` interprets.

A *call* is a query whose captures are ``@read`` (the whole expression), ``@method`` (the name that
decides whether it is looked at) and ``@arguments`` or, in brackets, ``@key``. What is written from
the start of a read to its first argument is the name of a *reader*: ``os.Getenv``, ``ENV[``.
Sources: the references of the languages and libraries named (2026-11).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from autodeploy.services.analyzer.variables.syntax import Grammar


@dataclass(frozen=True)
class Reader:
    """A function that reads the variable that one of its arguments names.

    ``key`` and ``default`` are positions; ``required``: it fails by itself when there is neither
    value nor default; ``every``: all arguments name variables; ``arity``: with another number of
    arguments it is something else.
    """

    key: int = 0
    default: int | None = 1
    required: bool = False
    every: bool = False
    arity: int | None = None
    build_time: bool = False


@dataclass(frozen=True)
class Dialect:
    """A language: where it reads, declares constants and defines functions.

    A file without any of ``marks`` reads nothing by itself; parsing is what costs. ``given`` are
    the names that its own tools or servers set, and nobody else. ``has_comments``: what stands
    behind ``#`` or ``//`` describes, and is no attribute or directive.
    """

    grammar: Grammar
    marks: tuple[str, ...]
    readers: Mapping[str, Reader]
    calls: tuple[str, ...]
    functions: tuple[str, ...]
    constants: tuple[str, ...] = ()
    given: re.Pattern[str] = re.compile(r"(?!)")
    has_comments: bool = True


PLAIN = Reader()
NO_DEFAULT = Reader(default=None)
FAILS = Reader(required=True)
EVERY = Reader(default=None, every=True)
