"""A client of a scripted server, in a time that tests move."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from tests.kernel.http.servers import MovedTime

from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.limits import PLAIN, LimitRules
from autodeploy.kernel.http.retries import Patience

MakeClient = Callable[..., HttpClient]


@pytest.fixture
def time() -> MovedTime:
    return MovedTime()


@pytest.fixture
async def make_client(time: MovedTime) -> AsyncIterator[MakeClient]:
    """``make_client(url)``: a client of the service ``Acme``, closed after the test."""
    async with AsyncExitStack() as stack:

        def make(
            url: str,
            *,
            limits: LimitRules = PLAIN,
            patience: Patience | None = None,
            public_url: str = "",
        ) -> HttpClient:
            service = Service(name="Acme", base_url=url, limits=limits, public_url=public_url)
            client = HttpClient(service, patience=patience, timing=time)
            stack.push_async_callback(client.close)
            return client

        yield make
