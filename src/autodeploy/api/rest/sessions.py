"""``/api/v1/auth/sessions``: where the caller is signed in."""

from uuid import UUID

from fastapi import APIRouter, Request, Response, status

from autodeploy.api.deps import PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import service
from autodeploy.services.auth.schemas import SessionView

router = APIRouter(prefix="/api/v1/auth/sessions", tags=["auth"])


@router.get("", operation_id="listSessions")
async def list_sessions(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
) -> Page[SessionView]:
    """Where the caller is signed in, newest first."""
    sessions = await service.list_sessions(
        resources, principal, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, sessions.next_cursor)
    return sessions


@router.delete("", status_code=status.HTTP_204_NO_CONTENT, operation_id="endOtherSessions")
async def end_other_sessions(resources: ResourcesDep, principal: PrincipalDep) -> None:
    """Sign out everywhere but here."""
    await service.end_other_sessions(resources, principal)


@router.delete("/{session_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="endSession")
async def end_session(resources: ResourcesDep, principal: PrincipalDep, session_id: UUID) -> None:
    """Sign out one session: its tokens stop working at once."""
    await service.end_session(resources, principal, session_id)
