"""Log lines of a service at Render, followed by asking again: each once, also those that come late.

``GET /logs`` has no id to go on from, only times, and lines are stored a little after they were
said. So the last seconds are read again each time, and what was seen there is left out.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.shapes import LogLine

_OVERLAP = timedelta(seconds=10)
_MOST_PAGES = 20
_PAGE = "100"


class Trail:
    """``kind`` is ``build`` or ``app``. ``state`` is what a later process goes on with: JSON."""

    def __init__(self, api: RenderApi, owner_id: str, service_id: str, kind: str):
        self._api = api
        self._query = {
            "ownerId": owner_id,
            "resource": service_id,
            "type": kind,
            "direction": "forward",
            "limit": _PAGE,
        }
        self._from: str | None = None
        self._seen: dict[str, datetime] = {}

    def begin(self, at: datetime) -> None:
        self._from = stamp(at)

    def resume(self, state: Mapping[str, Any]) -> None:
        self._from = state["from"]
        self._seen = {key: datetime.fromisoformat(at) for key, at in state["seen"].items()}

    @property
    def state(self) -> dict[str, Any]:
        return {"from": self._from, "seen": {key: stamp(at) for key, at in self._seen.items()}}

    async def fresh(self) -> list[LogLine]:
        """The lines that have come since the last call."""
        found: list[LogLine] = []
        query = {**self._query, **({"startTime": self._from} if self._from else {})}
        for _ in range(_MOST_PAGES):
            page = await self._api.logs(query)
            for line in page.logs:
                if line.id not in self._seen:
                    self._seen[line.id] = line.timestamp
                    found.append(line)
            following = {"startTime": page.next_start, "endTime": page.next_end}
            if not page.has_more or not all(following.values()):
                break
            turned = {**query, **{key: at for key, at in following.items() if at}}
            if turned == query:
                break
            query = turned
        if found:
            self._go_on(max(line.timestamp for line in found))
        return found

    def _go_on(self, newest: datetime) -> None:
        since = newest - _OVERLAP
        if self._from is None or since > datetime.fromisoformat(self._from):
            self._from = stamp(since)
            self._seen = {key: at for key, at in self._seen.items() if at >= since}


def stamp(at: datetime) -> str:
    """A time as Render writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
