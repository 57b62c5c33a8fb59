"""Whom the API believes when it is told for whom a call is made."""

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from autodeploy.cli.operator.processes import server_options
from autodeploy.settings import Settings


@pytest.mark.parametrize(
    ("trusted", "client"), [("", "127.0.0.1"), ("127.0.0.1,10.0.0.0/8", "9.9.9.9")]
)
async def test_callers_address_is_taken_from_named_proxies_only(trusted: str, client: str) -> None:
    seen: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["client"][0])

    config = uvicorn.Config(application, **server_options(Settings(trusted_proxies=trusted)))
    config.load()
    scope = {
        "type": "http",
        "client": ("127.0.0.1", 40_000),
        "headers": [(b"x-forwarded-for", b"9.9.9.9")],
        "scheme": "http",
    }
    await config.loaded_app(scope, None, None)  # type: ignore[arg-type]
    assert seen == [client]
