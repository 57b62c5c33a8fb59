"""One exception tree. REST problems, WebSocket closes and CLI exit codes come from these."""

from http import HTTPStatus
from typing import ClassVar


class AutoDeployError(Exception):
    """Something that the caller can be told about.

    ``code`` is stable and documented, ``status`` is the HTTP status, ``retryable`` says whether
    the same call may succeed later without a change. The message says what happened and what
    to do next; it never holds a secret.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, field: str | None = None, remedy: str | None = None):
        super().__init__(message)
        self.message = message
        self.field = field
        self.remedy = remedy


class InvalidInput(AutoDeployError):
    """A value that the caller sent cannot be used; ``field`` names it."""

    code = "invalid_input"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unauthenticated(AutoDeployError):
    """No credential, or one that is expired, revoked or wrong."""

    code = "unauthenticated"
    status = HTTPStatus.UNAUTHORIZED


class Forbidden(AutoDeployError):
    """The caller is known and may see the object, but not do this to it."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class NotFound(AutoDeployError):
    """No such object, or one of another tenant: the two are not told apart."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND


class Conflict(AutoDeployError):
    """The object is in a state that does not allow this."""

    code = "conflict"
    status = HTTPStatus.CONFLICT


class PreconditionFailed(AutoDeployError):
    """``If-Match`` names another version than the stored one."""

    code = "precondition_failed"
    status = HTTPStatus.PRECONDITION_FAILED


class TooLarge(AutoDeployError):
    """A body, archive or file is over its limit."""

    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooManyRequests(AutoDeployError):
    """The caller is over a rate limit."""

    code = "rate_limited"
    status = HTTPStatus.TOO_MANY_REQUESTS
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: int):
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(AutoDeployError):
    """A part that is needed does not answer; the same call may succeed later."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True


class DeploymentFailed(AutoDeployError):
    """A deployment step failed because of the app or the request, so a retry changes nothing.

    Subclasses name the reason; ``cause`` is the likely one where the output tells it, and
    ``log_tail`` holds the last lines that matter, redacted.
    """

    code = "deployment_failed"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        cause: str | None = None,
        remedy: str | None = None,
        log_tail: list[str] | None = None,
    ):
        super().__init__(message, field=field, remedy=remedy)
        self.cause = cause
        self.log_tail = log_tail or []


class ManifestUnreadable(DeploymentFailed):
    """A file that says what the app is made of, such as package.json, cannot be parsed; the
    message names the file and the line."""

    code = "manifest_unreadable"
