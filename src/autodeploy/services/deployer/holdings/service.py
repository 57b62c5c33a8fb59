"""What callers ask: what is held for them and, for operators, what is held for nobody."""

from uuid import UUID

from sqlalchemy import Row, select

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.pagination import keyset, split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, reach_of, require_operator
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.deployer.holdings.models import Orphan
from autodeploy.services.deployer.holdings.queries import held
from autodeploy.services.deployer.holdings.schemas import (
    HeldKind,
    HeldState,
    HeldView,
    OrphanView,
)
from autodeploy.services.deployer.schemas import ProjectReference
from autodeploy.services.deployer.store import get_project


async def list_held(
    resources: Resources,
    principal: Principal,
    *,
    project_id: UUID | None,
    kind: HeldKind | None,
    state: HeldState | None,
    limit: int,
    cursor: str | None,
) -> Page[HeldView]:
    """What is held for the caller's projects, or for one of them, newest first.

    Raises ``NotFound`` for a project that the caller cannot see, and ``Forbidden``.
    """
    reach = reach_of(principal, Action.PROJECT_READ)
    async with resources.db.transaction() as session:
        if project_id is not None:
            await get_project(session, reach, project_id)
        columns = held(reach, project_id).c
        statement = select(*columns)
        if kind is not None:
            statement = statement.where(columns.kind == kind.value)
        if state is not None:
            statement = statement.where(columns.state == state.value)
        rows = await session.execute(
            keyset(statement, columns.created_at, columns.id, limit=limit, cursor=cursor)
        )
        page, following = split_page(rows.all(), limit)
    return Page(items=[_held_view(row) for row in page], next_cursor=following)


async def list_orphans(
    resources: Resources, principal: Principal, *, limit: int, cursor: str | None
) -> Page[OrphanView]:
    """What no row accounts for, the latest found first. Raises ``Forbidden``."""
    require_operator(principal, Scope.READ)
    async with resources.db.transaction() as session:
        rows = await session.scalars(
            keyset(select(Orphan), Orphan.created_at, Orphan.id, limit=limit, cursor=cursor)
        )
        page, following = split_page(rows.all(), limit)
        return Page(items=[OrphanView.model_validate(row) for row in page], next_cursor=following)


async def remove_orphan(resources: Resources, principal: Principal, orphan_id: UUID) -> OrphanView:
    """Ask for the removal of one; a worker does it, if it still is one then.

    Asking again changes nothing. Raises ``Forbidden`` and ``NotFound``.
    """
    require_operator(principal, Scope.WRITE)
    async with resources.db.transaction() as session:
        orphan = await session.get(Orphan, orphan_id, with_for_update=True)
        if orphan is None:
            raise NotFound(
                "No such orphan: it was removed, or something accounts for it by now.",
                remedy="`autodeploy resources --orphans` lists those that there are.",
            )
        if orphan.removal_requested_at is None:
            before = audit.snapshot(orphan)
            orphan.removal_requested_at, orphan.user_id = now(), principal.user_id
            await audit.record(
                session, principal, audit.OwnAction.ORPHAN_REMOVE, orphan, before=before
            )
        return OrphanView.model_validate(orphan)


def _held_view(row: Row[tuple[object, ...]]) -> HeldView:
    project = ProjectReference(id=row.project_id, name=row.project_name)
    return HeldView.model_validate({**row._mapping, "project": project})
