"""A user with a project, over HTTP, and a worker's runner over a folder."""

from typing import Any
from uuid import UUID

import httpx
from tests.services.analyzer.archives import tar_gz
from tests.services.deployer.platform import STATIC
from tests.services.deployer.provider import FolderProvider

from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.runner import Runner

API = "/api/v1"


class User:
    """Calls the API as one signed-up user."""

    def __init__(self, client: httpx.AsyncClient, headers: dict[str, str]):
        self._client = client
        self.headers = headers

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int, **headers: str
    ) -> Any:
        answer = await self._client.request(
            method, API + path, json=body, headers={**self.headers, **headers}
        )
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def repository(self, files: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await self._client.post(
            f"{API}/repositories/upload",
            params={"name": "shop"},
            content=tar_gz(files or STATIC),
            headers=self.headers,
        )
        assert answer.status_code == 201, answer.text
        uploaded: dict[str, Any] = answer.json()
        return uploaded

    async def project(self, name: str = "My Shop") -> dict[str, Any]:
        uploaded = await self.repository()
        made: dict[str, Any] = await self.call(
            "POST",
            "/projects",
            {"name": name, "repositoryId": uploaded["repository"]["id"]},
            status=201,
        )
        return made

    async def deployment(self, project: dict[str, Any], **body: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.call(
            "POST", f"/projects/{project['id']}/deployments", body, status=201
        )
        return made


def make_engine(resources: Resources) -> Engine:
    provider = FolderProvider(resources.home / "machine", resources.objects)
    return Engine(resources=resources, providers=Registry([provider]), owner="worker")


def make_runner(resources: Resources) -> Runner:
    return Runner(make_engine(resources))


async def deploy_server(user: User, resources: Resources) -> str:
    """A project whose live app counts as a server, though nothing runs; its id."""
    project = await user.project()
    made = await user.deployment(project)
    await make_runner(resources).run(UUID(made["id"]))
    start = {"command": "serve", "reason": "a test says so"}
    async with resources.db.transaction() as session:
        deployment = await session.get_one(Deployment, UUID(made["id"]))
        deployment.plan = {**(deployment.plan or {}), "kind": "server", "start_command": start}
    return str(project["id"])
