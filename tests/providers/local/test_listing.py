"""What the local provider holds, and the removal of one thing of it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from autodeploy.kernel.errors import InvalidInput
from autodeploy.providers.base import App
from autodeploy.providers.local.client import AgentClient
from autodeploy.providers.local.provider import LocalProvider
from autodeploy.providers.resources import FoundResource, ResourceKind

from .conftest import Lines, Node, build_request, database_request, deploy_static, spec

_APP, _BUILD, _DATABASE, _RELEASE = (
    ResourceKind.APP, ResourceKind.BUILD, ResourceKind.DATABASE, ResourceKind.RELEASE,
)  # fmt: skip
PAGE = {"out/index.html": "<h1>here</h1>"}


async def _found(provider: LocalProvider, app: App) -> dict[ResourceKind, FoundResource]:
    """What there is of the app, by kind; it has one of each at most."""
    return {
        each.kind: each async for each in provider.list_resources() if each.app_number == app.number
    }


async def _eventually_none(provider: LocalProvider, app: App, kind: ResourceKind) -> None:
    deadline = time.monotonic() + 15
    while kind in await _found(provider, app):
        assert time.monotonic() < deadline


async def test_everything_of_an_app_is_listed_and_removed_one_by_one(
    provider: LocalProvider, app: App, source: Callable[[dict[str, str]], Path]
) -> None:
    other = App(uuid4(), app.number + 100_000, "other", "production")
    await deploy_static(provider, other, source(PAGE))
    request, _, endpoint = await deploy_static(provider, app, source(PAGE))
    found = await _found(provider, app)
    assert set(found) == {_RELEASE, _APP, _BUILD}
    assert found[_RELEASE].made_for == found[_BUILD].made_for == request.deployment_id
    assert found[_APP].external_id == str(app.number)
    assert found[_BUILD].external_id == request.artifact_key
    assert (found[_BUILD].size_bytes or 0) > 0
    assert {
        abs(each.made_at - datetime.now(UTC)) < timedelta(minutes=5) for each in found.values()
    } == {True}

    for kind in (_RELEASE, _APP, _BUILD):
        for _ in range(2):
            await provider.remove_resource(kind, found[kind].external_id)
        await _eventually_none(provider, app, kind)
        assert set(await _found(provider, other)) == {_RELEASE, _APP, _BUILD}
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.TransportError):
            await client.get(endpoint.local_url or "")


async def test_release_that_was_built_and_never_deployed_is_listed(
    provider: LocalProvider, app: App, source: Callable[[dict[str, str]], Path]
) -> None:
    """It is what a worker leaves that dies between the two: the folder knows no app yet."""
    built = spec(kind="static", output_directory="out", start_command=None)
    request = build_request(app, source(PAGE), built)
    await provider.build(request, Lines())

    async def made() -> list[FoundResource]:
        return [
            each
            async for each in provider.list_resources()
            if each.kind == _RELEASE and each.made_for == request.deployment_id
        ]

    [release] = await made()
    assert release.app_number is None
    await provider.remove_resource(_RELEASE, release.external_id)
    deadline = time.monotonic() + 15
    while await made():
        assert time.monotonic() < deadline


async def test_databases_are_listed_by_the_ids_that_they_were_asked_for_with(
    provider: LocalProvider, app: App
) -> None:
    kept, gone = (database_request(app, name) for name in ("a", "b"))
    handles = [await provider.ensure_database(each, Lines()) for each in (kept, gone)]
    listed = await _databases(provider)
    assert {kept.database_id, gone.database_id} <= listed.keys()
    found = listed[gone.database_id]
    assert abs(found.made_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert (found.size_bytes or 0) > 1_000_000
    for _ in range(2):
        await provider.remove_resource(_DATABASE, found.external_id)
    assert gone.database_id not in await _databases(provider)
    connection = await asyncpg.connect(handles[0].url)
    await connection.close()


async def _databases(provider: LocalProvider) -> dict[UUID | None, FoundResource]:
    return {
        each.made_for: each async for each in provider.list_resources() if each.kind == _DATABASE
    }


@pytest.mark.parametrize(
    ("kind", "external_id"),
    [(_RELEASE, "../x"), (_APP, "-1"), (_BUILD, "databases/1/2"), (_DATABASE, "postgres")],
)
async def test_what_is_not_of_the_provider_is_never_removed(
    provider: LocalProvider, kind: ResourceKind, external_id: str
) -> None:
    with pytest.raises(InvalidInput):
        await provider.remove_resource(kind, external_id)


async def test_agent_that_is_away_is_an_error_and_not_an_empty_list(node: Node) -> None:
    provider = node.provider()
    provider._holdings._agent = AgentClient(node.home / "none.sock", patience_seconds=0)
    with pytest.raises(Exception, match="does not answer"):
        _ = [each async for each in provider.list_resources()]
