"""Which lines of a log a reader wants."""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func

from autodeploy.services.deployer.log_models import DeploymentLog, DeploymentLogArchive

LEVELS = ("debug", "info", "warn", "error")
# A terminal's colours stand anywhere, also inside a word that is looked for.
_COLOUR = re.compile("\x1b\\[[0-9;:]*m")
# The same in Python and in PostgreSQL, whatever the locale of the server is.
_LETTERS = (string.ascii_uppercase, string.ascii_lowercase)
_LOWER = str.maketrans(*_LETTERS)


@dataclass(frozen=True)
class LogFilter:
    """Lines of ``level`` or worse, of one of the ``sources``, not older than ``since``, with
    ``text`` in them (A to Z in either case, colours left out); what is left out does not matter."""

    level: str | None = None
    sources: frozenset[str] = frozenset()
    since: datetime | None = None
    text: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for the rows of the table."""
        wanted: list[ColumnElement[bool]] = []
        if self.level is not None:
            wanted.append(DeploymentLog.level.in_(self._levels()))
        if self.sources:
            wanted.append(DeploymentLog.source.in_(self.sources))
        if self.since is not None:
            wanted.append(DeploymentLog.timestamp >= self.since)
        if self.text:
            plain = func.regexp_replace(DeploymentLog.message, _COLOUR.pattern, "", "g")
            wanted.append(func.strpos(func.translate(plain, *_LETTERS), _lower(self.text)) > 0)
        return wanted

    def archive_conditions(self) -> list[ColumnElement[bool]]:
        """Whether a row of the archives may hold wanted lines."""
        wanted: list[ColumnElement[bool]] = []
        if self.level is not None:
            wanted.append(DeploymentLogArchive.levels.overlap(self._levels()))
        if self.sources:
            wanted.append(DeploymentLogArchive.sources.overlap(list(self.sources)))
        if self.since is not None:
            wanted.append(DeploymentLogArchive.last_timestamp >= self.since)
        return wanted

    def matches(self, line: Mapping[str, Any]) -> bool:
        """The same for a line in the shape of ``deployment.log``."""
        return (
            line["level"] in self._levels()
            and (not self.sources or line["source"] in self.sources)
            and (self.since is None or datetime.fromisoformat(line["timestamp"]) >= self.since)
            and (not self.text or _lower(self.text) in _lower(_COLOUR.sub("", line["message"])))
        )

    def _levels(self) -> tuple[str, ...]:
        return LEVELS[LEVELS.index(self.level) :] if self.level else LEVELS


def _lower(text: str) -> str:
    return text.translate(_LOWER)


EVERY_LINE = LogFilter()
