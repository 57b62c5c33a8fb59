"""What is followed at GitHub, with all that a look at it needs."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, String, cast, func

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.http.errors import RateLimited
from autodeploy.services.analyzer.hosts import HostedRepository, nobody_acts, open_host
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.pushes.models import PushToDeploy

#: What is looked at in one pass, and how much of it at once.
MOST_AT_A_PASS = 100
#: What may wait a little, so that a push does not wait for it.
MOST_OF_THE_REST = 16
_AT_ONCE = 8
# One that takes longer keeps the others no longer; it is looked at again.
_LONGEST_LOOK_SECONDS = 30.0

_TRY_AGAIN = timedelta(seconds=60)
# What was pushed is to be deployed within a minute, with or without a delivery.
_SHORTEST, _LONGEST = timedelta(seconds=5), timedelta(seconds=40)
_SHARE_OF_QUIET = 30
# GitHub takes 900 calls a minute of an account (docs.github.com, "Rate limits for the REST API",
# 2026-11), of which those that it answers with a 304 cost no quota: a third of them for branches, a
# third for webhooks, and the last for what there is to do.
_SECONDS_OF_A_CALL = 0.2

_log = structlog.get_logger(__name__)
Followed = TypeVar("Followed")
Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


def of_projects(statement: Query) -> Query:
    """A query over ``PushToDeploy``, joined with projects that stay and their repositories."""
    return (
        statement.join(Project, Project.id == PushToDeploy.project_id)
        .join(Repository, Repository.id == Project.repository_id)
        .where(Project.deletion_requested_at.is_(None), Repository.kind == "github")
    )


def limit_of(repository: type[Repository]) -> ColumnElement[str | None]:
    """Whose limit the calls for a repository count against: an installation has one of its own, and
    so has each account."""
    return func.coalesce(
        cast(repository.github_installation_id, String), cast(repository.connection_id, String)
    )


async def host_of(engine: Engine, repository: Repository) -> HostedRepository:
    """The repository at GitHub, acting as ``open_host`` does.

    Raises ``AccountMissing``, and what ``open_host`` raises.
    """
    host = await open_host(engine.resources, engine.providers, repository)
    if host is None:
        raise nobody_acts(engine.providers, repository)
    return host


class Hosts:
    """The repositories of one pass: GitHub is asked once for each, however many of its branches
    are looked at."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self._found: dict[UUID, HostedRepository] = {}
        self._asking: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, repository: Repository) -> HostedRepository:
        """As ``host_of``."""
        async with self._asking[repository.id]:
            if repository.id not in self._found:
                self._found[repository.id] = await host_of(self._engine, repository)
        return self._found[repository.id]


def pause_after(quiet: timedelta, *, followed: int = 1) -> timedelta:
    """How long nobody looks at a branch of which nothing was heard for so long: the longer, the
    less often, from every five to every forty seconds. ``followed`` is how many branches its
    account follows: with over a hundred the quiet ones wait longer."""
    longest = max(_LONGEST, least_pause(followed, calls=2))
    return min(max(quiet / _SHARE_OF_QUIET, _SHORTEST), longest)


def least_pause(followed: int, *, calls: int) -> timedelta:
    """How long an account that looks at so many has to wait before it looks at them again, each
    with so many calls."""
    return timedelta(seconds=followed * calls * _SECONDS_OF_A_CALL)


def retry_after(error: Exception) -> timedelta:
    """When a look that failed is tried again."""
    if isinstance(error, RateLimited):
        return max(timedelta(seconds=error.retry_after_seconds), _SHORTEST)
    return _TRY_AGAIN


def note_of(error: Exception) -> str:
    """Why something could not be done, for who looks at the settings."""
    if isinstance(error, AutoDeployError):
        return f"{error.message} {error.remedy}".strip()
    if isinstance(error, TimeoutError):
        return "GitHub took too long to answer; it is tried again."
    return "Something unexpected happened; it is tried again."


async def for_each(
    items: Iterable[Followed],
    look: Callable[[Followed], Awaitable[None]],
    fail: Callable[[Followed, Exception], Awaitable[None]],
) -> None:
    """Look at each, a few at once; one that fails keeps nobody from the others."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(item: Followed) -> None:
        async with slots:
            try:
                async with asyncio.timeout(_LONGEST_LOOK_SECONDS):
                    await look(item)
            except Exception as error:
                if not isinstance(error, AutoDeployError | TimeoutError):
                    _log.exception("pushes.failed", error=type(error).__name__)
                await fail(item, error)

    await asyncio.gather(*map(one, items))
