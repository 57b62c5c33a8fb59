"""An emulated GitHub that a small installation has its sources from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import delete, update
from tests.fakes.github_api import TOKEN, FakeGitHubApi
from tests.fakes.github_apps import APP_ID, private_key_pem
from tests.fakes.server import Exchange

from autodeploy.kernel.http.retries import Patience
from autodeploy.kernel.http.timing import Timing
from autodeploy.kernel.resources import Resources
from autodeploy.providers.base import Provider
from autodeploy.providers.github.app import AppKey
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import connect_by_token

WEB_URL = "https://github.com"


class Sources:
    """``fake`` is what is there, ``providers`` how the services come to it."""

    def __init__(self, resources: Resources, fake: FakeGitHubApi, providers: Registry):
        self.resources = resources
        self.fake = fake
        self.providers = providers

    async def connect(self, principal: Principal, token: str = TOKEN) -> None:
        await connect_by_token(
            self.resources,
            principal,
            principal.user_id,
            "github",
            ProviderTokenInput(token=token),
            providers=self.providers,
        )

    async def disconnect(self) -> None:
        async with self.resources.db.transaction() as session:
            await session.execute(delete(ProviderIntegration))

    def as_app(self) -> list[Exchange]:
        """The calls that the platform's app has made as itself."""
        return [each for each in self.fake.exchanges if "/installation" in each.path]

    async def row(self, repository_id: Any) -> Repository:
        async with self.resources.db.transaction() as session:
            return await session.get_one(Repository, repository_id)

    async def set(self, repository_id: Any, **values: Any) -> Repository:
        async with self.resources.db.transaction() as session:
            await session.execute(
                update(Repository).where(Repository.id == repository_id).values(**values)
            )
        return await self.row(repository_id)


@asynccontextmanager
async def sources_of(
    resources: Resources,
    *beside: Provider,
    web_url: str = WEB_URL,
    timing: Timing | None = None,
    patience: Patience | None = None,
    with_app: bool = False,
) -> AsyncIterator[Sources]:
    """GitHub, beside other providers; ``with_app`` is whether the platform has its app there."""
    async with FakeGitHubApi().run() as fake:
        github = GitHubProvider(
            api_url=fake.url,
            web_url=web_url,
            allow_private_addresses=True,
            timing=timing,
            patience=patience,
            app=AppKey(APP_ID, private_key_pem()) if with_app else None,
        )
        if timing is not None:
            fake.app.now = timing.now
        providers = Registry([github, *beside])
        yield Sources(resources, fake, providers)
        await github.close()
