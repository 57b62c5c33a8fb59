"""POSTs to addresses that users gave, such as those of their webhooks.

Every answer is a result here, whatever its status: the caller decides what it means, and when to
send again. Nothing is shared between two calls, so that no receiver can hold up another one.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import httpx

from autodeploy import __version__
from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.http.addresses import check_url, pinned
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.limits import retry_after_seconds
from autodeploy.kernel.telemetry import observed_call

_LONGEST_URL = 2000
_EXCERPT_BYTES = 2000
_EXCERPT_SECONDS = 1.0
_EXCERPT_CHARACTERS = 500


class NotAnswered(ProviderUnavailable):
    """A receiver gave no answer: it may have got the call all the same."""


@dataclass(frozen=True)
class Posted:
    """What a receiver answered: ``excerpt`` is the beginning of its body, in one line."""

    status: int
    excerpt: str = field(repr=False)
    retry_after_seconds: float | None = None


class Poster:
    """Connects to checked addresses alone, follows no redirect, and reads little of an answer."""

    def __init__(self, *, allow_private_addresses: bool, timeout_seconds: float = 15.0):
        self._allow_private = allow_private_addresses
        self._timeout_seconds = timeout_seconds

    async def check(self, url: str, *, field: str = "url") -> None:
        """Return when ``url`` may be posted to as things are now; ``post`` looks again.

        Raises ``InvalidInput`` for what is no such URL, ``AddressRefused``, ``HostNotFound``.
        """
        _require_url(url, field)
        await check_url(url, self._allow_private)

    async def post(
        self, url: str, *, service: str, body: bytes, headers: Mapping[str, str]
    ) -> Posted:
        """Send ``body`` once. ``service`` is the label of traces and metrics.

        Raises ``NotAnswered``, ``AddressRefused``, ``HostNotFound``.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                addresses = await check_url(url, self._allow_private)
                with observed_call(service, "POST", "/") as observe:
                    posted = await self._post_to_first(addresses, url, body, headers)
                    observe(posted.status)
                    return posted
        except TimeoutError:
            reason = f"no answer within {self._timeout_seconds:g} s"
        except httpx.HTTPError as error:
            reason = _reason(error)
        # Not chained: the text of the library's error may quote the address.
        raise NotAnswered(f"The receiver does not answer: {reason}.")

    async def close(self) -> None:
        if "_pool" in self.__dict__:
            await self._pool.aclose()

    async def _post_to_first(
        self, addresses: tuple[str, ...], url: str, body: bytes, headers: Mapping[str, str]
    ) -> Posted:
        """To the first address that takes a connection."""
        for address in addresses[:-1]:
            try:
                return await self._post(address, url, body, headers)
            except httpx.ConnectError:
                continue
        return await self._post(addresses[-1], url, body, headers)

    async def _post(
        self, address: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> Posted:
        parts = urlsplit(url)
        request = self._pool.build_request(
            "POST",
            pinned(url, address),
            content=body,
            headers={**headers, "Host": parts.netloc, "Accept-Encoding": "identity"},
            extensions={"sni_hostname": parts.hostname},
        )
        response = await self._pool.send(request, stream=True)
        try:
            start = await _beginning(response)
        finally:
            await response.aclose()
        wait = retry_after_seconds(response.headers, now())
        return Posted(response.status_code, _excerpt(start), wait)

    @cached_property
    def _pool(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            timeout=self._timeout_seconds,
            # A kept connection would belong to an address, and so to every name behind it.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            headers={"User-Agent": f"autodeploy/{__version__}"},
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )


def _require_url(url: str, field: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    plain = url.isascii() and url.isprintable() and " " not in url
    if not usable or not plain or len(url) > _LONGEST_URL:
        raise InvalidInput(
            "This is no URL to post to.",
            field=field,
            remedy="Write it as https://host/path, with special characters percent-encoded.",
        )
    if "@" in parts.netloc or parts.fragment:
        raise InvalidInput(
            "The URL holds a user, a password or a fragment, which are not sent.",
            field=field,
            remedy="Leave them out.",
        )


async def _beginning(response: httpx.Response) -> bytes:
    """What comes first of the body. One that breaks off or drips was answered all the same."""
    start = b""
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_EXCERPT_SECONDS):
            async for piece in response.aiter_raw():
                start += piece
                if len(start) >= _EXCERPT_BYTES:
                    break
    return start[:_EXCERPT_BYTES]


def _excerpt(start: bytes) -> str:
    text = start.decode(errors="replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line[:_EXCERPT_CHARACTERS]


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError):
        return "the connection was refused or not secure"
    if isinstance(error, httpx.TimeoutException):
        return "it took too long"
    return f"the connection broke ({type(error).__name__})"
