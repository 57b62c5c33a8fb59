"""What Vercel's refusals mean, as errors of ours.

Its sentences are not repeated, only the codes: vercel.com/docs/rest-api/reference/errors, 2026-03.
A token that is revoked is answered with 403 and ``invalidToken``.
"""

from contextlib import suppress
from http import HTTPStatus

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.refusals import credential_refused, is_name, refusal
from autodeploy.providers.vercel.shapes import Shape

_REMEDIES: dict[int, str] = {
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


def expect(answer: Answer, *besides: HTTPStatus) -> Answer:
    """The answer, when it is a success or its status is one of these. Of which kind a success is
    says nothing that its body does not.

    Raises ``CredentialRefused``, ``NotFound``, ``ProviderRefused``.
    """
    if answer.status < HTTPStatus.MULTIPLE_CHOICES or answer.status in besides:
        return answer
    failure = failure_of(answer)
    if failure.invalid_token:
        raise credential_refused(answer.service)
    raise refusal(
        answer,
        missing="Check that the account is the one that it was made with, and its team.",
        reasons=(failure.code,) if is_name(failure.code) else (),
        remedy=_REMEDIES.get(answer.status),
    )


def failure_of(answer: Answer) -> Failure:
    """What a refusal says; the object may stand alone, or say nothing."""
    with suppress(ProviderUnavailable):
        return answer.read(_Failed).error
    with suppress(ProviderUnavailable):
        return answer.read(Failure)
    return Failure()
