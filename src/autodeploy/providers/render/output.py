"""What apps at Render print, read on from a cursor."""

import json
from datetime import UTC, datetime

from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import Release, RuntimeLines
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.shapes import LogLine
from autodeploy.providers.render.trails import Trail

_POLL_SECONDS = 2.0


async def read_output(
    api: RenderApi, release: Release, cursor: str | None, wait_seconds: float, timing: Timing
) -> RuntimeLines:
    """What came after ``cursor``, waited for until there is some. Raises ``NotFound``."""
    trail = await _opened(api, release, cursor)
    deadline = timing.monotonic() + wait_seconds
    while True:
        lines = await trail.fresh()
        left = deadline - timing.monotonic()
        if lines or left <= 0:
            break
        await timing.sleep(min(_POLL_SECONDS, left))
    following = json.dumps(trail.state, separators=(",", ":"))
    return RuntimeLines(following, tuple(map(_line, lines)))


async def _opened(api: RenderApi, release: Release, cursor: str | None) -> Trail:
    """Of a service, whose lines do not say which deploy they are of: from when it was made on."""
    made = release.resources
    trail = Trail(api, made["owner"], made["service"], "app")
    if cursor:
        trail.resume(json.loads(cursor))
    else:
        deploy = await api.deploy(made["service"], made["deploy"])
        trail.begin(deploy.created_at or datetime.fromtimestamp(0, UTC))
    return trail


def _line(line: LogLine) -> tuple[float, str, str]:
    stream = "stderr" if line.label("level") == "error" else "stdout"
    return line.timestamp.timestamp(), stream, line.message
