"""One read of an environment variable, as found in code."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from autodeploy.services.analyzer.plan import VariableType

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Read:
    """A place where ``key`` is read. ``required``: the code fails there when it is not set.

    ``reason`` says why it is required or not, to be followed by "in FILE:LINE". ``type``,
    ``description`` and ``secret`` are what the place itself says (an annotation, a schema, a
    comment), None or False when nothing.
    """

    key: str
    file: str
    line: int
    required: bool = False
    default: str | None = None
    has_default: bool = False
    type: VariableType | None = None
    build_time: bool = False
    reason: str | None = None
    description: str | None = None
    secret: bool = False


def occurring(reads: Iterable[Read], texts: Mapping[str, str]) -> Iterator[Read]:
    """Those of ``reads``, whose keys were put together, that some text spells in any case."""
    derived = list(reads)
    if derived:
        words = {word.upper() for text in texts.values() for word in _WORD.findall(text)}
        yield from (read for read in derived if read.key.upper() in words)
