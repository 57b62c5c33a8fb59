"""What a worker does for domains: has them served where the app is, looks at their records again,
and removes them at providers.

A name is noted among the row's places before a provider is asked for it, and removed there before
it is struck out. So whatever ends the process, the next pass finds what may be there. When an app
moves, its name is served at both providers until its records lead to the new one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Conflict, InvalidInput
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.kernel.questions import Moment
from autodeploy.providers.domains import DomainProvider, DomainRefused, DomainStatus
from autodeploy.providers.hosted import AccountMissing
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.context import app_of
from autodeploy.services.deployer.domains.models import Domain
from autodeploy.services.deployer.domains.schemas import DomainState
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Environment, Project

# After the n-th look the next one follows in 5 s · 2ⁿ, at most in an hour.
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
# Records that have not come until then are not coming.
MOST_CHECKS = 200
_BATCH = 100
_AT_ONCE = 4

#: What does not change by itself.
_FINAL = (DomainRefused, InvalidInput, ProviderRefused)

_log = structlog.get_logger(__name__)


class DomainNotVerified(Conflict):
    """The records of a domain were looked for in vain, for a week and longer."""

    code = "domain_not_verified"
    usual_remedy = "Set them (`autodeploy domains list`), then run `autodeploy domains verify`."


@dataclass(frozen=True)
class Place:
    """A provider, and the connection by which it acts where it needs one."""

    provider: str
    connection_id: str | None

    @classmethod
    def of(cls, environment: Environment) -> "Place":
        """Where the app of an environment is live."""
        connection_id = environment.connection_id
        return cls(environment.provider, str(connection_id) if connection_id else None)


async def expect_domains(session: AsyncSession, environment_id: UUID) -> None:
    """Have the domains of an environment looked at: its app may be live elsewhere now."""
    await session.execute(
        update(Domain)
        .where(Domain.environment_id == environment_id)
        .values(next_check_at=now(), checks=0)
    )


async def list_served(session: AsyncSession, environment: Environment) -> tuple[str, ...]:
    """The names at which an app that is live was served, and is to be where it is now."""
    rows = await session.scalars(
        select(Domain)
        .where(
            Domain.environment_id == environment.id,
            Domain.verified_at.is_not(None),
            Domain.removal_requested_at.is_(None),
        )
        .order_by(Domain.name)
    )
    return tuple(row.name for row in rows if _places(row)[-1:] == [Place.of(environment)])


async def remove_domains(engine: Engine, environments: Sequence[Environment]) -> None:
    """Remove the domains of environments that go, wherever they are served. Idempotent."""
    for environment in environments:
        async with engine.resources.db.transaction() as session:
            domains = await session.scalars(
                select(Domain).where(Domain.environment_id == environment.id)
            )
        for domain in domains.all():
            await _Keeping(engine, domain.id).remove_everywhere(domain, environment)


def has_due_domains(moment: Moment) -> ColumnElement[bool]:
    """Whether there are domains to look at."""
    return exists(_due(moment))


async def keep_domains(engine: Engine) -> None:
    """One pass over the domains that are due, but for those of what is being deleted, which go
    with it. Idempotent."""
    async with engine.resources.db.transaction() as session:
        due = await session.scalars(_due(now()).order_by(Domain.next_check_at).limit(_BATCH))
    slots = asyncio.Semaphore(_AT_ONCE)

    async def keep(domain_id: UUID) -> None:
        async with slots:
            try:
                await _Keeping(engine, domain_id).run()
            except Exception as error:
                _log.warning(
                    "domain.not_kept", domain_id=str(domain_id), error=type(error).__name__
                )

    await asyncio.gather(*map(keep, due.all()))


def _due(moment: Moment) -> Select[UUID]:
    return (
        select(Domain.id)
        .join(Environment, Environment.id == Domain.environment_id)
        .join(Project, Project.id == Domain.project_id)
        .where(
            Domain.next_check_at <= moment,
            Environment.deletion_requested_at.is_(None),
            Project.deletion_requested_at.is_(None),
        )
    )


class _Keeping:
    """One look at a domain."""

    def __init__(self, engine: Engine, domain_id: UUID):
        self._engine = engine
        self._db = engine.resources.db
        self._id = domain_id

    async def run(self) -> None:
        async with self._db.transaction() as session:
            domain = await session.get(Domain, self._id)
            if domain is None:
                return
            environment = await session.get_one(Environment, domain.environment_id)
        if domain.removal_requested_at is not None:
            await self._remove(domain, environment)
        elif environment.live_deployment_id is None:
            await self._tell(domain, next_check_at=None)  # what makes it live asks again
        else:
            await self._serve(domain, environment)

    async def _serve(self, domain: Domain, environment: Environment) -> None:
        here = Place.of(environment)
        others = [each for each in _places(domain) if each != here]
        try:
            provider = await self._provider(here)
            await self._note_places([*others, here])
            status = await provider.ensure_domain(app_of(environment), domain.name)
            if status.verified:
                for place in others:
                    await self._remove_at(place, environment, domain.name)
                await self._note_places([here])
        except Exception as error:
            await self._tell_why(domain, _as_told(error))
        else:
            await self._tell_how(domain, status)

    async def _remove(self, domain: Domain, environment: Environment) -> None:
        try:
            await self.remove_everywhere(domain, environment)
        except Exception as error:
            await self._tell_why(domain, _as_told(error))
            return
        async with self._db.transaction() as session:
            await session.execute(delete(Domain).where(Domain.id == self._id))

    async def remove_everywhere(self, domain: Domain, environment: Environment) -> None:
        """Serve it nowhere any more."""
        for place in _places(domain):
            await self._remove_at(place, environment, domain.name)

    async def _remove_at(self, place: Place, environment: Environment, name: str) -> None:
        """Where the account is not connected any more, it is its owner's to remove."""
        try:
            provider = await self._provider(place)
        except AccountMissing:
            _log.warning(
                "domain.left_at_provider", provider=place.provider, domain_id=str(self._id)
            )
            return
        await provider.remove_domain(app_of(environment), name)

    async def _provider(self, place: Place) -> DomainProvider:
        connection_id = UUID(place.connection_id) if place.connection_id else None
        account = await open_account(
            self._engine.resources, connection_id, providers=self._engine.providers
        )
        return self._engine.providers.domains(place.provider, account)

    async def _tell_how(self, domain: Domain, status: DomainStatus) -> None:
        found = {"records": [asdict(each) for each in status.records], "checked_at": now()}
        if status.verified:
            verified_at = domain.verified_at if domain.state == DomainState.VERIFIED else now()
            await self._tell(
                domain, state=DomainState.VERIFIED, verified_at=verified_at, checks=0,
                next_check_at=None, **found, **_NO_ERROR,
            )  # fmt: skip
        elif domain.checks >= MOST_CHECKS:
            await self._tell(
                domain, state=DomainState.FAILED, next_check_at=None, **found,
                error_code=DomainNotVerified.code,
                error_message="Its records did not come.",
                error_remedy=DomainNotVerified.usual_remedy,
            )  # fmt: skip
        else:
            pending = {"state": DomainState.PENDING, **found, **_NO_ERROR}
            await self._tell(domain, **pending, **_next_look(domain))

    async def _tell_why(self, domain: Domain, error: AutoDeployError) -> None:
        """Why the look came to nothing. What may pass by itself is tried again."""
        told = {
            "error_code": error.code,
            "error_message": error.message,
            "error_remedy": error.remedy,
            "checked_at": now(),
        }
        if isinstance(error, _FINAL) and domain.removal_requested_at is None:
            await self._tell(
                domain, state=DomainState.FAILED, next_check_at=None, records=[], **told
            )
        else:
            await self._tell(domain, **_next_look(domain), **told)

    async def _tell(self, domain: Domain, **values: Any) -> None:
        """Write what was found, unless somebody has asked for another look or the removal since:
        the next pass sees to that."""
        async with self._db.transaction() as session:
            await session.execute(
                update(Domain)
                .where(
                    Domain.id == self._id,
                    Domain.next_check_at.is_not_distinct_from(domain.next_check_at),
                )
                .values(**values, updated_at=now())
            )

    async def _note_places(self, places: Sequence[Place]) -> None:
        async with self._db.transaction() as session:
            rows = [asdict(each) for each in places]
            await session.execute(update(Domain).where(Domain.id == self._id).values(places=rows))


_NO_ERROR = {"error_code": None, "error_message": None, "error_remedy": None}


def _as_told(error: Exception) -> AutoDeployError:
    """What a look came to, as something to tell the user; what nobody expected is logged."""
    if isinstance(error, AutoDeployError):
        return error
    _log.error("domain.look_failed", exc_info=error)
    return AutoDeployError(
        f"The look failed inside AutoDeploy ({type(error).__name__}).",
        remedy="It is tried again; if it fails again, the worker's log says why.",
    )


def _places(domain: Domain) -> list[Place]:
    return [Place(**each) for each in domain.places]


def _next_look(domain: Domain) -> dict[str, int | datetime]:
    pause = min(FIRST_PAUSE * 2 ** min(domain.checks, 20), LONGEST_PAUSE)
    return {"checks": domain.checks + 1, "next_check_at": now() + pause}
