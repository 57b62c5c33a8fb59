"""Calls to a runtime agent that is away for a while, or for good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from autodeploy.kernel.errors import Unavailable
from autodeploy.providers.local.client import AgentClient


async def echo(request: Request) -> JSONResponse:
    return JSONResponse({"asked": dict(request.query_params), "sent": await request.json()})


@asynccontextmanager
async def agent(socket: Path) -> AsyncIterator[None]:
    application = Starlette(routes=[Route("/echo", echo, methods=["PUT"])])
    server = uvicorn.Server(uvicorn.Config(application, uds=str(socket), log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def test_call_waits_for_an_agent_that_is_being_started(home: Path) -> None:
    client = AgentClient(home / "agent.sock")
    calling = asyncio.create_task(client.call("PUT", "/echo", body={"n": 1}, query={"wait": 2.5}))
    done, _ = await asyncio.wait({calling}, timeout=0.3)
    assert not done
    async with agent(home / "agent.sock"):
        assert await calling == {"asked": {"wait": "2.5"}, "sent": {"n": 1}}


async def test_agent_that_stays_away_is_told(home: Path) -> None:
    client = AgentClient(home / "agent.sock", patience_seconds=0.2)
    with pytest.raises(Unavailable, match="does not answer"):
        await client.call("GET", "/echo")
