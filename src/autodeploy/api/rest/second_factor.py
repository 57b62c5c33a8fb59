"""``/api/v1/auth/second-factor``: an authenticator app and recovery codes."""

from fastapi import APIRouter, status

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.services.auth import second_factor as service
from autodeploy.services.auth.schemas import (
    CodeInput,
    ConfirmedInput,
    EnrolInput,
    Enrolment,
    RecoveryCodes,
    SecondFactorView,
)

router = APIRouter(prefix="/api/v1/auth/second-factor", tags=["auth"])


@router.get("", operation_id="getSecondFactor")
async def get_second_factor(resources: ResourcesDep, principal: PrincipalDep) -> SecondFactorView:
    """Whether signing in needs a code."""
    return await service.get_second_factor(resources, principal)


@router.post("", status_code=status.HTTP_201_CREATED, operation_id="enrolSecondFactor")
async def enrol(resources: ResourcesDep, principal: PrincipalDep, body: EnrolInput) -> Enrolment:
    """A secret for an authenticator app; it counts once a code of it confirmed it."""
    return await service.enrol(resources, principal, body)


@router.post("/confirm", operation_id="confirmSecondFactor")
async def confirm(
    resources: ResourcesDep, principal: PrincipalDep, body: CodeInput
) -> RecoveryCodes:
    """Confirm the app by a code; from now on signing in needs one."""
    return await service.confirm(resources, principal, body)


@router.post("/recovery-codes", operation_id="renewRecoveryCodes")
async def renew_recovery_codes(
    resources: ResourcesDep, principal: PrincipalDep, body: ConfirmedInput
) -> RecoveryCodes:
    """New recovery codes; the old ones stop working."""
    return await service.renew_recovery_codes(resources, principal, body)


@router.post("/disable", status_code=status.HTTP_204_NO_CONTENT, operation_id="disableSecondFactor")
async def disable(resources: ResourcesDep, principal: PrincipalDep, body: ConfirmedInput) -> None:
    """Sign in by password alone from now on."""
    await service.disable(resources, principal, body)
