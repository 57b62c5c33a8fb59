"""What Vercel's refusals mean, as errors of ours.

Its sentences are not repeated, only the codes: vercel.com/docs/rest-api/reference/errors, 2026-03.
A token that is revoked is answered with 403 and ``invalidToken``.
"""

import re
from contextlib import suppress
from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import CredentialRefused, ProviderRefused, ProviderUnavailable
from autodeploy.providers.vercel.shapes import Shape

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_REMEDIES = {
    HTTPStatus.PAYMENT_REQUIRED: "Look at the plan and the payments of the account at Vercel.",
    HTTPStatus.FORBIDDEN: "The token may not do this: check its scope, and the role of its owner "
    "in the team.",
}


class Failure(Shape):
    """``missing`` are the digests of files that are to be uploaded first."""

    code: str = ""
    invalid_token: bool = False
    missing: tuple[str, ...] = ()


class _Failed(Shape):
    error: Failure


def expect(answer: Answer, *statuses: HTTPStatus) -> Answer:
    """The answer, when its status is one of these.

    Raises ``CredentialRefused``, ``NotFound``, ``ProviderRefused``, and ``ProviderUnavailable`` for
    a success of another kind.
    """
    if answer.status in statuses:
        return answer
    raise _refusal(answer)


def failure_of(answer: Answer) -> Failure:
    """What a refusal says; the object may stand alone, or say nothing."""
    with suppress(ProviderUnavailable):
        return answer.read(_Failed).error
    with suppress(ProviderUnavailable):
        return answer.read(Failure)
    return Failure()


def is_name(value: str) -> bool:
    """Whether a text can be shown as a code: anything else may be a value."""
    return _NAME.fullmatch(value) is not None


def _refusal(answer: Answer) -> AutoDeployError:
    failure = failure_of(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED or failure.invalid_token:
        return CredentialRefused("Vercel does not accept the token of the connected account.")
    if answer.status in _GONE:
        return NotFound(
            "Vercel has no such thing, or does not show it to the connected account.",
            remedy="Check that the account is the one that it was made with, and its team.",
        )
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer.unusable("it is not what the call is answered with")
    reasons = (failure.code,) if is_name(failure.code) else ()
    named = f": {failure.code}" if reasons else ""
    return ProviderRefused(
        f"Vercel refuses this call (HTTP {answer.status}){named}.",
        answered=answer.status,
        reasons=reasons,
        remedy=_REMEDIES.get(HTTPStatus(answer.status)),
    )
