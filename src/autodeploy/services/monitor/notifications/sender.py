"""Sends what is due, in each worker: a few at a time to one endpoint, many in all."""

import asyncio
from collections import Counter
from uuid import UUID

import structlog

from autodeploy.kernel.http.timing import SystemTiming, Timing
from autodeploy.kernel.questions import ASKED_AT, Question
from autodeploy.kernel.resources import Resources
from autodeploy.services.monitor.notifications.outbox import (
    claim,
    has_something_to_send,
    list_due,
    note,
    spread,
)
from autodeploy.services.monitor.notifications.sending import try_to_send

MOST_PER_ENDPOINT = 4
MOST_AT_ONCE = 256
TICK_SECONDS = 1.0
_HAS_SOMETHING = Question(has_something_to_send(ASKED_AT))

_log = structlog.get_logger(__name__)


class Sender:
    """The deliveries of one worker. Each lane sends to one endpoint, one thing after the other, so
    an endpoint that is slow fills its own lanes and nobody else's."""

    def __init__(self, resources: Resources, *, timing: Timing | None = None):
        self._resources = resources
        self._timing = timing or SystemTiming()
        self._lanes: set[asyncio.Task[None]] = set()
        self._of_endpoint: Counter[UUID] = Counter()

    async def run(self) -> None:
        """Send for ever. What is being sent when this is cancelled is sent again by another."""
        try:
            while True:
                try:
                    await self.tick()
                except Exception as error:
                    _log.warning("notifications.failed", error=type(error).__name__)
                await self._timing.sleep(TICK_SECONDS)
        finally:
            await self.close()

    async def tick(self) -> None:
        """One pass: find out who is to be told what is new, and open lanes where something is
        due."""
        if not await _HAS_SOMETHING.holds(self._resources.db, self._timing.now()):
            return
        await spread(self._resources.db, self._timing.now())
        for endpoint_id in await list_due(self._resources.db, self._timing.now()):
            if len(self._lanes) >= MOST_AT_ONCE:
                return
            if self._of_endpoint[endpoint_id] < MOST_PER_ENDPOINT:
                self._open_lane(endpoint_id)

    async def settle(self) -> None:
        """Wait until nothing is being sent."""
        while self._lanes:
            await asyncio.wait(set(self._lanes))

    async def close(self) -> None:
        """Give up what is being sent."""
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    def _open_lane(self, endpoint_id: UUID) -> None:
        self._of_endpoint[endpoint_id] += 1
        lane = asyncio.create_task(self._send_all(endpoint_id))
        self._lanes.add(lane)

        def closed(lane: asyncio.Task[None]) -> None:
            self._lanes.discard(lane)
            self._of_endpoint[endpoint_id] -= 1
            self._of_endpoint += Counter()  # forget those without lanes
            if not lane.cancelled() and (error := lane.exception()) is not None:
                _log.warning("notifications.failed", error=type(error).__name__)

        lane.add_done_callback(closed)

    async def _send_all(self, endpoint_id: UUID) -> None:
        resources, timing = self._resources, self._timing
        while (claimed := await claim(resources.db, endpoint_id, timing.now())) is not None:
            outcome = await try_to_send(resources, claimed.endpoint, claimed.event, timing.now())
            await note(resources.db, claimed, outcome, timing.now(), timing.share())
