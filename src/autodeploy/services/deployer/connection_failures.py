"""Organizations are told of a connection that has failed, whoever's it is, where their projects
act by it. Its user gets a mail besides (``auth.connection_checks``)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Schema
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.connection_checks import look_after_connections
from autodeploy.services.auth.connections import remedy_of
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.organization_events import EventType, add_event
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.notable_events import ToldError
from autodeploy.services.deployer.states import TERMINAL

_MOST = 40


class ToldConnection(Schema):
    """A connection that has failed. ``projects`` are those of the organization that act by it, by
    their ids alone: who is told of some projects learns no more of the others."""

    provider: str
    account_name: str | None
    failed_at: datetime
    error: ToldError
    projects: list[UUID]


async def keep_connections(engine: Engine) -> None:
    """Check the connections that are due, and tell whom it concerns of those that have failed."""
    await look_after_connections(engine.resources, engine.providers)
    await tell_organizations(engine.resources)


async def tell_organizations(resources: Resources) -> None:
    """Write an event for each organization whose projects act by a connection that has failed,
    once for each time that it fails: with the events it is noted that they are written."""
    kind = ProviderIntegration
    async with resources.db.transaction() as session:
        rows = await session.scalars(
            select(kind)
            .where(
                kind.failed_at.is_not(None),
                kind.organizations_told_of.is_distinct_from(kind.failed_at),
            )
            .order_by(kind.failed_at)
            .limit(_MOST)
            # One that is being renewed may work again in a moment.
            .with_for_update(key_share=True, skip_locked=True)
        )
        for row in rows:
            assert row.failed_at is not None
            for organization_id, projects in (await _uses(session, row.id)).items():
                told = _told(row, row.failed_at, projects)
                data = {"connection": told.model_dump(mode="json", by_alias=True)}
                add_event(session, organization_id, EventType.CONNECTION_FAILED, data)
            row.organizations_told_of = row.failed_at


async def _uses(session: AsyncSession, connection_id: UUID) -> dict[UUID, list[UUID]]:
    """The projects that act by a connection, by their organizations: their apps, their databases,
    or the repositories that they are deployed from."""
    environment, deployment, database = Environment, Deployment, ProjectDatabase
    apps = select(environment.project_id).where(environment.connection_id == connection_id)
    under_way = select(deployment.project_id).where(
        deployment.connection_id == connection_id, deployment.status.not_in(TERMINAL)
    )
    databases = select(database.project_id).where(database.connection_id == connection_id)
    repositories = select(Repository.id).where(Repository.connection_id == connection_id)
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


def _told(row: ProviderIntegration, since: datetime, projects: Sequence[UUID]) -> ToldConnection:
    return ToldConnection(
        provider=row.provider,
        account_name=(row.details or {}).get("accountName"),
        failed_at=since,
        error=ToldError(
            code=CredentialRefused.code,
            message=row.failure or "",
            remedy=remedy_of(row.provider),
        ),
        projects=list(projects),
    )
