"""Answers as they come in: whole up to a bound, in pieces, or as JSON line by line."""

from collections.abc import AsyncIterator

import httpx

from autodeploy.kernel.http.answers import Answer, parsed
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import ProviderUnavailable

_LINE_BYTES = 1024 * 1024


async def read_whole(response: httpx.Response, service: str, call: Call) -> Answer:
    """The answer to ``call`` with its body, which is closed afterwards.

    Raises ``ProviderUnavailable`` when it is larger than the call allows (``OutcomeUnknown`` where
    that may not be repeated), and what httpx raises.
    """
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > call.limit_bytes:
                break
    finally:
        await response.aclose()
    answer = Answer(
        service, response.status_code, response.headers, bytes(body), str(response.request.url)
    )
    if len(body) > call.limit_bytes:
        why = f"it is larger than {call.limit_bytes} bytes"
        raise answer.unusable(why, applied=not call.repeatable)
    return answer


class Stream:
    """A successful answer whose body is still to come. Read it once, within ``open``."""

    def __init__(self, service: str, response: httpx.Response, limit_bytes: int):
        self.service = service
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._limit_bytes = limit_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces. Raises ``ProviderUnavailable`` where it breaks off or is larger than
        the call's bound: what came before is not to be trusted as a whole."""
        taken = 0
        broken = None
        try:
            async for piece in self._response.aiter_bytes():
                taken += len(piece)
                if taken > self._limit_bytes:
                    broken = f"is larger than {self._limit_bytes} bytes"
                    break
                yield piece
        except httpx.HTTPError as error:
            broken = f"broke off ({type(error).__name__})"
        if broken:
            raise self._unusable(broken)

    async def lines(self) -> AsyncIterator[object]:
        """The values of newline-delimited JSON (``application/stream+json``), each as it comes.

        Raises ``ProviderUnavailable`` as ``chunks``, and for a line that is not JSON.
        """
        held = bytearray()
        async for piece in self.chunks():
            held += piece
            *whole, rest = held.split(b"\n")
            held = bytearray(rest)
            if len(held) > _LINE_BYTES:
                raise self._unusable("has a line without an end")
            for line in whole:
                if line.strip():
                    yield self._value(bytes(line))
        if held.strip():
            yield self._value(bytes(held))

    async def close(self) -> None:
        await self._response.aclose()

    def _value(self, line: bytes) -> object:
        try:
            return parsed(line)
        except (ValueError, RecursionError):
            pass
        raise self._unusable("has a line that is not JSON")

    def _unusable(self, why: str) -> ProviderUnavailable:
        return ProviderUnavailable(
            f"What {self.service} sends {why}.", remedy="Try again in a moment."
        )
