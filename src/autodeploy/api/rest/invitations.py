"""``/api/v1/invitations``: for whoever holds the link of one.

The token comes in a body: in a URL it would get into the logs of every proxy on the way.
"""

from fastapi import APIRouter

from autodeploy.api.deps import ResourcesDep
from autodeploy.services.auth import invitations
from autodeploy.services.auth.organization_schemas import InvitationOffer, InvitationTokenInput

router = APIRouter(prefix="/api/v1/invitations", tags=["organizations"])


@router.post("/lookup", operation_id="lookUpInvitation")
async def look_up_invitation(
    resources: ResourcesDep, body: InvitationTokenInput
) -> InvitationOffer:
    """Who invites to what, as which role, until when."""
    return await invitations.read_invitation(resources, body)
