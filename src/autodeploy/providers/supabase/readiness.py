"""Waiting for a project to come up, to come back or to pause: it takes some minutes."""

from collections.abc import Iterator
from functools import partial

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.outages import outlast
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import LogSink
from autodeploy.providers.supabase.api import SupabaseAccount
from autodeploy.providers.supabase.shapes import ProjectStatus

# A project takes one to three minutes as a rule; two calls a poll stay well below 120 a minute.
TOTAL_SECONDS = 600.0
_FIRST_WAIT_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 15.0

#: What does not pass by itself.
FAILED = {
    ProjectStatus.INIT_FAILED: "could not be made",
    ProjectStatus.RESTORE_FAILED: "could not be brought back from its pause",
    ProjectStatus.PAUSE_FAILED: "could not be paused, and does not answer",
}

#: What a project has that was paused, goes into a pause or comes out of one, or broke on the way.
STOPPED = {
    *FAILED,
    ProjectStatus.INACTIVE,
    ProjectStatus.PAUSING,
    ProjectStatus.RESTORING,
}

# What a project stays in by itself: only then is it asked to pause.
_SETTLED = {ProjectStatus.ACTIVE_HEALTHY, ProjectStatus.ACTIVE_UNHEALTHY}


async def wait_until_ready(
    account: SupabaseAccount, ref: str, log: LogSink, timing: Timing
) -> None:
    """Return when the database and its pooler accept connections; a paused one is brought back.

    Supabase may not answer for a few minutes meanwhile: the project comes up all the same. Raises
    ``DeploymentFailed`` where that cannot come of itself, and ``ProviderUnavailable`` after
    ``TOTAL_SECONDS``.
    """
    deadline = timing.monotonic() + TOTAL_SECONDS
    seen: ProjectStatus | None = None
    asked_back = False
    for wait in _waits():
        status = await outlast(partial(_status, account, ref, seen), timing)
        if status is not seen:
            await log("info", "database", f"Supabase project {ref}: {_words(status)}.")
            seen = status
        _refuse_ended(ref, status)
        if status is ProjectStatus.INACTIVE and not asked_back:
            await account.restore_project(ref)
            asked_back = True
        lacking: list[str] = []
        if status is ProjectStatus.ACTIVE_HEALTHY:
            lacking = await outlast(partial(account.lacking_services, ref), timing)
            if not lacking:
                return
        if timing.monotonic() + wait > deadline:
            raise _too_slow(ref, status, lacking)
        await timing.sleep(wait)


async def wait_until_paused(account: SupabaseAccount, ref: str, timing: Timing) -> None:
    """Have the project paused, and return when it is.

    One that changes already, such as one that comes up, is asked for when it has settled. Raises
    ``DeploymentFailed`` where it cannot be paused, and ``ProviderUnavailable`` after
    ``TOTAL_SECONDS``.
    """
    deadline = timing.monotonic() + TOTAL_SECONDS
    asked = False
    for wait in _waits():
        status = await outlast(partial(_status, account, ref, ProjectStatus.ACTIVE_HEALTHY), timing)
        if status is ProjectStatus.INACTIVE:
            return
        if status.is_leaving or status in FAILED:
            raise DeploymentFailed(
                f"The project {ref} is not paused (Supabase says {status.value}).",
                remedy="Look at the project in Supabase's dashboard and at status.supabase.com.",
            )
        if status in _SETTLED and not asked:
            await account.pause_project(ref)
            asked = True
        if timing.monotonic() + wait > deadline:
            raise ProviderUnavailable(
                f"The project {ref} is not paused after {TOTAL_SECONDS / 60:.0f} minutes "
                f"({_words(status)}).",
                remedy="Look at the project and at status.supabase.com, then try again.",
            )
        await timing.sleep(wait)


async def _status(account: SupabaseAccount, ref: str, seen: ProjectStatus | None) -> ProjectStatus:
    """The project may not be shown right after it was made; one that was shown is gone."""
    project = await account.find_project(ref)
    if project is not None:
        return project.status
    return ProjectStatus.UNKNOWN if seen in (None, ProjectStatus.UNKNOWN) else ProjectStatus.REMOVED


def _waits() -> Iterator[float]:
    wait = _FIRST_WAIT_SECONDS
    while True:
        yield wait
        wait = min(wait * 1.5, _LONGEST_WAIT_SECONDS)


def _refuse_ended(ref: str, status: ProjectStatus) -> None:
    if status.is_leaving:
        raise DeploymentFailed(
            f"The project {ref} was deleted at Supabase while it came up.",
            remedy="Ask for the database again: it is made anew then.",
        )
    if status in FAILED:
        raise DeploymentFailed(
            f"The project {ref} {FAILED[status]} (Supabase says {status.value}).",
            remedy="Look at the project and at status.supabase.com. Delete it at Supabase, "
            "and ask for the database again: it is made anew then.",
        )


def _too_slow(ref: str, status: ProjectStatus, lacking: list[str]) -> ProviderUnavailable:
    of = f", without its {' and '.join(lacking)}" if lacking else ""
    return ProviderUnavailable(
        f"The project {ref} is not ready after {TOTAL_SECONDS / 60:.0f} minutes "
        f"({_words(status)}{of}).",
        remedy="Look at the project and at status.supabase.com, then try again: it goes "
        "on with the same project.",
    )


def _words(status: ProjectStatus) -> str:
    return status.value.lower().replace("_", " ")
