"""One line of a deployment's log, and how much of a flood of them is kept."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

OUTPUT_LIMIT_BYTES = 16 * 1024**2
LAST_LINES = 200
OWN_SOURCE = "autodeploy"
# What a row costs beside its message: a flood of empty lines is a flood too.
_ROW_BYTES = 64


@dataclass(frozen=True)
class LogLine:
    """One line before it has a number."""

    timestamp: datetime
    level: str
    source: str
    message: str


def line_message(deployment_id: UUID, line: Mapping[str, Any]) -> dict[str, Any]:
    """A numbered line, with the columns of the table, in the shape of ``deployment.log``."""
    return {
        "type": "deployment.log",
        "deploymentId": str(deployment_id),
        "sequence": line["sequence"],
        "timestamp": line["timestamp"].isoformat(),
        "level": line["level"],
        "message": line["message"],
        "source": line["source"],
    }


class OutputLimit:
    """Which lines of one run are kept: the first ones up to a size, and the last ones before
    each line of our own. What lies between is counted and told."""

    def __init__(self, limit_bytes: int = OUTPUT_LIMIT_BYTES, last_lines: int = LAST_LINES):
        self._left_bytes = limit_bytes
        self._limit_bytes = limit_bytes
        self._last: deque[LogLine] = deque(maxlen=last_lines)
        self._held_back = 0
        self._told = False

    def take(self, line: LogLine) -> list[LogLine]:
        """What is to be stored now that ``line`` has come."""
        if line.source == OWN_SOURCE:
            return [*self.end(), line]
        self._left_bytes -= len(line.message) + _ROW_BYTES
        if self._left_bytes >= 0:
            return [line]
        self._last.append(line)
        self._held_back += 1
        if self._told:
            return []
        self._told = True
        return [_own(line, f"There is more output than {self._limit_bytes >> 20} MiB.")]

    def end(self) -> list[LogLine]:
        """The last lines of what was held back, and how many were not kept."""
        lines = list(self._last)
        lost = self._held_back - len(lines)
        self._last.clear()
        self._held_back = 0
        if not lost:
            return lines
        return [_own(lines[0], f"{lost} lines of output were left out here."), *lines]


def _own(line: LogLine, message: str) -> LogLine:
    return LogLine(line.timestamp, "warn", OWN_SOURCE, message)
