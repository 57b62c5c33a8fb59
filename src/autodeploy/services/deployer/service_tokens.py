"""Service tokens of a project, for CI: each acts as a member who is limited to the project."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.pagination import split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import audit
from autodeploy.services.auth import store as tokens
from autodeploy.services.auth.models import ServiceToken
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import (
    NewServiceToken,
    ServiceTokenInput,
    ServiceTokenView,
)
from autodeploy.services.auth.tokens import SHOWN_LENGTH, digest, new_service_token
from autodeploy.services.deployer import store
from autodeploy.services.deployer.models import Project


async def create_token(
    resources: Resources, principal: Principal, project_id: UUID, body: ServiceTokenInput
) -> NewServiceToken:
    """A new token of the project; the answer is the only one that holds its secret.

    It belongs to the project: it works on when its creator leaves, and ends with the project.

    Raises ``NotFound``, ``Forbidden``.
    """
    secret = new_service_token()
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id, lock=True)
        row = ServiceToken(
            organization_id=project.organization_id,
            project_id=project.id,
            name=body.name,
            token_hash=digest(secret),
            prefix=secret[:SHOWN_LENGTH],
            scopes=sorted(set(body.scopes), key=lambda name: list(Scope).index(Scope(name))),
            created_by=principal.user_id,
            expires_at=now() + timedelta(days=body.expires_in_days),
        )
        session.add(row)
        await session.flush()
        await session.refresh(row)
        await audit.record(
            session,
            principal,
            Action.SERVICE_TOKEN_MANAGE,
            row,
            after=audit.snapshot(row),
        )
    return NewServiceToken(**ServiceTokenView.model_validate(row).model_dump(), token=secret)


async def list_tokens(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[ServiceTokenView]:
    """The tokens of a project that were not revoked, newest first."""
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id)
        rows = await tokens.list_service_tokens(session, project.id, limit=limit, cursor=cursor)
    page, following = split_page(rows, limit)
    items = [ServiceTokenView.model_validate(row) for row in page]
    return Page(items=items, next_cursor=following)


async def revoke_token(
    resources: Resources, principal: Principal, project_id: UUID, token_id: UUID
) -> None:
    """End a token of the project at once. Raises ``NotFound``, ``Forbidden``."""
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id)
        revoked = await tokens.revoke_service_tokens(session, project.id, token_id)
        if not revoked:
            raise NotFound("No such token.")
        for row in revoked:
            await audit.record(
                session,
                principal,
                Action.SERVICE_TOKEN_MANAGE,
                row,
                before=audit.snapshot(row),
            )


async def _get_project(
    session: AsyncSession, principal: Principal, project_id: UUID, *, lock: bool = False
) -> Project:
    """The project; locked, so that none is given a token while it is being deleted."""
    project = await store.get_project(session, principal.reach, project_id, lock=lock)
    require(principal, Action.SERVICE_TOKEN_MANAGE, project.organization_id)
    return project
