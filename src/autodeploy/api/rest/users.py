"""``/api/v1/users``."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.api.etags import IfMatchDep, tagged
from autodeploy.api.rest.oauth import ProvidersDep
from autodeploy.services.auth import users
from autodeploy.services.auth.organization_schemas import (
    DeletionPreview,
    PersonUpdate,
    PersonView,
)
from autodeploy.services.deployer import closing

router = APIRouter(prefix="/api/v1/users", tags=["users"])


@router.get("/{user_id}", operation_id="getUser")
async def get_user(
    response: Response, resources: ResourcesDep, principal: PrincipalDep, user_id: UUID
) -> PersonView:
    """The caller, or a person of one of the caller's organizations."""
    return tagged(response, await users.get_user(resources, principal, user_id))


@router.put("/{user_id}", operation_id="updateUser")
async def update_user(
    response: Response,
    resources: ResourcesDep,
    principal: PrincipalDep,
    user_id: UUID,
    body: PersonUpdate,
    if_match: IfMatchDep,
) -> PersonView:
    """Change the caller's own name or picture; what is left out stays."""
    return tagged(response, await users.update_user(resources, principal, user_id, body, if_match))


@router.get("/{user_id}/deletion", operation_id="previewUserDeletion")
async def preview_deletion(
    resources: ResourcesDep, principal: PrincipalDep, user_id: UUID
) -> DeletionPreview:
    """What deleting the account would do, and what stands in its way."""
    return await closing.preview_deletion(resources, principal, user_id)


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT, operation_id="deleteUser")
async def delete_user(
    resources: ResourcesDep,
    providers: ProvidersDep,
    principal: PrincipalDep,
    user_id: UUID,
    if_match: IfMatchDep,
    confirm: Annotated[
        str, Query(max_length=255, description="The account's e-mail address, to confirm it.")
    ] = "",
) -> None:
    """Delete an account with its sessions, tokens and the organizations of nobody else.

    What it was granted at providers ends there first; while environments or databases act by its
    connections, it is refused with their names."""
    await closing.delete_user(
        resources, providers, principal, user_id, confirm=confirm, if_match=if_match
    )
