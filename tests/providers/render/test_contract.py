"""Every call to Render as its description has it, at the emulated one or any other."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.fakes.render_api import TOKEN, FakeRenderApi
from tests.providers.render.conftest import (
    APP,
    COMMIT,
    ELSEWHERE,
    KeptNotes,
    account,
    build_request,
    database_request,
    release_request,
    reusing,
)

from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.providers.base import CommitSource
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.providers.manifests import DatabaseEngine
from autodeploy.providers.render.provider import RenderProvider

pytestmark = [pytest.mark.contract(provider="render"), pytest.mark.usefixtures("described")]


@pytest.fixture
async def anywhere(time) -> AsyncIterator[RenderProvider]:
    if ELSEWHERE:
        provider = RenderProvider(api_url=ELSEWHERE.rstrip("/"))
        yield provider
        await provider.close()
        return
    async with FakeRenderApi(time).run() as fake:
        provider = RenderProvider(api_url=fake.url, timing=time)
        yield provider
        await provider.close()


@pytest.fixture
def somebody() -> ConnectedAccount:
    if not ELSEWHERE:
        return account()
    given = os.environ
    return account(given["AUTODEPLOY_CONTRACT_TOKEN"], given.get("AUTODEPLOY_CONTRACT_OWNER"))


@pytest.fixture
def commit() -> CommitSource:
    name = os.environ.get("AUTODEPLOY_CONTRACT_REPOSITORY", "octo/shop")
    sha = os.environ.get("AUTODEPLOY_CONTRACT_COMMIT", COMMIT)
    if ELSEWHERE and "AUTODEPLOY_CONTRACT_COMMIT" not in os.environ:
        pytest.skip("AUTODEPLOY_CONTRACT_COMMIT names no commit to deploy there")
    return CommitSource(f"https://github.com/{name}.git", "main", sha, name)


async def test_a_token_is_checked(anywhere, somebody):
    assert (await anywhere.check_token(somebody.token)).owners


async def test_a_token_of_nobody_is_refused(anywhere):
    with pytest.raises(CredentialRefused):
        await anywhere.check_token(f"{TOKEN[:8]}nobody")


async def test_an_app_lives_and_is_removed(anywhere, somebody, commit, log):
    apps = anywhere.deploys_as(somebody)
    app = replace(APP, environment_id=uuid4())
    request = build_request(app=app, commit=commit)
    try:
        artifact = await apps.build(request, log)
        release = await apps.deploy(release_request(artifact.key, app=app), log)
        assert (await apps.status(release)).state == "running"
        endpoint = await apps.promote(release_request(artifact.key, app=app), release)
        assert endpoint.url.startswith("https://")
        again = build_request(app=app, commit=commit, notes=KeptNotes())
        await apps.deploy(release_request((await apps.build(again, log)).key, app=app), log)
        back = await apps.deploy(reusing(artifact.key, app=app), log)
        assert (await apps.live_status(app, back)).state == "running"
        await apps.runtime_lines(back, None, 0)
        assert [each.plan for each in await apps.app_charges(app)] == ["free"]
        assert [each.measure for each in await apps.app_usage(app)] == ["bandwidth"]
    finally:
        await apps.destroy(app)
    assert not await apps.has_build(artifact.key)


@pytest.mark.parametrize(
    ("engine", "scheme"),
    [(DatabaseEngine.POSTGRESQL, "postgres"), (DatabaseEngine.REDIS, "redis")],
)
async def test_a_database_lives_and_is_removed(anywhere, somebody, log, engine, scheme):
    databases = anywhere.databases_as(somebody)
    request = database_request(app=replace(APP, environment_id=uuid4()), engine=engine)
    try:
        handle = await databases.ensure_database(request, log)
        assert handle.url.startswith(scheme)
        assert [each.plan for each in await databases.database_charges(handle.external_id)] == [
            "free"
        ]
    finally:
        await databases.destroy_database(str(request.database_id))
