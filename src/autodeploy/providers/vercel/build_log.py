"""The output of a build at Vercel, as it comes, each line once.

``/v3/deployments/{id}/events`` sends lines of two forms (its SDK 1.28.35, and its client, 2026);
what comes again with ``since`` is told by its id.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.timing import Timing
from autodeploy.kernel.outputs import lines_that_matter
from autodeploy.kernel.redaction import Redactor
from autodeploy.providers.base import LogSink, Notes
from autodeploy.providers.vercel.shapes import Event

SOURCE = "build"

_LINES = {"stdout", "stderr", "command", "fatal"}
_LEVELS = {"error": "error", "warning": "warn"}
_LIMIT_BYTES = 64 * 1024 * 1024
_KEPT_LINES = 400
_AGAIN_SECONDS = 2.0
# Lines of builds that run side by side do not come in order.
_OVERLAP_MS = 10_000
_NOTE_SECONDS = 5.0


class BuildLog:
    """Where it stands is noted, so that a later process goes on from there."""

    def __init__(
        self, http: HttpClient, timing: Timing, deployment_id: str, notes: Notes, sink: LogSink
    ):
        self._http = http
        self._timing = timing
        self._deployment_id = deployment_id
        self._notes = notes
        self._sink = sink
        place = notes.values.get("log")
        noted: Mapping[str, Any] = place if isinstance(place, dict) else {}
        same = noted.get("deployment") == deployment_id
        self._from = self._since = int(noted["since"]) if same else 0
        self._seen = dict.fromkeys(noted["ids"] if same else (), self._since)
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)
        self._noted_at = timing.monotonic()

    async def follow(self) -> None:
        """Until it is cancelled; a stream that breaks off, or is not there yet, is opened again
        where it broke off."""
        while True:
            try:
                async with self._http.open(self._call(follow=True)) as stream:
                    if isinstance(stream, Answer):
                        if stream.status != HTTPStatus.NOT_FOUND:
                            return
                    else:
                        async for value in stream.lines():
                            await self._take(value)
            except ProviderUnavailable:
                pass
            await self._timing.sleep(_AGAIN_SECONDS)

    async def catch_up(self) -> None:
        """What there is still: the end of a build that has ended. Its loss fails no build."""
        try:
            answer = await self._http.send(self._call(follow=False))
            if answer.status == HTTPStatus.OK:
                await self._take_whole(answer)
        except ProviderUnavailable as error:
            await self._sink("warn", SOURCE, f"The end of Vercel's log is missing: {error.message}")
        await self._note()

    def tail(self, redactor: Redactor) -> list[str]:
        """The last lines that matter."""
        return lines_that_matter([redactor.line(each) for each in self._last])

    def _call(self, *, follow: bool) -> Call:
        query = {"builds": "1", "direction": "forward", "limit": "-1"}
        if self._since:
            query["since"] = str(max(self._since - _OVERLAP_MS, 0))
        if follow:
            query["follow"] = "1"
        return Call(
            "GET", "/v3/deployments/{id}/events", parts={"id": self._deployment_id}, query=query,
            headers={"Accept": "application/stream+json, application/json;q=0.9"},
            limit_bytes=_LIMIT_BYTES,
        )  # fmt: skip

    async def _take_whole(self, answer: Answer) -> None:
        """Of either form: a list, or a line for each."""
        try:
            events = answer.json()
        except ProviderUnavailable:
            for line in filter(bytes.strip, answer.body.splitlines()):
                await self._take(replace(answer, body=line).json())
        else:
            await self._take(events)

    async def _take(self, value: object) -> None:
        for each in value if isinstance(value, list) else [value]:
            try:
                event = Event.model_validate(each)
            except ValidationError:
                continue  # a kind of line that is new
            await self._show(event)
        if self._timing.monotonic() - self._noted_at >= _NOTE_SECONDS:
            await self._note()

    async def _show(self, event: Event) -> None:
        body = event.payload or event
        told = event.created or event.date or body.date
        at = int(told or self._since)
        # Not by a time that it was given here: when it comes again that is another one.
        key = body.id or f"{told}:{event.serial or body.serial}:{event.type}:{body.text}"
        if at < self._from or key in self._seen:
            return
        self._seen[key] = at
        self._since = max(self._since, at)
        if event.type in _LINES:
            level = "error" if event.type == "fatal" else _LEVELS.get(event.level or "", "info")
            for line in (body.text or "").splitlines():
                self._last.append(line)
                await self._sink(level, SOURCE, line)

    async def _note(self) -> None:
        self._noted_at = self._timing.monotonic()
        last = [key for key, at in self._seen.items() if at == self._since]
        place = {"deployment": self._deployment_id, "since": self._since, "ids": last}
        await self._notes.keep(log=place)
