"""One read of an environment variable, as found in code."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from autodeploy.services.analyzer.plan import VariableType

# In one file.
MOST_PLACES = 1_000


@dataclass(frozen=True)
class Read:
    """A place where ``key`` is read. ``required``: the code fails there when it is not set.
    ``at_start``: it does so as soon as the file is loaded. ``derived``: the key was put together,
    and counts only when some file spells it.

    ``reason`` says why it is required or not, to be followed by "in FILE:LINE". ``type``,
    ``description`` and ``secret`` are what the place itself says (an annotation, a schema, a
    comment), None or False when nothing.
    """

    key: str
    file: str
    line: int
    required: bool = False
    at_start: bool = False
    default: str | None = None
    has_default: bool = False
    type: VariableType | None = None
    build_time: bool = False
    reason: str | None = None
    description: str | None = None
    secret: bool = False
    derived: bool = False


def holds_any(text: str, words: Iterable[str]) -> bool:
    """Whether one of the words stands in a text. Every file is asked for many words, and a loop
    is twice as quick as ``any`` with a generator, and ten times as a pattern."""
    for word in words:  # noqa: SIM110
        if word in text:
            return True
    return False


def places(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The first places of a pattern in a file: counting the line of each takes as long as the
    file, so without a bound a long file of one statement repeated would be quadratic."""
    return islice(pattern.finditer(text), MOST_PLACES)
