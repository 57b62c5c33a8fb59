"""Which lines of a log a reader wants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement

from autodeploy.services.deployer.models import DeploymentLog

LEVELS = ("debug", "info", "warn", "error")


@dataclass(frozen=True)
class LogFilter:
    """Lines of ``level`` or worse, of one of the ``sources``, not older than ``since``; what is
    left out does not matter."""

    level: str | None = None
    sources: frozenset[str] = frozenset()
    since: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for the rows of the table."""
        wanted: list[ColumnElement[bool]] = []
        if self.level is not None:
            wanted.append(DeploymentLog.level.in_(self._levels()))
        if self.sources:
            wanted.append(DeploymentLog.source.in_(self.sources))
        if self.since is not None:
            wanted.append(DeploymentLog.timestamp >= self.since)
        return wanted

    def matches(self, line: Mapping[str, Any]) -> bool:
        """The same for a line in the shape of ``deployment.log``."""
        return (
            line["level"] in self._levels()
            and (not self.sources or line["source"] in self.sources)
            and (self.since is None or datetime.fromisoformat(line["timestamp"]) >= self.since)
        )

    def _levels(self) -> tuple[str, ...]:
        return LEVELS[LEVELS.index(self.level) :] if self.level else LEVELS


EVERY_LINE = LogFilter()
