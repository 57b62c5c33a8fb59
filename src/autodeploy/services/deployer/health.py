"""Whether a release answers, before it gets traffic."""

import asyncio
import contextlib
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from autodeploy.kernel.app_file import HealthCheck
from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.outputs import lines_that_matter
from autodeploy.providers.base import DeployProvider, Release, RuntimeStatus
from autodeploy.providers.crashes import explain_crash
from autodeploy.services.analyzer.plan import AppKind, Plan
from autodeploy.services.deployer.errors import (
    AppCrashed,
    AppNotListening,
    AppOutOfMemory,
    AppWrongAddress,
    AppWrongPort,
    HealthCheckFailed,
)

# An app is asked again after a twentieth of the time that it has taken so far: what that adds to
# its start is in proportion, and an attempt that finds no one costs about a millisecond.
FIRST_INTERVAL_SECONDS = 0.02
LAST_INTERVAL_SECONDS = 1.0
_INTERVAL_SHARE = 0.05
# Whether it has crashed is not asked as often: the provider has more to look at.
_STATUS_INTERVAL_SECONDS = 0.25
_STEADY_INTERVAL_SECONDS = 0.05
ANSWER_TIMEOUT_SECONDS = 10.0
# A provider elsewhere takes so many calls a minute of an account, and deployments share them.
_HOSTED_INTERVAL_SECONDS = 1.5
CRASHES_BEFORE_FAILURE = 3
# A process without an address proves itself by staying up.
STEADY_SECONDS = 3.0


@dataclass(frozen=True)
class Health:
    """When a release counts as well: when it answers ``path`` with one of ``statuses`` within
    ``timeout_seconds``, or without an address, when it has stayed up for ``steady_seconds``.

    ``interval_seconds`` is from one question to the next; None for as soon as makes sense. One
    that is ``hosted`` elsewhere is asked seldom, and so is its provider.
    """

    timeout_seconds: float
    path: str = "/"
    statuses: range = range(500)
    interval_seconds: float | None = None
    steady_seconds: float = STEADY_SECONDS
    hosted: bool = False

    @classmethod
    def of(cls, plan: Plan, timeout_seconds: float, *, hosted: bool = False) -> "Health":
        """As the app's owner wants it; ``timeout_seconds`` where nothing is said of it."""
        check = plan.health_check or HealthCheck()
        return cls(
            timeout_seconds=check.timeout or timeout_seconds,
            path=plan.health_path or "/",
            # What the owner named is made to tell; of the first page, a 404 is as good as any.
            statuses=check.statuses(range(400 if plan.health_path else 500)),
            interval_seconds=check.interval,
            steady_seconds=0 if plan.kind is AppKind.STATIC else STEADY_SECONDS,
            hosted=hosted,
        )

    def spaced(self, seconds: float) -> float:
        """The pause before the next look that would be made after so many seconds."""
        return max(seconds, _HOSTED_INTERVAL_SECONDS) if self.hosted else seconds


@dataclass
class _Seen:
    """The process that is waited for and its best sign of life so far: None for no connection at
    all."""

    url: str = ""
    status: int | None = None


async def wait_until_healthy(provider: DeployProvider, release: Release, health: Health) -> None:
    """Return when the release is well: each of its processes.

    Raises:
        AppCrashed, AppNotListening, HealthCheckFailed: with the app's last lines.
        Unavailable: the release is to be deployed again.
    """
    seen = _Seen()
    try:
        async with asyncio.timeout(health.timeout_seconds):
            if not release.check_urls:
                await _wait_until_steady(provider, release, health)
            for place, url in enumerate(release.check_urls):
                seen.url, seen.status = url, None
                await _wait_for_answer(provider, release, place, health, seen)
    except TimeoutError:
        status = await provider.status(release)
        raise _failure(status, seen, health) from None


async def _wait_for_answer(
    provider: DeployProvider, release: Release, place: int, health: Health, seen: _Seen
) -> None:
    clock = asyncio.get_running_loop().time
    begun = status_due = clock()
    async with httpx.AsyncClient(
        timeout=ANSWER_TIMEOUT_SECONDS,
        trust_env=False,
        follow_redirects=False,
        # Reading the certificate authorities takes 20 ms and more.
        verify=urlsplit(seen.url).scheme == "https",
    ) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                seen.status = await _status_of(client, urljoin(seen.url, health.path))
                if seen.status in health.statuses:
                    return
            if clock() >= status_due:
                status = await provider.status(release)
                _refuse_crashing(status)
                # It is started on another port where its own was taken meanwhile.
                if place < len(status.check_urls):
                    seen.url = status.check_urls[place]
                status_due = clock() + health.spaced(_STATUS_INTERVAL_SECONDS)
            pause = health.spaced(_pause(clock() - begun, seen))
            await asyncio.sleep(health.interval_seconds or pause)


