"""Render's REST API for one account: each call as a method, nothing decided.

The calls are those of its OpenAPI description (render-oss/sdk, 2026-08-21). Everything raises what
``HttpClient.send`` and ``refusals.expect`` raise. Lists are newest first, as Render sends them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.pages import by_last_cursor, pages
from autodeploy.providers.render.database_kinds import DatabaseKind
from autodeploy.providers.render.database_shapes import ConnectionInfo, Database, DatabaseItem
from autodeploy.providers.render.refusals import expect
from autodeploy.providers.render.shapes import (
    CreatedService,
    CustomDomain,
    CustomDomainItem,
    Deploy,
    DeployItem,
    Event,
    EventItem,
    LogPage,
    Owner,
    OwnerItem,
    Series,
    Service,
    ServiceItem,
    User,
    VariableItem,
)

Body = Mapping[str, object]

_SERVICE = "/services/{service}"
_DEPLOYS = f"{_SERVICE}/deploys"
_DEPLOY = f"{_DEPLOYS}/{{deploy}}"
_DOMAINS = f"{_SERVICE}/custom-domains"
_DOMAIN = f"{_DOMAINS}/{{domain}}"
_PAGE = 100
_FETCHABLE = (
    "Check that Render may fetch the repository: it is public, or its GitHub account is linked in "
    "Render's dashboard."
)


class RenderApi:
    def __init__(self, http: HttpClient):
        self._http = http

    async def user(self) -> User:
        return (await self._get("/users")).read(User)

    async def owners(self) -> list[Owner]:
        """The workspaces that the key reaches."""
        found = []
        async for page in self._pages("/owners", {}):
            found += [each.owner for each in page.read(list[OwnerItem])]
        return found

    async def find_services(self, name: str, owner_id: str) -> list[Service]:
        """Those of exactly this name."""
        found = await self.list_services(owner_id, name)
        return [each for each in found if each.name == name]

    async def list_services(self, owner_id: str, name: str | None = None) -> list[Service]:
        """Those of the workspace; with ``name``, of one like this."""
        query = {
            "ownerId": owner_id,
            "includePreviews": "false",
            **({"name": name} if name else {}),
        }
        found = []
        async for page in self._pages("/services", query):
            found += [each.service for each in page.read(list[ServiceItem])]
        return found

    async def service(self, service_id: str) -> Service:
        return (await self._get(_SERVICE, service=service_id)).read(Service)

    async def create_service(self, body: Body) -> Service:
        """Its first deploy starts at once. 20 an hour."""
        answer = await self._http.send(Call("POST", "/services", body=body))
        return expect(answer, HTTPStatus.CREATED, remedy=_FETCHABLE).read(CreatedService).service

    async def change_service(self, service_id: str, body: Body) -> None:
        """Takes effect with the next deploy."""
        await self._put("PATCH", _SERVICE, body, service=service_id)

    async def variables(self, service_id: str) -> dict[str, str]:
        """All that it has, in clear text: Render has no other."""
        found = {}
        async for page in self._pages(f"{_SERVICE}/env-vars", {}, service=service_id):
            items = page.read(list[VariableItem])
            found.update({each.variable.key: each.variable.value for each in items})
        return found

    async def set_variables(self, service_id: str, variables: Mapping[str, str]) -> None:
        """These are all that it has then. They take effect with the next deploy."""
        body = [{"key": key, "value": value} for key, value in variables.items()]
        await self._put("PUT", f"{_SERVICE}/env-vars", body, service=service_id)

    async def set_routes(self, service_id: str, routes: Sequence[Body]) -> None:
        """These are all that a static site has then."""
        await self._put("PUT", f"{_SERVICE}/routes", routes, service=service_id)

    async def scale(self, service_id: str, instances: int) -> None:
        """Takes effect at once. 10 a minute."""
        call = Call(
            "POST",
            f"{_SERVICE}/scale",
            parts={"service": service_id},
            body={"numInstances": instances},
            safe=True,
        )
        expect(await self._http.send(call), HTTPStatus.ACCEPTED)

    async def suspend(self, service_id: str) -> None:
        """Have it run nothing."""
        await self._ask("suspend", service_id)

    async def resume(self, service_id: str) -> None:
        """Have one that is suspended run again, by a deploy that Render starts of its own."""
        await self._ask("resume", service_id)

    async def _ask(self, what: str, service_id: str) -> None:
        call = Call("POST", f"{_SERVICE}/{what}", parts={"service": service_id}, safe=True)
        expect(await self._http.send(call), HTTPStatus.ACCEPTED)

    async def delete_service(self, service_id: str) -> None:
        await self._delete(_SERVICE, service=service_id)

    async def deploys(self, service_id: str, limit: int = 20) -> list[Deploy]:
        """The newest."""
        answer = await self._get(_DEPLOYS, {"limit": str(limit)}, service=service_id)
        return [each.deploy for each in answer.read(list[DeployItem])]

    async def deploys_since(self, service_id: str, before: str | None) -> list[Deploy]:
        """Those of the newest that came after this one."""
        newer = []
        for deploy in await self.deploys(service_id):
            if deploy.id == before:
                break
            newer.append(deploy)
        return newer

    async def deploy(self, service_id: str, deploy_id: str) -> Deploy:
        return (await self._get(_DEPLOY, service=service_id, deploy=deploy_id)).read(Deploy)

    async def start_deploy(self, service_id: str, commit_sha: str | None) -> Deploy | None:
        """Build and deploy a commit; with None, deploy once more what was built last.

        None when it waits behind another one, and Render does not tell which it is.
        """
        body = {"commitId": commit_sha} if commit_sha else {"deployMode": "deploy_only"}
        return await self._start_deploy(service_id, body)

    async def start_newest(self, service_id: str) -> Deploy | None:
        """Build and deploy the newest commit of the branch: cron jobs take no other. Answers as
        ``start_deploy`` does."""
        return await self._start_deploy(service_id, {})

    async def _start_deploy(self, service_id: str, body: Body) -> Deploy | None:
        call = Call("POST", _DEPLOYS, parts={"service": service_id}, body=body)
        answer = await self._http.send(call)
        expect(answer, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, remedy=_FETCHABLE)
        return answer.read(Deploy) if answer.status == HTTPStatus.CREATED else None

    async def roll_back(self, service_id: str, deploy_id: str) -> Deploy:
        """Start a new deploy of what an earlier one built."""
        body = {"deployId": deploy_id}
        call = Call("POST", f"{_SERVICE}/rollback", parts={"service": service_id}, body=body)
        return expect(await self._http.send(call), HTTPStatus.CREATED).read(Deploy)

    async def cancel_deploy(self, service_id: str, deploy_id: str) -> None:
        parts = {"service": service_id, "deploy": deploy_id}
        call = Call("POST", f"{_DEPLOY}/cancel", parts=parts, safe=True)
        expect(await self._http.send(call), HTTPStatus.OK)

    async def events(self, service_id: str, since: datetime | None) -> list[Event]:
        """The newest that came after ``since``, but for those that are of a form of their own."""
        query = {"limit": str(_PAGE), **({"startTime": since.isoformat()} if since else {})}
        answer = await self._get(f"{_SERVICE}/events", query, service=service_id)
        return [each.event for each in answer.read_each(EventItem)]

    async def logs(self, query: Mapping[str, str]) -> LogPage:
        return (await self._get("/logs", query)).read(LogPage)

    async def domain(self, service_id: str, name: str) -> CustomDomain:
        answer = await self._get(_DOMAIN, service=service_id, domain=name)
        return answer.read(CustomDomain)

    async def domains(self, service_id: str) -> list[CustomDomain]:
        found = []
        async for page in self._pages(_DOMAINS, {}, service=service_id):
            found += [each.domain for each in page.read(list[CustomDomainItem])]
        return found

    async def add_domain(self, service_id: str, name: str) -> None:
        """With the other of the pair, where it is an apex or its www."""
        call = Call("POST", _DOMAINS, parts={"service": service_id}, body={"name": name})
        expect(await self._http.send(call), HTTPStatus.CREATED, HTTPStatus.OK)

    async def verify_domain(self, service_id: str, name: str) -> None:
        """Have Render look at its records; what it finds shows a moment later."""
        parts = {"service": service_id, "domain": name}
        call = Call("POST", f"{_DOMAIN}/verify", parts=parts, safe=True)
        expect(await self._http.send(call), HTTPStatus.ACCEPTED)

    async def delete_domain(self, service_id: str, name: str) -> None:
        await self._delete(_DOMAIN, service=service_id, domain=name)

    async def list_databases(
        self, kind: DatabaseKind, owner_id: str, name: str | None = None
    ) -> list[Database]:
        """Those of the workspace; with ``name``, of exactly this one."""
        query = {"ownerId": owner_id, **kind.listing, **({"name": name} if name else {})}
        found = []
        async for page in self._pages(kind.path, query):
            found += [each.database for each in page.read(list[DatabaseItem])]
        return [each for each in found if name in (None, each.name)]

    async def database(self, kind: DatabaseKind, database_id: str) -> Database:
        return (await self._get(f"{kind.path}/{{id}}", id=database_id)).read(Database)

    async def create_database(self, kind: DatabaseKind, body: Body) -> Database:
        """20 an hour."""
        answer = await self._http.send(Call("POST", kind.path, body=body))
        return expect(answer, HTTPStatus.CREATED, remedy=kind.one_free).read(Database)

    async def change_database(self, kind: DatabaseKind, database_id: str, body: Body) -> None:
        await self._put("PATCH", f"{kind.path}/{{id}}", body, id=database_id)

    async def connection_info(self, kind: DatabaseKind, database_id: str) -> ConnectionInfo:
        answer = await self._get(f"{kind.path}/{{id}}/connection-info", id=database_id)
        return answer.read(ConnectionInfo)

    async def series(
        self, kind: str, resource_id: str, since: datetime, **narrower: str
    ) -> list[Series]:
        """What was measured since then by the minute, of each instance; ``kind`` such as
        ``disk-usage``, ``narrower`` what else its query takes."""
        query = {"resource": resource_id, "startTime": since.isoformat(), **narrower}
        return (await self._get(f"/metrics/{kind}", query)).read(list[Series])

    async def delete_database(self, kind: DatabaseKind, database_id: str) -> None:
        await self._delete(f"{kind.path}/{{id}}", id=database_id)

    async def _get(
        self, template: str, query: Mapping[str, str] | None = None, **parts: str
    ) -> Answer:
        call = Call("GET", template, parts=parts, query=query or {})
        return expect(await self._http.send(call), HTTPStatus.OK)

    async def _pages(
        self, template: str, query: Mapping[str, str], **parts: str
    ) -> AsyncIterator[Answer]:
        first = Call("GET", template, parts=parts, query={**query, "limit": str(_PAGE)})
        async for page in pages(self._http, first, by_last_cursor(_PAGE)):
            yield expect(page, HTTPStatus.OK)

    async def _put(
        self, method: str, template: str, body: Body | Sequence[Body], **parts: str
    ) -> None:
        """Set something to a value, so that it may be repeated."""
        call = Call(method, template, parts=parts, body=body, safe=True)
        expect(await self._http.send(call), HTTPStatus.OK)

    async def _delete(self, template: str, **parts: str) -> None:
        """Idempotent: what is not there need not be removed."""
        try:
            expect(
                await self._http.send(Call("DELETE", template, parts=parts)), HTTPStatus.NO_CONTENT
            )
        except NotFound:
            return
