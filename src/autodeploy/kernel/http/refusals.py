"""What the refusals of every provider mean alike, as errors of ours."""

import re
from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import CredentialRefused, ProviderRefused

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


def is_name(value: str | None) -> bool:
    """Whether a text can be shown as a code: anything else may be a value."""
    return value is not None and _NAME.fullmatch(value) is not None


def credential_refused(service: str, credential: str = "token") -> CredentialRefused:
    """The error of a token or key that the service does not accept."""
    return CredentialRefused(
        f"{service} does not accept the {credential} of the connected account."
    )


def refusal(
    answer: Answer,
    *,
    missing: str,
    reason: str = "",
    reasons: tuple[str, ...] = (),
    remedy: str | None = None,
    credential: str = "token",
) -> AutoDeployError:
    """The error of an answer that is not what the call is answered with.

    Args:
        missing: the remedy where the provider has no such thing.
        reason: what the provider says, fit to be shown; by default ``reasons``, which are names.
        remedy: what to do where it understood the call and does not do it.
    """
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return credential_refused(answer.service, credential)
    if answer.status in _GONE:
        return NotFound(
            f"{answer.service} has no such thing, or does not show it to the connected account.",
            remedy=missing,
        )
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer.unusable("it is not what the call is answered with")
    said = reason or ", ".join(reasons)
    return ProviderRefused(
        f"{answer.service} refuses this call (HTTP {answer.status}){f': {said}' if said else ''}.",
        answered=answer.status,
        reasons=reasons,
        remedy=remedy,
    )
