"""A user with a project, over HTTP, and a worker's runner over a folder."""

from typing import Any

import httpx
from tests.services.analyzer.archives import tar_gz
from tests.services.deployer.platform import STATIC
from tests.services.deployer.provider import FolderProvider

from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.deployer.engine import Engine
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


def make_runner(resources: Resources) -> Runner:
    provider = FolderProvider(resources.home / "machine", resources.objects)
    return Runner(Engine(resources=resources, providers=Registry([provider]), owner="worker"))
