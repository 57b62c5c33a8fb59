"""What Render's refusals mean, as errors of ours.

Errors are ``{id, message, code?}`` (Render's OpenAPI description, 2026-08-21). The sentences are
not repeated, since they may quote values; the code is a name.
"""

from http import HTTPStatus

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.models import Lenient
from autodeploy.kernel.http.refusals import is_name, refusal

_PAYMENT = "it asks for payment information first"
_REMEDIES: dict[int, str] = {
    HTTPStatus.PAYMENT_REQUIRED: "Enter it in Render's dashboard, under the billing of the "
    "workspace, and try again; or choose a free plan.",
}


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
    code = _code(answer)
    raise refusal(
        answer,
        missing="Check that it is still there, and that the account is a member of its workspace.",
        reason=_PAYMENT if answer.status == HTTPStatus.PAYMENT_REQUIRED else "",
        reasons=(code,) if code else (),
        remedy=_REMEDIES.get(answer.status, remedy),
        credential="API key",
    )


def _code(answer: Answer) -> str | None:
    try:
        code = answer.read(_Refusal).code
    except ProviderUnavailable:
        return None
    return code if is_name(code) else None
