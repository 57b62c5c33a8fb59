"""Redirects, followed where a caller expects one, and only there.

GitHub answers 301 for a repository that was renamed, and 302 with a short-lived address for its
archives (docs.github.com, "Follow redirects", 2026-11). A credential goes to no other origin.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

from autodeploy.kernel.http.addresses import check_url, pinned, resolved, same_origin
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.senders import Sender
from autodeploy.kernel.http.streams import Stream

_DOWNLOAD_SECONDS = 600.0
_MOST_REDIRECTS = 3
_MOVED = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.FOUND,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
}


async def send_where_moved(http: Sender, call: Call) -> Answer:
    """The answer to a GET of something that may have moved within its origin.

    Raises ``ProviderUnavailable`` when it leads elsewhere or in a circle, and as ``send``.
    """
    following = replace(call, moved=True)
    for _ in range(_MOST_REDIRECTS):
        answer = await http.send(following)
        if answer.status not in _MOVED:
            return answer
        address = http.service.here(location(answer))
        if not same_origin(address, answer.url):
            raise answer.unusable("it has moved to another place")
        following = replace(following, address=address, query={})
    raise answer.unusable("it moves in a circle")


def location(answer: Answer) -> str:
    """The absolute address that a redirect names.

    Raises ``ProviderUnavailable`` when it names none, or leads from https to something else.
    """
    schemes = {"https"} if answer.url.startswith("https:") else {"https", "http"}
    named = answer.headers.get("location")
    address = resolved(answer.url, named) if named else None
    if address is None or not _is_usable(address, schemes):
        raise answer.unusable("it names no address to follow")
    return address


def _is_usable(address: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@asynccontextmanager
async def open_elsewhere(
    http: HttpClient, address: str, *, limit_bytes: int, allow_private: bool
) -> AsyncIterator[Stream]:
    """Download what is at ``address``, which a provider named, through a client without account.

    The connection goes to the address that was checked and to no other, and all of it ends within
    ten minutes.

    Raises ``AddressRefused`` for one inside the operator's network unless ``allow_private``,
    ``HostNotFound``, and ``ProviderUnavailable``.
    """
    parts = urlsplit(address)
    checked = (await check_url(address, allow_private))[0]
    download = Call(
        "GET",
        "/",
        address=pinned(address, checked),
        headers={"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"},
        server_name=parts.hostname,
        limit_bytes=limit_bytes,
    )
    bound = asyncio.timeout(_DOWNLOAD_SECONDS)
    try:
        async with bound, http.open(download) as stream:
            if isinstance(stream, Answer):
                raise stream.unusable("what it names cannot be read")
            yield stream
    except TimeoutError:
        if not bound.expired():
            raise
        raise ProviderUnavailable(
            f"{http.service.name} did not send all of it within {_DOWNLOAD_SECONDS:.0f} s.",
            remedy="Try again in a moment.",
        ) from None
