"""The engine with a project whose sources are at GitHub, and Render, where its app may be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from tests.fakes.contract import require_contract
from tests.fakes.github_state import Repo
from tests.fakes.render_api import OWNER, TOKEN, FakeRenderApi
from tests.fakes.render_state import FakeService
from tests.kernel.http.servers import MovedTime
from tests.services.analyzer.github import sources_of
from tests.services.deployer.platform import Platform

from autodeploy.providers.render.provider import RenderProvider
from autodeploy.services.analyzer import service as analyzer
from autodeploy.services.analyzer.schemas import RepositoryInput
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.deployment_schemas import DeploymentView
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectInput, ProjectView

SHOP = {
    "package.json": b'{"name": "shop", "scripts": {"start": "node server.js"},'
    b' "dependencies": {"express": "5.1.0"}}',
    "server.js": b'require("express")().listen(process.env.PORT);\n',
    "autodeploy.toml": b'[workers]\nmail = "node mail.js"\n'
    b'[cron]\ntidy = { schedule = "5 4 * * *", command = "node tidy.js" }\n',
}


@dataclass
class Internet:
    """A project whose sources are at GitHub, and Render; time passes only while it is waited."""

    platform: Platform
    repo: Repo
    render: FakeRenderApi
    project: ProjectView

    def push(self, message: str, **files: bytes) -> str:
        """Another commit, with these ``files`` beside those of the shop or in their place."""
        pushed = self.repo.push({**SHOP, **files}, message=message)
        self.render.heads["main"] = pushed
        return pushed

    async def deployed(self, provider: str) -> DeploymentView:
        view = await self.platform.deployed(self.project, provider=provider, build="always")
        assert view.status == "ready", view.error
        return view

    def runs(self, service: FakeService) -> list[str]:
        now = self.render.time.monotonic()
        return [each.commit for each in service.deploys if service.status_of(each, now) == "live"]

    @property
    def beside(self) -> list[FakeService]:
        return [self.render.beside("mail"), self.render.beside("tidy")]


@asynccontextmanager
async def open_internet(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Internet]:
    for name in ("github", "render"):
        require_contract(name)

    async def answers(*_: object) -> None:
        """Its address is one of onrender.com, which tests do not call."""

    monkeypatch.setattr("autodeploy.services.deployer.steps.wait_until_healthy", answers)
    monkeypatch.setattr("autodeploy.services.deployer.projects.DELETION_WAIT_SECONDS", 0.1)
    async with FakeRenderApi(MovedTime()).run() as render:
        provider = RenderProvider(api_url=render.url, timing=render.time)
        async with sources_of(platform.resources, platform.provider, provider) as sources:
            platform.engine = replace(
                platform.engine, providers=sources.providers, lease_seconds=60.0
            )
            platform.runner = Runner(platform.engine)
            await sources.connect(platform.principal)
            await connect_by_token(
                platform.resources, platform.principal, platform.principal.user_id, "render",
                ProviderTokenInput(token=TOKEN, owner_id=OWNER["id"]),
                providers=sources.providers,
            )  # fmt: skip
            repo = sources.fake.add("acme/shop")
            render.heads["main"] = repo.push(SHOP)
            added = await analyzer.create_repository(
                platform.resources, platform.principal, RepositoryInput(url="acme/shop"),
                providers=sources.providers,
            )  # fmt: skip
            project = await projects.create_project(
                platform.resources,
                platform.principal,
                ProjectInput(name="shop", repository_id=added.id),
            )
            yield Internet(platform, repo, render, project)
        await provider.close()
