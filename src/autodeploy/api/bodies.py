"""What a request may carry: bodies of a bounded size that are JSON without ambiguity."""

import json
from email.message import Message as MediaType
from http import HTTPStatus
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autodeploy.kernel.errors import AutoDeployError, InvalidInput, TooLarge

UPLOAD_PATH = "/api/v1/repositories/upload"
WEBHOOKS_PATH = "/api/v1/webhooks/"
BODY_LIMIT_BYTES = 2 * 1024 * 1024
MAXIMUM_DEPTH = 100

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class UnsupportedMediaType(AutoDeployError):
    """A body is not declared to be JSON."""

    code = "unsupported_media_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    usual_remedy = "Send JSON with the header 'Content-Type: application/json'."


class BodyGuard:
    """Refuses a body that is too large, or no JSON that every reader understands alike.

    The body is kept whole (``state.body``) for the routes that are idempotent by key. Uploads
    are streams with a limit of their own and pass through, and so do signed webhooks, whose bytes
    are looked at only once their signature was.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            _refuse_nul_in_url(scope)
        if scope["type"] != "http" or is_stream(scope["path"]):
            await self.app(scope, receive, send)
            return
        body = await _read_body(scope, receive)
        if body and scope["method"] in _WITH_BODY:
            _require_json_type(Headers(scope=scope).get("content-type"))
            check_json(body)
        scope["state"]["body"] = body
        pending: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            nonlocal pending
            if pending is None:
                return await receive()
            message, pending = pending, None
            return message

        await self.app(scope, replay, send)


def is_stream(path: str) -> bool:
    """Whether the route at this path reads its body by itself."""
    return path == UPLOAD_PATH or path.startswith(WEBHOOKS_PATH)


def check_json(body: bytes) -> None:
    """Return when ``body`` is JSON in UTF-8 that PostgreSQL can hold and that has one meaning.

    Raises ``InvalidInput``, which names the field, for: another encoding, broken JSON, a key that
    occurs twice, NaN or Infinity, a NUL or half a surrogate pair in a text, and more than
    ``MAXIMUM_DEPTH`` levels.
    """
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_once_each, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise _unusable(f"The body is not UTF-8 (byte {error.start}).") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _unusable(f"The body is not JSON: {error.msg} ({where}).") from error
    except RecursionError as error:
        raise _too_deep("body") from error
    except ValueError as error:  # a number with thousands of digits
        raise _unusable("The body holds a number that is too long.") from error
    _check_values(value)


def _check_values(root: Any) -> None:
    """Walk without recursion, since the depth is the caller's."""
    pending: list[tuple[str, int, Any]] = [("", 0, root)]
    while pending:
        path, depth, value = pending.pop()
        if isinstance(value, str):
            _check_text(path or "body", value)
        elif isinstance(value, dict | list):
            if depth == MAXIMUM_DEPTH:
                raise _too_deep(path)
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in items:
                inner_path = f"{path}.{key}" if path else str(key)
                if isinstance(key, str):
                    _check_text(inner_path, key)
                pending.append((inner_path, depth + 1, inner))


def _check_text(path: str, text: str) -> None:
    if "\x00" in text:
        raise InvalidInput("It holds a NUL character.", field=_shown(path), remedy="Leave it out.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            "It holds half of a surrogate pair, which is no character.",
            field=_shown(path),
            remedy="Send whole characters.",
        ) from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidInput(
            "The key occurs twice in the body.", field=_shown(twice), remedy="Send it once."
        )
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _unusable(f"The body is not JSON: {name} is no number there.")


def _shown(path: str) -> str:
    """A path that is fit to be shown: the caller wrote it, so it may be long or unprintable."""
    return path.encode("ascii", "backslashreplace").decode().replace("\x00", "\\x00")[:200]


def _too_deep(path: str) -> InvalidInput:
    return InvalidInput(
        f"The body has more than {MAXIMUM_DEPTH} levels.",
        field=_shown(path.partition(".")[0] or "body"),
        remedy="Send what the API description shows.",
    )


def _unusable(message: str) -> InvalidInput:
    return InvalidInput(message, field="body", remedy="Correct the body and send it again.")


def _require_json_type(content_type: str | None) -> None:
    media = MediaType()
    media["content-type"] = content_type or ""
    main, subtype = media.get_content_maintype(), media.get_content_subtype()
    if main != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise UnsupportedMediaType("The body is not declared to be JSON.", field="Content-Type")


def _refuse_nul_in_url(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        raise InvalidInput(
            "The address holds a NUL character.", field="url", remedy="Send it without."
        )


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    announced = Headers(scope=scope).get("content-length", "")
    if announced.isdecimal() and int(announced) > BODY_LIMIT_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > BODY_LIMIT_BYTES:
            raise _too_large()
    return b"".join(parts)


def _too_large() -> TooLarge:
    return TooLarge(
        f"The body is larger than {BODY_LIMIT_BYTES // 1024 // 1024} MB.",
        field="body",
        remedy="Send less; sources go to POST /api/v1/repositories/upload.",
    )
