"""The part of the agent's HTTP face that is about databases."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from autodeploy.kernel.faults import fault_point
from autodeploy.providers.databases import DatabaseHandle
from autodeploy.providers.local.agent.databases import AppDatabases
from autodeploy.providers.local.agent.dumps import Dump, Dumps


@dataclass(frozen=True)
class DatabaseApi:
    """Routes of the agent; each answers JSON, but for a dump."""

    databases: AppDatabases
    dumps: Dumps

    def routes(self) -> list[Route]:
        named = "/databases/{name:str}"
        return [
            Route("/databases", self._list, methods=["GET"]),
            Route("/databases/{database_id:uuid}", self._ensure, methods=["PUT"]),
            Route(named, self._drop, methods=["DELETE"]),
            Route(f"{named}/metrics", self._measure, methods=["GET"]),
            Route(f"{named}/logins", self._open_login, methods=["POST"]),
            Route(f"{named}/logins/{{login:str}}", self._close_login, methods=["DELETE"]),
            Route(f"{named}/dump", self._dump, methods=["GET"]),
            Route(f"{named}/copy", self._restore, methods=["PUT"]),
            Route(f"{named}/copy", self._discard, methods=["DELETE"]),
            Route(f"{named}/restored", self._adopt, methods=["PUT"]),
            Route(f"{named}/restored", self._restored, methods=["GET"]),
        ]

    async def _list(self, _request: Request) -> Response:
        return JSONResponse({"databases": await self.databases.list()})

    @fault_point("agent.ensure_database")
    async def _ensure(self, request: Request) -> Response:
        return _handle(await self.databases.ensure(request.path_params["database_id"]))

    @fault_point("agent.drop_database")
    async def _drop(self, request: Request) -> Response:
        await self.databases.destroy(_name(request))
        return Response(status_code=204)

    async def _measure(self, request: Request) -> Response:
        return JSONResponse(await self.databases.measure(_name(request)))

    @fault_point("agent.open_login")
    async def _open_login(self, request: Request) -> Response:
        body = await request.json()
        return _handle(await self.databases.open_login(_name(request), body["beside"]))

    @fault_point("agent.close_login")
    async def _close_login(self, request: Request) -> Response:
        await self.databases.close_login(_name(request), request.path_params["login"])
        return Response(status_code=204)

    async def _dump(self, request: Request) -> Response:
        return _DumpResponse(await self.dumps.begin(_name(request)))

    @fault_point("agent.restore_copy")
    async def _restore(self, request: Request) -> Response:
        tables = await self.dumps.restore(
            _name(request), request.stream(), keep_as=request.query_params.get("keep_as")
        )
        return JSONResponse({"tables": tables})

    @fault_point("agent.discard_copy")
    async def _discard(self, request: Request) -> Response:
        await self.dumps.discard(_name(request))
        return Response(status_code=204)

    @fault_point("agent.adopt_copy")
    async def _adopt(self, request: Request) -> Response:
        body = await request.json()
        await self.dumps.adopt(_name(request), body["restore"])
        return Response(status_code=204)

    async def _restored(self, request: Request) -> Response:
        return JSONResponse({"restore": await self.dumps.restored_by(_name(request))})


class _DumpResponse(StreamingResponse):
    """Ends the dump with the answer, also when nobody reads it any more."""

    def __init__(self, dump: Dump):
        super().__init__(dump.chunks(), media_type="application/octet-stream")
        self._dump = dump

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._dump.close()


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    return name


def _handle(handle: DatabaseHandle) -> Response:
    return JSONResponse({"external_id": handle.external_id, "url": handle.url})
