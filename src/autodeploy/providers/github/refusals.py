"""What GitHub's refusals mean, as errors of ours.

Its sentences are not repeated, only the names of what is wrong: docs.github.com, "Troubleshooting
the REST API", 2026-11. 404 also stands for a right that is missing.
"""

from http import HTTPStatus

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.models import Lenient
from autodeploy.kernel.http.refusals import is_name, refusal


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
    raise refusal(
        answer,
        missing="Check the name, and that the account may see the repository.",
        reasons=_reasons(answer),
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
        if isinstance(each, _Detail) and is_name(each.code)
    )


def _place(detail: _Detail) -> str:
    return ".".join(each for each in (detail.resource, detail.field) if each and is_name(each))
