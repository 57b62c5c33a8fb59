"""Calls to a service of others: bounded in time and size, never redirected, never retried."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from autodeploy import __version__
from autodeploy.kernel.errors import Unavailable

_CONNECT_SECONDS = 5.0
_LIMIT_BYTES = 1024 * 1024
_JUDGED_BY_CALLERS = {*range(200, 300), *range(400, 500)}

Shape = TypeVar("Shape", bound=BaseModel)


class ProviderUnavailable(Unavailable):
    """A provider does not answer, or answers with nothing that can be used."""

    code = "provider_unavailable"


@dataclass(frozen=True)
class Answer:
    """What a service answered. ``service`` is its name, for messages."""

    service: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, shape: type[Shape]) -> Shape:
        """The JSON body as ``shape``. Raises ``ProviderUnavailable``, without quoting it."""
        try:
            return shape.model_validate(self.json())
        except ValidationError as error:
            fields = ", ".join(
                sorted({str(item["loc"][0]) for item in error.errors() if item["loc"]})
            )
            raise self.unusable(f"{fields or 'the body'} is missing or of another form") from None

    def json(self) -> object:
        """The JSON body. Raises ``ProviderUnavailable``."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise self.unusable("what it sent is not JSON") from None

    def unusable(self, why: str) -> ProviderUnavailable:
        """The error of an answer that makes no sense."""
        return ProviderUnavailable(
            f"{self.service} gave an answer that cannot be used (HTTP {self.status}): {why}.",
            remedy="Try again in a moment. If it stays, the operator checks the address that the "
            "settings name for it.",
        )


class HttpClient:
    """Calls to one service. Connections are opened at the first use and kept until ``close``."""

    def __init__(self, service: str, *, timeout_seconds: float = 10):
        self.service = service
        self._timeout_seconds = timeout_seconds

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            timeout=httpx.Timeout(self._timeout_seconds, connect=_CONNECT_SECONDS),
            headers={"User-Agent": f"autodeploy/{__version__}", "Accept": "application/json"},
            follow_redirects=False,
        )

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        basic: tuple[str, str] | None = None,
    ) -> Answer:
        """One call, which is not repeated: whether it was applied may be unknown.

        Raises ``ProviderUnavailable`` when no whole answer came in time, when it is larger than
        1 MiB, and for the statuses 3xx, 429 and 5xx. Others are the caller's to judge.
        """
        request = self._http.build_request(
            method, url, headers=headers, params=query, data=form, json=body
        )
        auth = httpx.BasicAuth(*basic) if basic else None
        try:
            # httpx bounds each read, this the whole: a drip of bytes would last for ever.
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._send(request, auth)
        except (httpx.HTTPError, TimeoutError) as error:
            raise ProviderUnavailable(
                f"{self.service} does not answer ({type(error).__name__}).",
                remedy="Try again in a moment.",
            ) from error
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise answer.unusable("too many calls were sent to it")
        if answer.status not in _JUDGED_BY_CALLERS:
            raise answer.unusable("it did not serve the call")
        return answer

    async def close(self) -> None:
        if "_http" in self.__dict__:
            await self._http.aclose()

    async def _send(self, request: httpx.Request, auth: httpx.BasicAuth | None) -> Answer:
        response = await self._http.send(request, auth=auth, stream=True)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _LIMIT_BYTES:
                    break
            answer = Answer(self.service, response.status_code, response.headers, bytes(body))
        finally:
            await response.aclose()
        if len(body) > _LIMIT_BYTES:
            raise answer.unusable("it is larger than 1 MiB")
        return answer
