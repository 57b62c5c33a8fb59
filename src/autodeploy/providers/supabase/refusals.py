"""What Supabase's refusals mean, as errors of ours.

It has no error codes, only a sentence (``{"message": …}``, recorded answers of 2026-05), so that is
what the reason can be told by: on one line, cut, and never of a call that carries a secret which it
quotes.
"""

from http import HTTPStatus

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.models import Lenient
from autodeploy.kernel.http.refusals import refusal
from autodeploy.providers.identity import shown_text


class _Failure(Lenient):
    message: str | list[str] | None = None


def expect(answer: Answer, status: HTTPStatus, *, right: str, secret: str | None = None) -> Answer:
    """The answer, when it has this status.

    Args:
        right: the scope that the call needs, for the remedy.
        secret: what was sent and may not be shown.

    Raises ``CredentialRefused``, ``NotFound``, ``ProviderRefused``, and ``ProviderUnavailable`` for
    a success of another kind.
    """
    if answer.status == status:
        return answer
    message = message_of(answer, secret)
    raise refusal(
        answer,
        missing="Check that it still exists, and that the account may see it.",
        reason=message,
        remedy=_remedy(answer.status, message.lower(), right),
    )


def message_of(answer: Answer, secret: str | None = None) -> str:
    """Supabase's sentence, empty where there is none or where it quotes ``secret``."""
    try:
        told = answer.read(_Failure).message or ""
    except ProviderUnavailable:
        return ""
    text = "; ".join(told) if isinstance(told, list) else told
    if secret is not None and secret in text:
        return ""
    return (shown_text(text) or "").rstrip(".")


def _remedy(status: int, message: str, right: str) -> str | None:
    if "limit" in message and "project" in message:
        return (
            "Pause or delete a project of the organization at Supabase, or give it a plan that has "
            "more; then try again."
        )
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return "Settle the organization's billing at Supabase, then try again."
    if status == HTTPStatus.FORBIDDEN:
        return f"Connect an account or token that has the right {right} in the organization."
    return None
