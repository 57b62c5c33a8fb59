"""What apps at Render print, read on from a cursor.

The protocol asks by the id of a deployment, which Render does not know. Where a deployment runs is
in the cursor, and at first in what this process has seen of its releases.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import RuntimeLines
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.shapes import LogLine
from autodeploy.providers.render.trails import Trail

_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Place:
    """Where a release runs, and since when it has output."""

    owner_id: str
    service: str
    since: datetime


class Places:
    """Where the releases run that this process has seen."""

    def __init__(self) -> None:
        self._by_deployment: dict[UUID, Place] = {}

    def find(self, deployment_id: UUID) -> Place | None:
        return self._by_deployment.get(deployment_id)

    def keep(self, deployment_id: UUID, place: Place) -> None:
        self._by_deployment[deployment_id] = place

    def forget(self, deployment_id: UUID) -> None:
        self._by_deployment.pop(deployment_id, None)


async def read_output(
    api: RenderApi, place: Place | None, cursor: str | None, wait_seconds: float, timing: Timing
) -> RuntimeLines:
    """What came after ``cursor``, waited for until there is some; nothing of an unknown release."""
    trail, held = _opened(api, place, cursor)
    if trail is None:
        return RuntimeLines("", ())
    deadline = timing.monotonic() + wait_seconds
    while True:
        lines = await trail.fresh()
        left = deadline - timing.monotonic()
        if lines or left <= 0:
            break
        await timing.sleep(min(_POLL_SECONDS, left))
    following = json.dumps({**held, **trail.state}, separators=(",", ":"))
    return RuntimeLines(following, tuple(map(_line, lines)))


def _opened(
    api: RenderApi, place: Place | None, cursor: str | None
) -> tuple[Trail | None, dict[str, str]]:
    if cursor:
        state = json.loads(cursor)
        held = {"owner": state["owner"], "service": state["service"]}
        trail = Trail(api, held["owner"], held["service"], "app")
        trail.resume(state)
        return trail, held
    if place is None:
        return None, {}
    trail = Trail(api, place.owner_id, place.service, "app")
    trail.begin(place.since)
    return trail, {"owner": place.owner_id, "service": place.service}


def _line(line: LogLine) -> tuple[float, str, str]:
    stream = "stderr" if line.label("level") == "error" else "stdout"
    return line.timestamp.timestamp(), stream, line.message
