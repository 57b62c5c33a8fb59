"""Calls to a service of others: bounded in time and size, never redirected by themselves.

One ``HttpClient`` is one service: its connections, its breaker, who has to wait, what it answered
last. ``bound`` makes cheap clients of it that act for one account. What went wrong is told by
``kernel.http.errors``; statuses that are left to the caller are 2xx and 4xx.
"""

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from math import ceil
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from autodeploy import __version__
from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.http.addresses import same_origin
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.breaker import Breaker, Place
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.conditional import Remembered, digest_of, refreshed
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderUnavailable, RateLimited
from autodeploy.kernel.http.gates import Gates
from autodeploy.kernel.http.limits import PLAIN, LimitRules, retry_after_seconds
from autodeploy.kernel.http.retries import Patience, Setback, persist
from autodeploy.kernel.http.streams import Stream, read_whole
from autodeploy.kernel.http.timing import SystemTiming, Timing
from autodeploy.kernel.telemetry import observed_call

_Received = TypeVar("_Received", Answer, Answer | Stream)
_Receive = Callable[[httpx.Response, str, Call], Awaitable[_Received]]

# Nothing of the request left this machine.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_GATEWAY = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What is known of a service before it is called. ``name`` is for messages and metrics.

    ``public_url`` is what it calls itself, which may be called at another ``base_url``.
    """

    name: str
    base_url: str = ""
    public_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    limits: LimitRules = PLAIN

    def here(self, address: str) -> str:
        """An address that the service names, below the base address where it names itself."""
        if not self.public_url or not same_origin(address, self.public_url):
            return address
        return self.base_url + urlsplit(address)._replace(scheme="", netloc="").geturl()


class HttpClient:
    """Calls to one service. Connections are opened at the first use and kept until ``close``."""

    def __init__(
        self, service: Service, *, patience: Patience | None = None, timing: Timing | None = None
    ):
        self.service = service
        self.patience = patience or Patience()
        self._timing = timing or SystemTiming()
        self._headers: dict[str, str] = {}
        self._query: dict[str, str] = {}
        self._account: bytes | None = None
        self._shared = _Shared(service, self._timing)

    def bound(
        self, *, token: str, query: Mapping[str, str] | None = None, account: str | None = None
    ) -> "HttpClient":
        """A client that acts with ``token`` and sends ``query`` with each call.

        It shares everything else with this one, which alone is to be closed. ``account`` is whose
        limit the calls count against, where several tokens share one. Raises ``InvalidInput`` for a
        token that no header can carry.
        """
        if not _TOKEN.fullmatch(token):
            raise InvalidInput("This is not a token.", field="token")
        client = copy.copy(self)
        client._headers = {"Authorization": f"Bearer {token}"}
        client._query = dict(query or {})
        client._account = digest_of(account or token)
        return client

    async def send(self, call: Call) -> Answer:
        """The answer to a call, which is repeated only where that cannot apply it twice.

        Raises:
            OutcomeUnknown: it changes something, and whether it did is not known.
            RateLimited: it was not applied, and may be sent again after a while. Where the limit is
                one of the account, the next calls are not even sent until then.
            ProviderUnavailable: there is no answer, or one that cannot be used: larger than the
                bound, a redirect that was not asked for, a 5xx.
            InvalidInput: a part cannot be part of an address.
        """
        return await self._persist(call, read_whole)

    @asynccontextmanager
    async def open(self, call: Call) -> AsyncIterator[Stream | Answer]:
        """The answer as a stream where it is a success, else whole. Raises as ``send``."""

        async def receive(response: httpx.Response, service: str, call: Call) -> Answer | Stream:
            if response.is_success:
                return Stream(service, response, call.limit_bytes)
            return await read_whole(response, service, call)

        received = await self._persist(call, receive)
        try:
            yield received
        finally:
            if isinstance(received, Stream):
                await received.close()

    async def close(self) -> None:
        await self._shared.close()

    async def _persist(
        self,
        call: Call,
        receive: _Receive[_Received],
    ) -> _Received:
        async def attempt(number: int, left: float) -> _Received | Setback:
            received = await self._attempt(call, number, left, receive)
            if isinstance(received, Answer):
                return self._judge(call, received, number) or received
            return received

        within = call.within_seconds or self.patience.whole_seconds
        return await persist(attempt, self.patience, self._timing, within)

    async def _attempt(
        self,
        call: Call,
        number: int,
        left: float,
        receive: _Receive[_Received],
    ) -> _Received | Setback:
        left_to_wait = self._shared.gates.seconds_left(self._account)
        if left_to_wait > 0:
            return self._limited(left_to_wait, "before the limit of this account ends")
        request = self._request(call)
        key = Remembered.key(request)
        conditional = call.method == "GET" and not call.lasting and receive is read_whole
        kept = self._shared.remembered.find(key) if conditional else None
        if kept is not None:
            request.headers["If-None-Match"] = kept.headers["etag"]
        received = await self._admitted(call, request, number, left, receive)
        if not isinstance(received, Answer):
            return received
        if kept is not None and received.status == HTTPStatus.NOT_MODIFIED:
            received = refreshed(kept, received)
        if conditional:
            self._shared.remembered.keep(key, received)
        return received

    async def _admitted(
        self,
        call: Call,
        request: httpx.Request,
        number: int,
        left: float,
        receive: _Receive[_Received],
    ) -> _Received | Setback:
        """As ``_exchange``, unless the service is left alone."""
        breaker, served = self._shared.breaker, None
        place: Place | None = Place(call.route, self._account)
        breaker.admit()
        try:
            with observed_call(self.service.name, call.method, call.route) as observe:
                received = await self._exchange(call, request, left, receive)
                if isinstance(received, Setback):
                    served, place = False, place if received.reached else None
                else:
                    served = received.status < HTTPStatus.INTERNAL_SERVER_ERROR
                    observe(received.status)
        finally:
            breaker.settle(served, place, first=number == 1)
        return received

    async def _exchange(
        self,
        call: Call,
        request: httpx.Request,
        left: float,
        receive: _Receive[_Received],
    ) -> _Received | Setback:
        """One request and what came of it. Errors of the library are not chained to ours: their
        text may quote a header."""
        try:
            # httpx bounds each read, this the whole: a drip of bytes would last for ever.
            async with asyncio.timeout(left):
                response = await self._shared.pool.send(
                    request, auth=httpx.BasicAuth(*call.basic) if call.basic else None, stream=True
                )
                return await receive(response, self.service.name, call)
        except _NOT_SENT as error:
            kind, sent = type(error).__name__, False
        except (httpx.HTTPError, TimeoutError) as error:
            kind, sent = type(error).__name__, True
        text = f"{self.service.name} does not answer ({kind})"
        if sent and not call.repeatable:
            return Setback(_unknown(text), repeatable=False)
        failure = ProviderUnavailable(f"{text}.", remedy="Try again in a moment.")
        return Setback(failure, repeatable=True, reached=sent)

    def _judge(self, call: Call, answer: Answer, number: int) -> Setback | None:
        """Why an answer is none; None when the caller is to judge it. Raises as ``send``."""
        now = self._timing.now()
        wait = self.service.limits.wait_seconds(answer, number, now)
        if wait is not None:
            if self.service.limits.of_account and self._account is not None:
                self._shared.gates.close(self._account, wait)
            return self._limited(wait, f"for now (HTTP {answer.status})")
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Setback(
                answer.unusable("it did not serve the call", applied=not call.repeatable),
                repeatable=call.repeatable and (call.method == "GET" or answer.status in _GATEWAY),
                wait_seconds=retry_after_seconds(answer.headers, now),
            )
        if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST and not call.moved:
            raise answer.unusable("it names another address")
        return None

    def _limited(self, wait_seconds: float, until: str) -> Setback:
        limited = RateLimited(
            f"{self.service.name} takes no more calls {until}.",
            retry_after_seconds=max(ceil(wait_seconds), 1),
        )
        return Setback(limited, repeatable=True, wait_seconds=wait_seconds)

    def _request(self, call: Call) -> httpx.Request:
        upload = call.upload
        headers = {**self.service.headers, **self._headers, **call.headers}
        if upload is not None:
            headers["Content-Length"] = str(upload.size_bytes)
        # A next page's address has its query already, with that of this client.
        query = {**self._query, **call.query} if call.address is None else call.query
        try:
            return self._shared.pool.build_request(
                call.method,
                call.url(self.service.base_url),
                headers=headers,
                params=query or None,
                data=call.form,
                json=call.body,
                content=upload.chunks() if upload else None,
                timeout=self._timeout(call),
                extensions={"sni_hostname": call.server_name} if call.server_name else None,
            )
        except httpx.InvalidURL:
            raise ProviderUnavailable(
                f"What this call to {self.service.name} is about cannot be part of an address.",
                remedy="Use a shorter name, of plain letters.",
            ) from None

    def _timeout(self, call: Call) -> httpx.Timeout:
        silent_seconds = call.silent_seconds or self.patience.read_seconds
        return httpx.Timeout(silent_seconds, connect=self.patience.connect_seconds)


class _Shared:
    """What all clients of a service share, whomever they act for."""

    def __init__(self, service: Service, timing: Timing):
        self.breaker = Breaker(service.name, timing)
        self.gates = Gates(timing)
        self.remembered = Remembered()

    @cached_property
    def pool(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"User-Agent": f"autodeploy/{__version__}", "Accept": "application/json"},
            follow_redirects=False,
            # Else a cookie that one account got would be sent for the next.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def close(self) -> None:
        if "pool" in self.__dict__:
            await self.pool.aclose()


def _unknown(text: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{text}, so whether it did what it was asked to is not known.",
        remedy="Look whether it did before you ask again.",
    )
