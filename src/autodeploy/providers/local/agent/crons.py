"""The commands of a release that are run at their times, in UTC."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from autodeploy.kernel.cron import parse_schedule
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.sandbox import SandboxProcess, stream_lines
from autodeploy.providers.base import Cron, CronStatus
from autodeploy.providers.local.agent.kept import STOP_GRACE_SECONDS, Workplace
from autodeploy.providers.local.agent.output import Output
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.runtime import AppCommand, app_sandbox

log = structlog.get_logger(__name__)

# What came due this long ago, while a release took over or the agent started anew, is still run.
LATE_SECONDS = 60.0
# The clock of the machine may be set: no pause is longer.
_LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class Remembered:
    """What is known of a command beyond a life of the agent, in unix time. The times of
    ``schedule`` up to ``seen_until`` were run or are given up."""

    schedule: str
    seen_until: float
    last_at: float | None = None
    last_exit_code: int | None = None


class CronMemory:
    """A small file for each app: what it says holds for all its releases."""

    def __init__(self, layout: Layout, number: int):
        self._path = layout.crons / f"{number}.json"

    def read(self, name: str) -> Remembered | None:
        """What is known of a command; None of one that is new."""
        found = self._load().get(name)
        return Remembered(**found) if found else None

    def write(self, name: str, known: Remembered) -> None:
        """Keep it. Every command of an app is kept by one process, so none is lost between."""
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({**self._load(), name: vars(known)}))
        part.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


class CronProcess:
    """One command, never twice at a time. A time that passes meanwhile, or while the agent is
    down, is skipped, and the output says so.

    Args:
        app: the release; ``app.process`` is the command's name.
    """

    def __init__(self, place: Workplace, app: AppCommand, cron: Cron, output: Output):
        self._place = place
        self._app = replace(app, command=cron.command)
        self._name = app.process or ""
        self._schedule = parse_schedule(cron.schedule)
        self._output = output
        self._memory = CronMemory(place.layout, app.number)
        known = self._memory.read(self._name)
        if known is None or known.schedule != cron.schedule:
            known = Remembered(cron.schedule, time.time())
        self._known = known
        self._process: SandboxProcess | None = None
        self._stopped = False
        self._life = asyncio.create_task(self._keep_time())

    @property
    def process(self) -> SandboxProcess | None:
        """What runs of it at the moment."""
        return self._process

    def status(self) -> CronStatus:
        """When it was run last, and when it is next."""
        known = self._known
        after = max(known.seen_until, time.time())
        return CronStatus(self._name, self._due(after), known.last_at, known.last_exit_code)

    async def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Run it no more; one that runs gets SIGTERM, then SIGKILL after the grace."""
        self._stopped = True
        process = self._process
        if process is None:
            self._life.cancel()
        else:
            self._say("system", "It is stopped, since its release is replaced or stopped.")
            await process.stop(grace_seconds=grace_seconds)
        await asyncio.wait([self._life], timeout=grace_seconds)
        self._life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._life

    async def _keep_time(self) -> None:
        while not self._stopped:
            due = self._due(self._known.seen_until)
            now = time.time()
            if due > now:
                await asyncio.sleep(min(due - now, _LONGEST_PAUSE_SECONDS))
                continue
            late = self._due(max(self._known.seen_until, now - LATE_SECONDS))
            if due < now - LATE_SECONDS:
                self._say("system", f"Its run of {_utc(due)} was missed: nothing ran it then.")
            if late > now:
                self._remember(replace(self._known, seen_until=now))
                continue
            # Before it begins: whatever happens then, it is not run for this time again.
            self._remember(replace(self._known, seen_until=late, last_at=now, last_exit_code=None))
            async with self._place.alone[self._app.number, self._name]:
                code = await self._run()
            if not self._stopped:  # what is known belongs to the next release from then on
                self._remember(replace(self._known, last_exit_code=code))
                self._skip_what_passed()

    def _skip_what_passed(self) -> None:
        """Times that came while the one before still ran."""
        now, due = time.time(), self._due(self._known.seen_until)
        if due <= now:
            self._say("system", f"Its run of {_utc(due)} is skipped: the one before still ran.")
            self._remember(replace(self._known, seen_until=now))

    @fault_point("crons.run")
    async def _run(self) -> int | None:
        """Run it once; its exit code, None when it could not be started."""
        try:
            spec = app_sandbox(self._place.layout, self._app, port=None, limits=self._place.limits)
            process = await self._place.sandbox.start(spec)
            self._process = process
            try:
                if self._stopped:  # while it was being started
                    await process.stop(grace_seconds=0)
                await stream_lines(process, self._on_line)
                outcome = await process.wait()
            finally:
                self._process = None
                await process.destroy()
        except Exception as error:
            log.exception("cron.start_failed", deployment_id=str(self._app.deployment_id))
            self._say("system", f"It could not be started: {error}")
            return None
        if outcome.exit_code or outcome.out_of_memory:
            reason = " (out of memory)" if outcome.out_of_memory else ""
            self._say("system", f"It ended with exit code {outcome.exit_code}{reason}.")
        return outcome.exit_code

    async def _on_line(self, stream: str, text: str) -> None:
        self._say(stream, text)

    def _say(self, stream: str, text: str) -> None:
        self._output.append(stream, f"{self._name}: {text}")

    def _remember(self, known: Remembered) -> None:
        self._known = known
        try:
            self._memory.write(self._name, known)
        except OSError as error:  # a full disk is no reason to run nothing
            log.warning("cron.not_remembered", app=self._app.number, error=str(error))

    def _due(self, after: float) -> float:
        return self._schedule.after(datetime.fromtimestamp(after, UTC)).timestamp()


def _utc(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
