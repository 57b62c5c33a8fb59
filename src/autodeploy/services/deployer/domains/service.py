"""What callers ask of domains: each decision, its permission and its transaction.

Nothing is done at a provider here: the row says what is wanted, a worker does it within seconds.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.domains.models import Domain
from autodeploy.services.deployer.domains.names import read_name
from autodeploy.services.deployer.domains.schemas import (
    DomainErrorView,
    DomainInput,
    DomainState,
    DomainView,
    RecordView,
)
from autodeploy.services.deployer.models import Environment, Project

MOST_OF_A_PROJECT = 100


class DomainInUse(Conflict):
    """The name belongs to another environment of this platform, whosever that is."""

    code = "domain_in_use"
    usual_remedy = "Remove it there first, or choose another name."


async def list_domains(
    resources: Resources, principal: Principal, project_id: UUID, environment: str | None = None
) -> Page[DomainView]:
    """The domains of a project, or of one of its environments, by name. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        rows = await _list_rows(session, project)
        wanted = [row for row in rows if environment in (None, row.environment)]
        return Page(items=[view_of(row) for row in wanted])


async def add_domain(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    body: DomainInput,
    *,
    providers: Registry,
) -> DomainView:
    """Have an environment's app served at a name; the same name again changes nothing.

    Raises:
        InvalidInput: it is no name, or the environment's provider serves apps at none.
        DomainInUse: also where it belongs to another tenant, which is not told.
        Conflict: the project has as many as one may have.
        NotFound, Forbidden.
    """
    name = read_name(body.name, public_url=resources.public_url)
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id, lock=True)
        require(principal, Action.DOMAIN_ADD, project.organization_id)
        environment = await _get_environment(session, project, body.environment)
        if environment.live_deployment_id is not None:
            providers.get(environment.provider, Capability.DOMAINS)
        if len(await _list_rows(session, project)) >= MOST_OF_A_PROJECT:
            raise Conflict(
                f"{project.name} has {MOST_OF_A_PROJECT} domains, which is the most.",
                remedy="Remove those that are not used any more.",
            )
        made = await _insert(session, principal, environment, name)
        row = await _find_row(session, project, name)
        if row is None or row.environment_id != environment.id:
            raise DomainInUse(f"{name} is used on this platform already.", field="name")
        if row.removal_requested_at is not None:
            raise DomainInUse(
                f"{name} is being removed.", field="name", remedy="Add it again in a moment."
            )
        if made:
            await audit.record(
                session, principal, Action.DOMAIN_ADD, row, after=audit.snapshot(row)
            )
        return view_of(row)


async def verify_domain(
    resources: Resources, principal: Principal, project_id: UUID, name: str
) -> DomainView:
    """Have its records looked at again, at once. Raises ``NotFound`` and ``Forbidden``."""
    async with resources.db.transaction() as session:
        row = await _get(session, principal, project_id, name, Action.DOMAIN_VERIFY)
        if row.removal_requested_at is None:
            row.checks, row.next_check_at, row.updated_at = 0, now(), now()
            if row.state == DomainState.FAILED:
                row.state = DomainState.PENDING
        await session.flush()
        await audit.record(session, principal, Action.DOMAIN_VERIFY, row)
        return view_of(row)


async def remove_domain(
    resources: Resources, principal: Principal, project_id: UUID, name: str
) -> DomainView:
    """Serve the app there no more; the row goes once its provider has removed it. Asking again
    changes nothing. Raises ``NotFound`` and ``Forbidden``."""
    async with resources.db.transaction() as session:
        row = await _get(session, principal, project_id, name, Action.DOMAIN_REMOVE)
        if row.removal_requested_at is None:
            before = audit.snapshot(row)
            row.removal_requested_at = row.next_check_at = row.updated_at = now()
            row.state, row.checks = DomainState.REMOVING, 0
            await audit.record(session, principal, Action.DOMAIN_REMOVE, row, before=before)
        await session.flush()
        return view_of(row)


def view_of(row: Domain) -> DomainView:
    """A domain as callers see it."""
    error = None
    if row.error_code is not None:
        error = DomainErrorView(
            code=row.error_code, message=row.error_message or "", remedy=row.error_remedy
        )
    return DomainView(
        id=row.id,
        name=row.name,
        environment=row.environment,
        state=DomainState(row.state),
        provider=row.places[-1]["provider"] if row.places else None,
        records=[RecordView(**each) for each in row.records],
        error=error,
        checked_at=row.checked_at,
        next_check_at=row.next_check_at,
        verified_at=row.verified_at,
        created_at=row.created_at,
    )


async def _get_environment(session: AsyncSession, project: Project, name: str) -> Environment:
    environment = await store.find_environment(session, project.id, name)
    if environment is None or environment.deletion_requested_at is not None:
        raise NotFound(f"{project.name} has no environment {name}.")
    return environment


async def _insert(
    session: AsyncSession, principal: Principal, environment: Environment, name: str
) -> bool:
    """Whether the row was made here: another transaction may make it at the same time."""
    made = await session.scalar(
        insert(Domain)
        .values(
            organization_id=environment.organization_id,
            project_id=environment.project_id,
            environment_id=environment.id,
            environment=environment.name,
            name=name,
            next_check_at=now(),
            created_by=principal.account_id,
        )
        .on_conflict_do_nothing()
        .returning(Domain.id)
    )
    return made is not None


async def _list_rows(session: AsyncSession, project: Project) -> Sequence[Domain]:
    rows = await session.scalars(
        select(Domain).where(Domain.project_id == project.id).order_by(Domain.name)
    )
    return rows.all()


async def _find_row(session: AsyncSession, project: Project, name: str) -> Domain | None:
    return await session.scalar(
        select(Domain).where(Domain.project_id == project.id, Domain.name == name).with_for_update()
    )


async def _get(
    session: AsyncSession, principal: Principal, project_id: UUID, name: str, action: Action
) -> Domain:
    project = await store.get_project(session, principal.reach, project_id)
    require(principal, action, project.organization_id)
    row = await _find_row(session, project, name.strip().lower())
    if row is None:
        raise NotFound(
            f"{project.name} has no domain of this name.",
            remedy="`autodeploy domains list` shows those that it has.",
        )
    return row
