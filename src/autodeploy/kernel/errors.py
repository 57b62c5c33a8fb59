"""One exception tree. REST problems, WebSocket closes and CLI exit codes come from these."""

from http import HTTPStatus
from typing import ClassVar


class AutoDeployError(Exception):
    """Something that the caller can be told about.

    ``code`` is stable and documented, ``status`` is the HTTP status, ``retryable`` says whether
    the same call may succeed later without a change, ``usual_remedy`` what to do where nobody says
    it better. The message says what happened; it never holds a secret.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    retryable: ClassVar[bool] = False
    usual_remedy: ClassVar[str] = "Try again; if it stays, give the operator the id of the request."

    def __init__(self, message: str, *, field: str | None = None, remedy: str | None = None):
        super().__init__(message)
        self.message = message
        self.field = field
        self.remedy = remedy or self.usual_remedy


class InvalidInput(AutoDeployError):
    """A value that the caller sent cannot be used; ``field`` names it."""

    code = "invalid_input"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    usual_remedy = "Correct the value and send it again."


class Unauthenticated(AutoDeployError):
    """No credential, or one that is expired, revoked or wrong."""

    code = "unauthenticated"
    status = HTTPStatus.UNAUTHORIZED
    usual_remedy = "Sign in (`autodeploy login`), or send a token that is valid."


class Forbidden(AutoDeployError):
    """The caller is known and may see the object, but not do this to it."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN
    usual_remedy = "Use a token with that right, or ask an owner of the organization."


class NotFound(AutoDeployError):
    """No such object, or one of another tenant: the two are not told apart."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
    usual_remedy = "Check the id or name, and whose token it is: `autodeploy projects` lists yours."


class Conflict(AutoDeployError):
    """The object is in a state that does not allow this."""

    code = "conflict"
    status = HTTPStatus.CONFLICT
    usual_remedy = "Read the object again and decide anew."


class PreconditionFailed(AutoDeployError):
    """``If-Match`` names another version than the stored one."""

    code = "precondition_failed"
    status = HTTPStatus.PRECONDITION_FAILED
    usual_remedy = "Read the object again and repeat the change on it."


class TooLarge(AutoDeployError):
    """A body, archive or file is over its limit."""

    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    usual_remedy = "Leave out what is not needed."


class TooManyRequests(AutoDeployError):
    """The caller is over a rate limit."""

    code = "rate_limited"
    status = HTTPStatus.TOO_MANY_REQUESTS
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: int):
        super().__init__(message, remedy=f"Try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class Unavailable(AutoDeployError):
    """A part that is needed does not answer; the same call may succeed later."""

    code = "unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True
    usual_remedy = "Try again in a moment."


class DeploymentFailed(AutoDeployError):
    """A deployment step failed because of the app or the request, so a retry changes nothing.

    Subclasses name the reason; ``cause`` is the likely one where the output tells it, and
    ``log_tail`` holds the last lines that matter, redacted.
    """

    code = "deployment_failed"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    usual_remedy = "Read the lines of its log (`autodeploy logs`), correct it and deploy again."

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
    usual_remedy = "Correct that place and deploy again."
