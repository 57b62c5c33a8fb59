"""Whatever a provider answers of all that it describes, and beside that, each call of ours ends in
an answer or in an error that people can read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.fakes.contract import hold
from tests.fakes.generated import Generated
from tests.kernel.http.servers import MovedTime
from tests.providers.vercel.conftest import COMMIT, STATIC, KeptNotes, Lines, app_of

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.providers.base import BuildRequest, Release, ReleaseRequest
from autodeploy.providers.databases import DatabaseRequest
from autodeploy.providers.drift import DeclaredApp
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.github.reports import CommitState, NewDeployment
from autodeploy.providers.github.shapes import DeploymentState
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.providers.render.naming import Build
from autodeploy.providers.render.provider import RenderProvider
from autodeploy.providers.resources import ResourceKind
from autodeploy.providers.supabase.provider import SupabaseProvider
from autodeploy.providers.vercel.provider import VercelProvider

pytestmark = pytest.mark.timeout(120)

ACCOUNT = ConnectedAccount(uuid4(), "token-0123456789")
SHA = "a" * 40
REF = "abcdefghijklmnopqrst"
#: No call asks for ever: the longest waits for an hour, looking each few seconds.
_MOST_CALLS = 3000
_SECONDS = 30.0

Calls = Mapping[str, Callable[[], Awaitable[object]]]


async def _all(found: AsyncIterator[object]) -> list[object]:
    return [each async for each in found]


def _github(url: str, time: MovedTime) -> tuple[Any, Calls]:
    provider = GitHubProvider(api_url=url, web_url=url, allow_private_addresses=True, timing=time)
    acting, name = provider.sources_as(ACCOUNT), "octo/site"
    sources, hooks = acting.sources(name), acting.webhooks(name)
    changes, pulls, reports = acting.changes(name), acting.pulls(name), acting.reports(name)
    wanted = NewDeployment(
        deployment_id=str(uuid4()), sha=SHA, environment="production", production=True,
        transient=False,
    )  # fmt: skip

    async def archive() -> bytes:
        async with sources.archive(SHA, most_bytes=10**6) as stream:
            return b"".join([each async for each in stream.chunks()])

    return provider, {
        "check": lambda: provider.check_token(ACCOUNT.token),
        "repositories": lambda: _all(acting.repositories("i", skip=130)),
        "repository": lambda: acting.known_repository(7, name),
        "branches": lambda: _all(sources.branches()),
        "commit": lambda: sources.commit_of("main"),
        "tree": lambda: sources.tree(SHA),
        "blob": lambda: sources.blob(SHA, most_bytes=1000),
        "file": lambda: sources.file("index.html", "main", most_bytes=1000),
        "archive": archive,
        "hook": lambda: hooks.ensure(url="https://x.example.com", secret="s", events=["push"]),
        "deliveries": lambda: _all(hooks.deliveries(3)),
        "head": lambda: changes.head("main"),
        "message": lambda: changes.message(SHA),
        "paths": lambda: changes.paths_between(SHA, "b" * 40),
        "checks": lambda: changes.checks(SHA, but="autodeploy"),
        "pulls": lambda: _all(pulls.open()),
        "pull": lambda: pulls.get(3),
        "status": lambda: reports.set_commit_status(
            SHA, CommitState.SUCCESS, context="c", description="d", target_url="https://x.y"
        ),
        "deployment": lambda: reports.ensure_deployment(wanted),
        "told": lambda: reports.set_deployment_status(
            3, DeploymentState.SUCCESS, description="d", log_url="https://x.y"
        ),
        "comment": lambda: reports.upsert_comment(3, marker="<!-- m -->", body="b"),
    }


def _hosted(provider: Any, deploys: Any, key: str, folder: Path) -> Calls:
    """What providers of apps have in common."""
    app, running = app_of(), {"AUTODEPLOY_DEPLOYMENT_ID": str(uuid4()), "KEY": "value"}
    resources = provider.resources_as(ACCOUNT)
    release = Release(uuid4(), {
        "project": "prj_1", "deployment": "dpl_1", "url": "https://x.example.com",
        "service": "srv-1", "deploy": "dep-1", "owner": "tea-1",
    })  # fmt: skip
    request = ReleaseRequest(uuid4(), app, key, STATIC, running)
    declared = DeclaredApp(app, release, STATIC, {}, running, region="frankfurt")

    async def fetch() -> Path:
        return folder

    async def ship() -> None:
        build = BuildRequest(uuid4(), app, fetch, STATIC, {}, running, KeptNotes(), COMMIT)
        made = await deploys.build(build, Lines())
        wanted = ReleaseRequest(build.deployment_id, app, made.key, STATIC, running)
        await deploys.promote(wanted, await deploys.deploy(wanted, Lines()))

    return {
        "check": lambda: provider.check_token(ACCOUNT.token),
        "ship": ship,
        "has_build": lambda: deploys.has_build(key),
        "deploy": lambda: deploys.deploy(request, Lines()),
        "promote": lambda: deploys.promote(request, release),
        "status": lambda: deploys.live_status(app, release),
        "retire": lambda: deploys.retire(app, uuid4()),
        "leave": lambda: deploys.leave(app),
        "lines": lambda: deploys.runtime_lines(release, None, 0.0),
        "domain": lambda: deploys.ensure_domain(app, "shop.example.com"),
        "no domain": lambda: deploys.remove_domain(app, "shop.example.com"),
        "compare": lambda: deploys.compare(declared),
        "list": lambda: _all(resources.list_resources()),
        "remove": lambda: resources.remove_resource(ResourceKind.APP, "srv-1"),
        "destroy": lambda: deploys.destroy(app),
    }


def _databases(databases: Any, external_id: str, engine: DatabaseEngine) -> Calls:
    async def password() -> str:
        return "pass-w0rd"

    def request(**noted: Any) -> DatabaseRequest:
        return DatabaseRequest(
            uuid4(), app_of(), "one", "free", password, KeptNotes(noted), engine=engine
        )

    return {
        "database": lambda: databases.ensure_database(request(), Lines()),
        "known": lambda: databases.ensure_database(
            request(ref=REF, postgres=external_id, key_value=external_id), Lines()
        ),
        "state": lambda: databases.database_state(external_id),
        "plan": lambda: databases.charged_plan("free"),
        "measure": lambda: databases.measure_database(external_id),
        "charges": lambda: databases.database_charges(external_id),
        "usage": lambda: databases.database_usage(external_id),
        "gone": lambda: databases.destroy_database(str(UUID(int=7))),
    }


def _vercel(url: str, time: MovedTime, folder: Path) -> tuple[Any, Calls]:
    provider = VercelProvider(api_url=url, timing=time)
    return provider, _hosted(provider, provider.deploys_as(ACCOUNT), "dpl_1", folder)


def _render(url: str, time: MovedTime, folder: Path) -> tuple[Any, Calls]:
    provider = RenderProvider(api_url=url, timing=time)
    owned = ConnectedAccount(ACCOUNT.connection_id, ACCOUNT.token, "tea-1")
    deploys, databases = provider.deploys_as(owned), provider.databases_as(owned)
    key, app = Build("srv-1", "dep-1", uuid4()).key, app_of()
    return provider, {
        **_hosted(provider, deploys, key, folder),
        **_databases(databases, "dpg-1", DatabaseEngine.POSTGRESQL),
        "redis": _databases(databases, "red-1", DatabaseEngine.REDIS)["database"],
        "metrics": lambda: deploys.measure_app(app, Release(uuid4(), {"service": "srv-1"})),  # type: ignore[attr-defined]
    }


def _supabase(url: str, time: MovedTime, _: Path) -> tuple[Any, Calls]:
    provider = SupabaseProvider(api_url=url, timing=time)
    databases = provider.databases_as(ACCOUNT)
    return provider, {
        **_databases(databases, REF, DatabaseEngine.POSTGRESQL),
        "check": lambda: provider.check_token(ACCOUNT.token),
        "pause": lambda: databases.pause_database(REF),
    }


_CALLS: dict[str, Callable[[str, MovedTime, Path], tuple[Any, Calls]]] = {
    "github": lambda url, time, _: _github(url, time),
    "render": _render,
    "supabase": _supabase,
    "vercel": _vercel,
}


# What an earlier state of the providers broke on: times without a zone, halves of characters.
_SEEDS = {"github": 1, "render": 7, "supabase": 10, "vercel": 9}


@pytest.mark.parametrize("strangeness", [0, 5], ids=["described", "strange"])
@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.contract(provider=each)) for each in _CALLS]
)
async def test_every_call_ends_in_an_answer_or_an_error_of_ours(
    name: str, strangeness: int, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    generated = Generated(name, _SEEDS[name], strangeness)
    async with generated.run() as url:
        provider, calls = _CALLS[name](url, MovedTime(), tmp_path)
        before = asyncio.all_tasks()
        for what, call in calls.items():
            begun = len(generated.exchanges)
            async with asyncio.timeout(_SECONDS):
                with suppress(AutoDeployError):
                    await call()
            assert len(generated.exchanges) - begun < _MOST_CALLS, what
        # What was asked beside something that failed comes to its end, too.
        beside = asyncio.all_tasks() - before
        await asyncio.wait_for(asyncio.gather(*beside, return_exceptions=True), _SECONDS)
        await provider.close()
    if not strangeness:
        hold(name, [each for each in generated.exchanges if each.path != "/a.tar.gz"])
