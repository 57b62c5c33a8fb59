"""``/api/v1/invitations``: for whoever holds the link of one.

The token comes in a body: in a URL it would get into the logs of every proxy on the way.
"""

from fastapi import APIRouter, Request

from autodeploy.api.deps import ResourcesDep, client_of
from autodeploy.services.auth import invitations, newcomers
from autodeploy.services.auth.organization_schemas import (
    InvitationAcceptance,
    InvitationAccepted,
    InvitationOffer,
    InvitationTokenInput,
)

router = APIRouter(prefix="/api/v1/invitations", tags=["organizations"])


@router.post("/lookup", operation_id="lookUpInvitation")
async def look_up_invitation(
    resources: ResourcesDep, body: InvitationTokenInput
) -> InvitationOffer:
    """Who invites to what, as which role, until when."""
    return await invitations.read_invitation(resources, body)


@router.post("/accept", operation_id="acceptInvitation")
async def accept_invitation(
    request: Request, resources: ResourcesDep, body: InvitationAcceptance
) -> InvitationAccepted:
    """Join the organization as who is signed in, or with a new account for the invited address."""
    caller = getattr(request.state, "principal", None)
    return await newcomers.accept(resources, caller, body, **client_of(request))
