"""Who sends calls: an ``HttpClient``, or what finds it the credential of the moment."""

from typing import Protocol

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import Service


class Sender(Protocol):
    """Sends calls to one service for one account. Raises as ``HttpClient.send``."""

    @property
    def service(self) -> Service: ...

    async def send(self, call: Call) -> Answer: ...
