"""What Render's refusals mean, as errors of ours.

Errors are ``{id, message, code?}`` (Render's OpenAPI description, 2026-08-21). The sentences are
not repeated, since they may quote values; the code is a name.
"""

import re
from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import CredentialRefused, ProviderRefused, ProviderUnavailable
from autodeploy.kernel.http.models import Lenient

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class _Refusal(Lenient):
    code: str | None = None


def expect(answer: Answer, *statuses: HTTPStatus, remedy: str | None = None) -> Answer:
    """The answer, when its status is one of these.

    ``remedy`` says what to do where Render does not do it for a reason of this call.

    Raises ``CredentialRefused``, ``NotFound``, ``ProviderRefused``, and ``ProviderUnavailable`` for
    a success of another kind.
    """
    if answer.status in statuses:
        return answer
    raise _refusal(answer, remedy)


def _refusal(answer: Answer, remedy: str | None) -> AutoDeployError:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return CredentialRefused("Render does not accept the API key of the connected account.")
    if answer.status in _GONE:
        return NotFound(
            "Render has no such thing, or does not show it to the connected account.",
            remedy="Check that it is still there, and that the account is a member of its "
            "workspace.",
        )
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer.unusable("it is not what the call is answered with")
    if answer.status == HTTPStatus.PAYMENT_REQUIRED:
        return ProviderRefused(
            "Render asks for payment information before it does this (HTTP 402).",
            answered=answer.status,
            remedy="Enter it in Render's dashboard, under the billing of the workspace, and try "
            "again; or choose a free plan.",
        )
    code = _code(answer)
    return ProviderRefused(
        f"Render refuses this call (HTTP {answer.status}){f': {code}' if code else ''}.",
        answered=answer.status,
        reasons=(code,) if code else (),
        remedy=remedy,
    )


def _code(answer: Answer) -> str | None:
    try:
        code = answer.read(_Refusal).code
    except ProviderUnavailable:
        return None
    return code if code and _NAME.fullmatch(code) else None
