"""``/api/v1/auth/audit-log``: what happened to the caller's account."""

from fastapi import APIRouter, Request, Response

from autodeploy.api.deps import AuditFilterDep, PageDep, PrincipalDep, ResourcesDep
from autodeploy.api.pagination import link_next
from autodeploy.kernel.schema import Page
from autodeploy.services.auth import audit_reading
from autodeploy.services.auth.audit_reading import AuditEntryView

router = APIRouter(prefix="/api/v1/auth/audit-log", tags=["auth"])


@router.get("", operation_id="listAccountAuditEntries")
async def list_account_entries(
    request: Request,
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    page: PageDep,
    wanted: AuditFilterDep,
) -> Page[AuditEntryView]:
    """Log-ins, tokens and other changes of the caller's account, newest first."""
    answer = await audit_reading.list_account_entries(
        resources, principal, wanted, limit=page.limit, cursor=page.cursor
    )
    link_next(request, response, answer.next_cursor)
    return answer
