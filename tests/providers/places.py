"""Each provider where it can be run: at its emulated service, or on this machine."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
from tests.fakes.github_api import TOKEN as GITHUB_TOKEN
from tests.fakes.github_api import FakeGitHubApi
from tests.fakes.render_api import OWNER, FakeRenderApi
from tests.fakes.render_api import TOKEN as RENDER_TOKEN
from tests.fakes.supabase_api import TOKEN as SUPABASE_TOKEN
from tests.fakes.supabase_api import FakeSupabase
from tests.fakes.vercel_api import TEAM, FakeVercelApi
from tests.fakes.vercel_api import TOKEN as VERCEL_TOKEN
from tests.kernel.http.servers import MovedTime
from tests.providers.local.conftest import SERVER, Node, spec
from tests.providers.supabase.test_contract import counted
from tests.providers.vercel.conftest import STATIC, app_of

from autodeploy.providers.base import App, BuildSpec, Endpoint
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.providers.render.provider import RenderProvider
from autodeploy.providers.supabase.provider import SupabaseProvider
from autodeploy.providers.vercel.provider import VercelProvider

#: The variable that ``Place.variable`` tells.
VARIABLE = "ANSWER"


async def _no_variable(_: Endpoint) -> str | None:
    return None


@dataclass
class Place:
    """``variable`` tells what an app that is live has in ``VARIABLE``, ``lead`` sets a domain's
    records right, ``time`` is that of a service. ``files`` are the sources of an app that ``spec``
    builds."""

    registry: Registry
    name: str
    account: ConnectedAccount | None = None
    spec: BuildSpec = STATIC
    files: dict[str, str] = field(default_factory=lambda: {"index.html": "<h1>Hello</h1>"})
    app: App = field(default_factory=app_of)
    variable: Callable[[Endpoint], Awaitable[str | None]] = _no_variable
    lead: Callable[[str], None] = lambda _: None
    time: MovedTime | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        [manifest] = self.registry.list()
        return manifest.capabilities

    def write(self, folder: Path) -> Path:
        """The sources, anew: a build may consume them."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return folder


Open = Callable[[], AbstractAsyncContextManager[Place]]


@asynccontextmanager
async def github() -> AsyncIterator[Place]:
    async with FakeGitHubApi().run() as fake:
        fake.add("octo/site", private=True).push({"README.md": b"# Site\n"})
        registry = Registry([GitHubProvider(api_url=fake.url, allow_private_addresses=True)])
        yield Place(registry, "github", ConnectedAccount(uuid4(), GITHUB_TOKEN))
        await registry.close()


@asynccontextmanager
async def render() -> AsyncIterator[Place]:
    time = MovedTime()
    async with FakeRenderApi(time).run() as fake:

        async def variable(_: Endpoint) -> str | None:
            [service] = fake.services.values()
            return service.variables.get(VARIABLE)

        registry = Registry([RenderProvider(api_url=fake.url, timing=time)])
        account = ConnectedAccount(uuid4(), RENDER_TOKEN, OWNER["id"])
        yield Place(
            registry, "render", account, variable=variable, lead=fake.records.add, time=time
        )
        await registry.close()


@asynccontextmanager
async def vercel() -> AsyncIterator[Place]:
    time = MovedTime()
    async with FakeVercelApi(time).run() as fake:

        async def variable(_: Endpoint) -> str | None:
            [project] = fake.projects
            held = {each["key"]: each["value"] for each in project.variables.values()}
            return held.get(VARIABLE)

        registry = Registry([VercelProvider(api_url=fake.url, timing=time)])
        account = ConnectedAccount(uuid4(), VERCEL_TOKEN, TEAM)
        yield Place(
            registry, "vercel", account, variable=variable, lead=fake.records.add, time=time
        )
        await registry.close()


@asynccontextmanager
async def supabase() -> AsyncIterator[Place]:
    time = MovedTime()
    async with FakeSupabase(time.monotonic).run() as fake:
        fake.rows = counted
        registry = Registry([SupabaseProvider(api_url=fake.url, timing=time)])
        yield Place(registry, "supabase", ConnectedAccount(uuid4(), SUPABASE_TOKEN))
        await registry.close()


async def _answered(endpoint: Endpoint) -> str:
    assert endpoint.local_url
    async with httpx.AsyncClient() as visitor:
        return (await visitor.get(endpoint.local_url)).text


def local(node: Node, app: App) -> Open:
    """This machine: a real sandbox, Caddy, agent and database server."""

    @asynccontextmanager
    async def open_() -> AsyncIterator[Place]:
        registry = Registry([node.provider()])
        files = {"server.py": SERVER}
        yield Place(registry, "local", None, spec(), files, app, variable=_answered)
        await registry.close()

    return open_


ELSEWHERE: dict[str, Open] = {
    "github": github, "render": render, "supabase": supabase, "vercel": vercel,
}  # fmt: skip
