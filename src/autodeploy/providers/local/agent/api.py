"""The runtime agent's HTTP face, on a unix socket that only AutoDeploy's own user can open."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from uuid import UUID

import asyncpg
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from autodeploy.kernel.errors import AutoDeployError, NotFound, Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.sandbox import Sandbox
from autodeploy.providers.base import Cron
from autodeploy.providers.local.agent.crons import CronMemory
from autodeploy.providers.local.agent.database_api import DatabaseApi
from autodeploy.providers.local.agent.instances import Instance, Instances
from autodeploy.providers.local.agent.measuring import measure
from autodeploy.providers.local.agent.ports import host_uid, taken_by_others
from autodeploy.providers.local.agent.proxy import Promotion, Proxy
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.runtime import AppCommand

log = structlog.get_logger(__name__)

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class AgentApi:
    """Routes of the agent; each answers JSON."""

    def __init__(
        self,
        layout: Layout,
        sandbox: Sandbox,
        instances: Instances,
        proxy: Proxy,
        databases: DatabaseApi,
    ):
        self._layout = layout
        self._sandbox = sandbox
        self._instances = instances
        self._proxy = proxy
        self._databases = databases

    def application(self, lifespan: Lifespan) -> Starlette:
        """The ASGI application."""
        instance = "/instances/{deployment_id:uuid}"
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route(instance, self._start, methods=["PUT"]),
                Route(instance, self._status, methods=["GET"]),
                Route(instance, self._retire, methods=["DELETE"]),
                Route(f"{instance}/replicas", self._scale, methods=["PUT"]),
                Route(f"{instance}/live", self._make_live, methods=["PUT"]),
                Route(f"{instance}/lines", self._lines),
                Route(f"{instance}/metrics", self._measure),
                Route("/apps/{number:int}", self._promote, methods=["PUT"]),
                Route("/apps/{number:int}", self._destroy, methods=["DELETE"]),
                Route("/traffic", self._traffic),
                *self._databases.routes(),
            ],
            exception_handlers={
                AutoDeployError: _problem,
                asyncpg.PostgresError: _database_problem,
                asyncpg.InterfaceError: _database_problem,
            },
            lifespan=lifespan,
        )

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"sandbox": asdict(await self._sandbox.status())})

    @fault_point("agent.start")
    async def _start(self, request: Request) -> Response:
        body = await request.json()
        app = AppCommand(
            deployment_id=request.path_params["deployment_id"],
            number=body["number"],
            command=body["command"],
            root_directory=body["root_directory"],
            environment=body["environment"],
            listens=body["listens"],
            workers=body["workers"],
            crons={name: Cron(**cron) for name, cron in body["crons"].items()},
        )
        return _instance_answer(self._instances.ensure(app, body["replicas"]))

    async def _status(self, request: Request) -> Response:
        return _instance_answer(self._find(request))

    @fault_point("agent.retire")
    async def _retire(self, request: Request) -> Response:
        drain = float(request.query_params.get("drain_seconds", "5"))
        self._instances.retire(request.path_params["deployment_id"], drain)
        return Response(status_code=202)

    @fault_point("agent.scale")
    async def _scale(self, request: Request) -> Response:
        body = await request.json()
        instance = self._instances.get(request.path_params["deployment_id"])
        instance.scale(body["replicas"], body["drain_seconds"])
        return Response(status_code=204)

    @fault_point("agent.make_live")
    async def _make_live(self, request: Request) -> Response:
        self._instances.make_live(request.path_params["deployment_id"])
        return Response(status_code=204)

    async def _lines(self, request: Request) -> Response:
        wait = min(float(request.query_params.get("wait_seconds", "0")), 60.0)
        output = self._find(request).output
        lines = await output.read(request.query_params.get("cursor"), wait)
        return JSONResponse({"cursor": lines.cursor, "lines": lines.lines})

    async def _measure(self, request: Request) -> Response:
        instance = self._instances.get(request.path_params["deployment_id"])
        return JSONResponse(asdict(await measure(instance, self._proxy.rates)))

    @fault_point("agent.promote")
    async def _promote(self, request: Request) -> Response:
        body = await request.json()
        deployment_id = UUID(body.pop("deployment_id"))
        promotion = Promotion(number=request.path_params["number"], **body)
        serving = None
        if promotion.root is None:
            serving = self._instances.get(deployment_id)
            _refuse_foreign(serving)
        return JSONResponse(asdict(await self._proxy.promote(promotion, serving)))

    @fault_point("agent.destroy")
    async def _destroy(self, request: Request) -> Response:
        number: int = request.path_params["number"]
        await self._proxy.remove(number)
        await self._instances.remove(self._instances.of_app(number))
        CronMemory(self._layout, number).remove()
        for folder in (self._layout.cache(number), self._layout.standby(number)):
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return Response(status_code=204)

    async def _traffic(self, _request: Request) -> Response:
        counts = await self._proxy.traffic()
        return JSONResponse({str(number): asdict(count) for number, count in counts.items()})

    def _find(self, request: Request) -> Instance:
        deployment_id: UUID = request.path_params["deployment_id"]
        instance = self._instances.find(deployment_id)
        if instance is None:
            raise NotFound("This release does not run here.")
        return instance


def _refuse_foreign(instance: Instance) -> None:
    for port in instance.ready_ports():
        if taken_by_others(port, host_uid(instance.app.number)):
            raise Unavailable(
                f"Another program of this machine listens on port {port}, which was the app's.",
                remedy="Deploy again: the app gets another port.",
            )


def _instance_answer(instance: Instance) -> Response:
    return JSONResponse({"ports": instance.ports, **asdict(instance.status())})


def _problem(_request: Request, error: Exception) -> Response | Awaitable[Response]:
    assert isinstance(error, AutoDeployError)
    body = {"code": error.code, "message": error.message, "remedy": error.remedy}
    return JSONResponse(body, status_code=error.status)


def _database_problem(request: Request, error: Exception) -> Response | Awaitable[Response]:
    """What the apps' database server refuses, or a session that it ends half-way. Its own words
    are not told: they may hold a part of a statement, and statements hold passwords."""
    log.error("apps_postgres.refused", path=request.url.path, error=type(error).__name__)
    return _problem(
        request,
        Unavailable(
            f"The apps' database server has not done it: {type(error).__name__}.",
            remedy="Try again; logs/apps-postgres.log says why.",
        ),
    )
