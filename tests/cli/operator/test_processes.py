"""Whom the API believes when it is told for whom a call is made."""

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from autodeploy.cli.operator.processes import server_options
from autodeploy.settings import Settings

PROXIES = "127.0.0.1, 10.0.0.0/8, 2001:db8:ffff::/48"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("", "127.0.0.1", ["9.9.9.9"], "127.0.0.1"),  # nobody is trusted, this machine neither
        (PROXIES, "127.0.0.1", ["9.9.9.9"], "9.9.9.9"),
        (PROXIES, "203.0.113.7", ["9.9.9.9"], "203.0.113.7"),  # not a proxy of ours
        (PROXIES, "127.0.0.1", ["9.9.9.9, 203.0.113.7"], "203.0.113.7"),  # forged by the caller
        (PROXIES, "127.0.0.1", ["9.9.9.9", "203.0.113.7"], "203.0.113.7"),  # in a header of its own
        (PROXIES, "127.0.0.1", ["9.9.9.9, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
        (PROXIES, "127.0.0.1", ["10.9.9.9, 203.0.113.7"], "203.0.113.7"),  # a forged proxy
        (PROXIES, "127.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"),
        (PROXIES, "2001:db8:ffff::1", ["2001:db8:1::5"], "2001:db8:1::5"),
        (PROXIES, "2001:db8:ffff::1", ["[2001:db8:1::5]:4711"], "2001:db8:1::5"),
        (PROXIES, "2001:DB8:FFFF:0::1", ["2001:db8:9::9, 2001:db8:1::5"], "2001:db8:1::5"),
        (PROXIES, "2001:db8:fffe::1", ["2001:db8:1::5"], "2001:db8:fffe::1"),
        (PROXIES, "127.0.0.1", [""], "127.0.0.1"),
    ],
)
async def test_callers_address_is_the_last_that_a_named_proxy_does_not_vouch_for(
    trusted: str, peer: str, forwarded: list[str], client: str
) -> None:
    seen: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["client"][0])

    config = uvicorn.Config(application, **server_options(Settings(trusted_proxies=trusted)))
    config.load()
    scope = {
        "type": "http",
        "client": (peer, 40_000),
        "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded],
        "scheme": "http",
    }
    await config.loaded_app(scope, None, None)  # type: ignore[arg-type]
    assert seen == [client]
