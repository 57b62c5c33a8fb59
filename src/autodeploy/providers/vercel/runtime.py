"""What a deployment prints while it runs.

Vercel tells of it from now on alone: ``runtime-logs`` is a stream without a past (SDK 1.28.35,
2026). What is printed between two looks is lost.
"""

import asyncio

from pydantic import ValidationError

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.streams import Stream
from autodeploy.providers.base import RuntimeLines
from autodeploy.providers.vercel.refusals import expect
from autodeploy.providers.vercel.shapes import RuntimeLine

# A look without a wait would see nothing.
_SHORTEST_SECONDS = 1.0
_LIMIT_BYTES = 16 * 1024 * 1024
_MOST_LINES = 5_000
_ERRORS = {"error", "fatal"}
_BEGINNING = "0/"


async def watch(
    http: HttpClient, project_id: str, deployment_id: str, cursor: str | None, wait_seconds: float
) -> RuntimeLines:
    """The lines of the next ``wait_seconds``, at least one; the cursor is the last line's time in
    milliseconds and its id. Raises ``NotFound``."""
    call = Call(
        "GET",
        "/v1/projects/{project}/deployments/{deployment}/runtime-logs",
        parts={"project": project_id, "deployment": deployment_id},
        headers={"Accept": "application/stream+json"},
        limit_bytes=_LIMIT_BYTES,
    )
    found: list[RuntimeLine] = []
    try:
        async with asyncio.timeout(max(wait_seconds, _SHORTEST_SECONDS)):
            async with http.open(call) as stream:
                if isinstance(stream, Answer):
                    expect(stream)
                else:
                    await _read(stream, found)
    except TimeoutError:
        pass
    except ProviderUnavailable:
        if not found:
            raise
    return _after(cursor or _BEGINNING, found)


async def _read(stream: Stream, found: list[RuntimeLine]) -> None:
    async for value in stream.lines():
        try:
            found.append(RuntimeLine.model_validate(value))
        except ValidationError:
            continue  # a kind of line that is new
        if len(found) >= _MOST_LINES:
            return


def _after(cursor: str, found: list[RuntimeLine]) -> RuntimeLines:
    time, _, last = cursor.partition("/")
    lines = []
    for each in found:
        if each.timestamp_in_ms < float(time) or each.row_id == last:
            continue
        cursor = f"{each.timestamp_in_ms:.0f}/{each.row_id}"
        stream = "stderr" if each.level in _ERRORS else "stdout"
        text = each.message or " ".join(filter(None, (each.request_method, each.request_path)))
        lines += [(each.timestamp_in_ms / 1000, stream, line) for line in text.splitlines()]
    return RuntimeLines(cursor, tuple(lines))
