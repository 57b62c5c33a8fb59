"""``ETag`` and ``If-Match`` of what can be changed; ``If-None-Match`` of whatever has a tag.

A route that answers such a thing returns ``tagged(response, view)``. One that changes or deletes it
takes ``if_match: IfMatchDep`` and hands it to the service, which calls ``if_match.require(view)``
(``kernel.versions``).
"""

from typing import Annotated, TypeVar

from fastapi import Depends, Header, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autodeploy.kernel.schema import Schema
from autodeploy.kernel.versions import ANY_VERSION, IfMatch, etag_of

View = TypeVar("View", bound=Schema)

_NOT_MODIFIED = 304
# What describes a body does not belong to an answer without one (RFC 9110, 15.4.5).
_OF_THE_BODY = ("content-length", "content-type")


async def _if_match(
    if_match: Annotated[
        str | None,
        Header(alias="If-Match", description="Do it only if it still is of this version."),
    ] = None,
) -> IfMatch:
    return ANY_VERSION if if_match is None else IfMatch.parse(if_match)


IfMatchDep = Annotated[IfMatch, Depends(_if_match)]


def tagged(response: Response, view: View) -> View:
    """The view, after its ``ETag`` was added to the response."""
    response.headers["ETag"] = etag_of(view)
    return view


class NotModified:
    """Answers 304 without a body to a GET whose ``If-None-Match`` names the answer's tag."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = Headers(scope=scope).getlist("if-none-match") if scope["type"] == "http" else []
        if not known or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        fresh = False

        async def send_unless_known(message: Message) -> None:
            nonlocal fresh
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = MutableHeaders(scope=message)
                fresh = _names(",".join(known), headers.get("etag"))
                if fresh:
                    message["status"] = _NOT_MODIFIED
                    for name in _OF_THE_BODY:
                        del headers[name]
            elif message["type"] == "http.response.body" and fresh:
                message = {**message, "body": b""}
            await send(message)

        await self.app(scope, receive, send_unless_known)


def _names(if_none_match: str, etag: str | None) -> bool:
    """Whether the header holds the tag, by the weak comparison that it takes."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag is not None and (etag in tags or "*" in tags)