def _pause(waited_seconds: float, seen: _Seen) -> float:
    """Seconds until it is asked again. One that answers, but not well, has each request in its
    log, and is not asked as often."""
    shortest = FIRST_INTERVAL_SECONDS if seen.status is None else _STATUS_INTERVAL_SECONDS
    return min(LAST_INTERVAL_SECONDS, max(shortest, _INTERVAL_SHARE * waited_seconds))


async def _status_of(client: httpx.AsyncClient, url: str) -> int:
    """The status alone: an app whose first page is endless is healthy."""
    async with client.stream("GET", url) as response:
        return response.status_code


async def _wait_until_steady(provider: DeployProvider, release: Release, health: Health) -> None:
    clock = asyncio.get_running_loop().time
    up_since: float | None = None
    while True:
        status = await provider.status(release)
        _refuse_crashing(status)
        up_since = (up_since or clock()) if _runs(status) else None
        if up_since is not None and clock() - up_since >= health.steady_seconds:
            return
        await asyncio.sleep(health.spaced(_STEADY_INTERVAL_SECONDS))


def _runs(status: RuntimeStatus) -> bool:
    return status.state == "running"


def _refuse_crashing(status: RuntimeStatus) -> None:
    if status.state == "absent":  # it was deployed, so its machine was restarted since
        raise Unavailable("The release is gone: its machine was restarted while it started.")
    if status.state == "crashed" or status.restarts >= CRASHES_BEFORE_FAILURE:
        raise _crashed(status)


def _crashed(status: RuntimeStatus) -> AppCrashed:
    if status.out_of_memory:
        return AppOutOfMemory(
            "The app needed more memory than it may have, and was ended.",
            remedy="Have it hold less at once, or start fewer workers.",
            log_tail=lines_that_matter(status.log_tail),
        )
    code = "" if status.exit_code is None else f" with exit code {status.exit_code}"
    known = explain_crash(status.log_tail)
    return AppCrashed(
        f"{status.process or 'The app'} ended{code} before it answered a request.",
        cause=known.cause if known else None,
        remedy=known.remedy
        if known
        else "Read its last lines above. Check the start command, and whether every variable that "
        "the app needs is set.",
        log_tail=lines_that_matter(status.log_tail),
    )


def _failure(
    status: RuntimeStatus, seen: _Seen, health: Health
) -> AppCrashed | AppNotListening | HealthCheckFailed:
    tail = lines_that_matter(status.log_tail)
    if seen.status is not None:
        return HealthCheckFailed(
            f"The app answered {health.path} with status {seen.status} "
            f"for {health.timeout_seconds:g} s.",
            remedy=f"Make {health.path} answer with a status {_named(health.statuses)}; the app's "
            "last lines are below.",
            log_tail=tail,
        )
    # Without ever listening it is still starting, however long it has been up.
    if status.restarts or status.state not in ("starting", "running"):
        return _crashed(status)
    if status.listening:
        return _elsewhere(status, str(urlsplit(seen.url).port), tail)
    if health.hosted and seen.url:
        return AppNotListening(
            f"Nothing answered at {seen.url} within {health.timeout_seconds:g} s, where the app "
            "runs by what its provider says.",
            remedy="Open it. If it answers you, see that this machine may reach it: its name, its "
            "certificate and what filters its calls. If not, look at the app at the provider.",
            log_tail=tail,
        )
    return AppNotListening(
        f"The app runs but did not answer on its port within {health.timeout_seconds:g} s.",
        remedy="Make it listen on the port in the environment variable PORT, on 0.0.0.0 or "
        "127.0.0.1, and not on a fixed one.",
        log_tail=tail,
    )


def _named(statuses: range) -> str:
    if statuses.start == 0:
        return f"below {statuses.stop}"
    if len(statuses) == 1:
        return f"of {statuses.start}"
    return f"from {statuses.start} to {statuses.stop - 1}"


def _elsewhere(status: RuntimeStatus, port: str, tail: list[str]) -> AppNotListening:
    """The app listens, but not where it is asked."""
    places = [place.rpartition(":")[::2] for place in status.listening]
    at_its_port = ", ".join(address for address, found in places if found == port)
    if at_its_port:
        return AppWrongAddress(
            f"The app listens on port {port}, but only at {at_its_port}.",
            remedy="Listen on 0.0.0.0 or 127.0.0.1.",
            log_tail=tail,
        )
    found = ", ".join(sorted({found for _, found in places}))
    return AppWrongPort(
        f"The app listens on port {found} instead of the one in PORT, {port}.",
        remedy="Listen on the port in the environment variable PORT.",
        log_tail=tail,
    )
