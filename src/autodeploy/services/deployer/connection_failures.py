"""Organizations are told of a connection that has failed or lost rights, whoever's it is, where
their projects act by it. Its user gets a mail besides (``auth.connection_checks``)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from autodeploy.kernel.http.errors import CredentialRefused, ProviderRefused
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Schema
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.connection_checks import look_after_connections
from autodeploy.services.auth.connections import lacking, remedy_of
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.organization_events import EventType, add_event
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.notable_events import ToldError
from autodeploy.services.deployer.states import TERMINAL

_MOST = 40


class ToldConnection(Schema):
    """A connection that has failed, or lost rights. ``projects`` are those of the organization that
    act by it, by their ids alone: who is told of some projects learns no more of the others."""

    provider: str
    account_name: str | None
    failed_at: datetime
    error: ToldError
    projects: list[UUID]


async def keep_connections(engine: Engine) -> None:
    """Check the connections that are due, and tell whom it concerns of those that have failed."""
    await look_after_connections(engine.resources, engine.providers)
    await tell_organizations(engine.resources)


@dataclass(frozen=True)
class _Trouble:
    """What organizations are told of once: ``since`` says that it is so, ``told_of`` of which time
    they know; ``code`` is what calls there are refused with."""

    since: InstrumentedAttribute[datetime | None]
    told_of: InstrumentedAttribute[datetime | None]
    code: str
    reason: Callable[[ProviderIntegration], str]


_TROUBLES = (
    _Trouble(
        ProviderIntegration.failed_at,
        ProviderIntegration.organizations_told_of,
        CredentialRefused.code,
        lambda row: row.failure or "",
    ),
    _Trouble(
        ProviderIntegration.missing_since,
        ProviderIntegration.organizations_told_of_missing,
        ProviderRefused.code,
        lacking,
    ),
)


async def tell_organizations(resources: Resources) -> None:
    """Write an event for each organization whose projects act by a connection that has failed or
    lost rights, once for each time: with the events it is noted that they are written."""
    for trouble in _TROUBLES:
        async with resources.db.transaction() as session:
            await _tell_of(session, trouble)


async def _tell_of(session: AsyncSession, trouble: _Trouble) -> None:
    rows = await session.execute(
        select(ProviderIntegration, trouble.since)
        .where(trouble.since.is_not(None), trouble.told_of.is_distinct_from(trouble.since))
        .order_by(trouble.since)
        .limit(_MOST)
        # One that is being renewed may work again in a moment.
        .with_for_update(key_share=True, skip_locked=True)
    )
    for row, since in rows.all():
        assert since is not None
        for organization_id, projects in (await _uses(session, row.id)).items():
            told = _told(row, trouble, since, projects)
            data = {"connection": told.model_dump(mode="json", by_alias=True)}
            add_event(session, organization_id, EventType.CONNECTION_FAILED, data)
        setattr(row, trouble.told_of.key, since)


async def _uses(session: AsyncSession, connection_id: UUID) -> dict[UUID, list[UUID]]:
    """The projects that act by a connection, by their organizations: their apps, their databases,
    or the repositories that they are deployed from."""
    environment, deployment, database = Environment, Deployment, ProjectDatabase
    apps = select(environment.project_id).where(environment.connection_id == connection_id)
    under_way = select(deployment.project_id).where(
        deployment.connection_id == connection_id, deployment.status.not_in(TERMINAL)
    )
    databases = select(database.project_id).where(database.connection_id == connection_id)
    repositories = select(Repository.id).where(
        Repository.connection_id == connection_id, Repository.github_installation_id.is_(None)
    )
    found = await session.execute(
        select(Project.organization_id, Project.id)
        .where(
            or_(
                Project.id.in_(apps.union(under_way, databases)),
                Project.repository_id.in_(repositories),
            )
        )
        .order_by(Project.created_at, Project.id)
    )
    uses: dict[UUID, list[UUID]] = {}
    for organization_id, project_id in found:
        uses.setdefault(organization_id, []).append(project_id)
    return uses


def _told(
    row: ProviderIntegration, trouble: _Trouble, since: datetime, projects: Sequence[UUID]
) -> ToldConnection:
    return ToldConnection(
        provider=row.provider,
        account_name=(row.details or {}).get("accountName"),
        failed_at=since,
        error=ToldError(
            code=trouble.code,
            message=trouble.reason(row),
            remedy=remedy_of(row.provider),
        ),
        projects=list(projects),
    )
