"""One rendering of everything that goes wrong: RFC 9457 problem details."""

from http import HTTPStatus
from typing import Annotated, Any

import structlog
from asyncpg.exceptions import DataError
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketState

from autodeploy.api.routes import shown_path
from autodeploy.kernel.descriptors import TooFewFiles, is_exhaustion
from autodeploy.kernel.disk import DiskFull, is_full
from autodeploy.kernel.errors import (
    AutoDeployError,
    InvalidInput,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from autodeploy.kernel.http.errors import RateLimited
from autodeploy.kernel.schema import Schema

MEDIA_TYPE = "application/problem+json"

# Callers choose the names of unknown fields: what is repeated of them is bounded.
_LONGEST_FIELD = 200

_log = structlog.get_logger(__name__)

# What a connection that PostgreSQL or Redis dropped raises.
_DROPPED = (OperationalError, InterfaceError, ConnectionError)

# Codes of what the framework refuses before a route runs.
_FRAMEWORK_CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.BAD_REQUEST: "bad_request",
}
_FRAMEWORK_REMEDIES = {
    HTTPStatus.NOT_FOUND: "Check the path against the API description.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Use one of the methods that the Allow header names.",
}


class FieldProblem(Schema):
    """One value that cannot be used, and why."""

    field: str
    message: str


class Problem(Schema):
    """What went wrong, as RFC 9457 has it; ``code`` is stable, ``remedy`` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    trace_id: Annotated[str, Field(description="Quote it to the operator; it is in the logs.")]
    retryable: bool = False
    field: str | None = None
    remedy: str | None = None
    errors: list[FieldProblem] | None = None


def trace_id_of(connection: HTTPConnection) -> str:
    """The request's id, which the logs carry too."""
    return str(getattr(connection.state, "request_id", "-"))


def problem_response(connection: HTTPConnection, error: AutoDeployError) -> JSONResponse:
    """The response that tells the caller about ``error``."""
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyRequests | RateLimited):
        headers["Retry-After"] = str(error.retry_after_seconds)
    return _render(
        connection,
        status=error.status,
        code=error.code,
        detail=error.message,
        retryable=error.retryable,
        field=error.field,
        remedy=error.remedy,
        headers=headers,
    )


def unexpected_response(connection: HTTPConnection) -> JSONResponse:
    """The response to a defect: nothing of its inside is shown."""
    return _render(
        connection,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code=AutoDeployError.code,
        detail="Something failed inside AutoDeploy.",
        remedy="Try again; if it stays, give the operator the traceId.",
    )


def translate(error: Exception) -> AutoDeployError | None:
    """What a failure of a part means to the caller, or None for a defect of ours."""
    if isinstance(error, AutoDeployError):
        return error
    if isinstance(error, DBAPIError) and isinstance(error.orig and error.orig.__cause__, DataError):
        return InvalidInput(
            "A value is outside of what can be stored.", remedy="Check numbers and characters."
        )
    if isinstance(error, _DROPPED):
        return Unavailable(
            "A part that this needs does not answer.", remedy="Try again in a moment."
        )
    if is_full(error):
        return DiskFull("The disk of AutoDeploy's machine is full.")
    return TooFewFiles() if is_exhaustion(error) else None


def install(app: FastAPI) -> None:
    """Render errors of routes and of the framework; defects are left to the middleware."""
    handlers: dict[Any, Any] = {
        AutoDeployError: _on_error,
        RequestValidationError: _on_validation,
        WebSocketRequestValidationError: _on_validation,
        HTTPException: _on_framework,
    }
    app.exception_handlers.update(handlers)


async def _on_error(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
    assert isinstance(error, AutoDeployError)
    return await _answer(connection, problem_response(connection, error))


async def _on_validation(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
    errors = [_field_problem(item) for item in error.errors()]
    names = ", ".join(sorted({item.field for item in errors}))
    response = _render(
        connection,
        status=InvalidInput.status,
        code=InvalidInput.code,
        detail=f"The request cannot be used: {names}.",
        field=errors[0].field if len(errors) == 1 else None,
        remedy="Correct what each entry of errors names and send the request again.",
        errors=errors,
    )
    return await _answer(connection, response)


async def _on_framework(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    response = _render(
        connection,
        status=status,
        code=_FRAMEWORK_CODES.get(status, "http_error"),
        detail=f"{status.phrase}.",
        remedy=_FRAMEWORK_REMEDIES.get(status, "Check the request against the API description."),
        headers=dict(error.headers or {}),
    )
    return await _answer(connection, response)


def _field_problem(item: dict[str, Any]) -> FieldProblem:
    """The name of the value and the reason; never the value, which may be a secret."""
    where, *path = [str(part) for part in item["loc"]]
    return FieldProblem(field=(".".join(path) or where)[:_LONGEST_FIELD], message=item["msg"])


async def refuse_websocket(websocket: WebSocket, error: AutoDeployError) -> None:
    """Answer the handshake of a WebSocket, or end it, with ``error``."""
    await _answer(websocket, problem_response(websocket, error))


async def _answer(connection: HTTPConnection, response: JSONResponse) -> JSONResponse | None:
    """The response itself, or for a WebSocket its refusal or its end."""
    if not isinstance(connection, WebSocket):
        return response
    extensions = connection.scope.get("extensions") or {}
    opening = connection.application_state == WebSocketState.CONNECTING
    if opening and "websocket.http.response" in extensions:
        await connection.send_denial_response(response)
    else:
        # 4000 to 4999 are the application's own codes (RFC 6455, 7.4.2).
        await connection.close(4000 + response.status_code)
    return None


def _render(
    connection: HTTPConnection,
    *,
    status: HTTPStatus,
    code: str,
    detail: str,
    retryable: bool = False,
    field: str | None = None,
    remedy: str | None = None,
    errors: list[FieldProblem] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=f"urn:autodeploy:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        trace_id=trace_id_of(connection),
        retryable=retryable,
        field=field and field[:_LONGEST_FIELD],
        remedy=remedy,
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(by_alias=True, exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def log_defect(connection: HTTPConnection) -> None:
    """Log the exception that is being handled, with what is needed to find the request."""
    _log.exception(
        "request.failed", path=shown_path(connection.scope), trace_id=trace_id_of(connection)
    )
