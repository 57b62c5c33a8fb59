"""``/api/v1/auth``: the e-mail address and the password of an account."""

from fastapi import APIRouter, Request, status

from autodeploy.api.deps import PrincipalDep, ResourcesDep, address_of
from autodeploy.services.auth import service
from autodeploy.services.auth.schemas import (
    EmailInput,
    MailRequested,
    PasswordInput,
    ResetInput,
    ResetRequest,
    TokenOfLink,
)

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/verify-email", status_code=status.HTTP_204_NO_CONTENT, operation_id="verifyEmail")
async def verify_email(resources: ResourcesDep, body: TokenOfLink) -> None:
    """Verify an address, or change to it, by the token of the link that was sent to it."""
    await service.verify_email(resources, body.token)


@router.post(
    "/verify-email/resend",
    status_code=status.HTTP_202_ACCEPTED,
    operation_id="resendVerification",
)
async def resend_verification(resources: ResourcesDep, principal: PrincipalDep) -> MailRequested:
    """Send the caller another link that verifies the account's address."""
    await service.send_verification(resources, principal)
    return MailRequested(detail="A mail with a link was sent to the address of the account.")


@router.put("/email", status_code=status.HTTP_202_ACCEPTED, operation_id="changeEmail")
async def change_email(
    resources: ResourcesDep, principal: PrincipalDep, body: EmailInput
) -> MailRequested:
    """Send a link to another address, which makes it the account's."""
    await service.change_email(resources, principal, body)
    return MailRequested(detail="A mail was sent to the new address; it says how to go on.")


@router.put("/password", status_code=status.HTTP_204_NO_CONTENT, operation_id="changePassword")
async def change_password(
    resources: ResourcesDep, principal: PrincipalDep, body: PasswordInput
) -> None:
    """Change the password by the present one; the caller's other sessions end."""
    await service.change_password(resources, principal, body)


@router.post(
    "/password-reset", status_code=status.HTTP_202_ACCEPTED, operation_id="requestPasswordReset"
)
async def request_password_reset(
    request: Request, resources: ResourcesDep, body: ResetRequest
) -> MailRequested:
    """Have a link for a new password sent; the answer is the same for every address."""
    await service.request_reset(resources, body.email, address=address_of(request))
    return MailRequested(
        detail="If an account has this address, a mail with a link is on its way to it."
    )


@router.post(
    "/password-reset/confirm",
    status_code=status.HTTP_204_NO_CONTENT,
    operation_id="resetPassword",
)
async def reset_password(resources: ResourcesDep, body: ResetInput) -> None:
    """Set a new password by the token of a link; every session of the account ends."""
    await service.reset_password(resources, body)
