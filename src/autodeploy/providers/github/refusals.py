"""What GitHub's refusals mean, as errors of ours.

Its sentences are not repeated, only the names of what is wrong: docs.github.com, "Troubleshooting
the REST API", 2026-11. 404 also stands for a right that is missing.
"""

import re
from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError, NotFound
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import CredentialRefused, ProviderRefused, ProviderUnavailable
from autodeploy.kernel.http.models import Lenient

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}")
_GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class _Detail(Lenient):
    resource: str | None = None
    field: str | None = None
    code: str | None = None


class _Failure(Lenient):
    errors: tuple[_Detail | str, ...] = ()


def expect(answer: Answer, *statuses: HTTPStatus) -> Answer:
    """The answer, when its status is one of these.

    Raises ``CredentialRefused``, ``NotFound``, ``ProviderRefused``, and ``ProviderUnavailable`` for
    a success of another kind.
    """
    if answer.status in statuses:
        return answer
    raise _refusal(answer)


def _refusal(answer: Answer) -> AutoDeployError:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return CredentialRefused("GitHub does not accept the token of the connected account.")
    if answer.status in _GONE:
        return NotFound(
            "GitHub has no such thing, or does not show it to the connected account.",
            remedy="Check the name, and that the account may see the repository.",
        )
    if answer.status < HTTPStatus.BAD_REQUEST:
        return answer.unusable("it is not what the call is answered with")
    reasons = _reasons(answer)
    named = f": {', '.join(reasons)}" if reasons else ""
    return ProviderRefused(
        f"GitHub refuses this call (HTTP {answer.status}){named}.",
        answered=answer.status,
        reasons=reasons,
    )


def _reasons(answer: Answer) -> tuple[str, ...]:
    """Such as ``Hook.url:invalid``; what is no name is left out, since it may be a value."""
    try:
        details = answer.read(_Failure).errors
    except ProviderUnavailable:
        return ()
    return tuple(
        f"{_place(each)}:{each.code}"
        for each in details
        if isinstance(each, _Detail) and _is_name(each.code)
    )


def _place(detail: _Detail) -> str:
    return ".".join(each for each in (detail.resource, detail.field) if each and _is_name(each))


def _is_name(value: str | None) -> bool:
    return value is not None and _NAME.fullmatch(value) is not None
