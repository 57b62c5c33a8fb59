"""Metrics of a running app over HTTP: asked of its provider, and of nobody else's app."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import SignUp
from tests.api.deployer import User, deploy_server
from tests.services.deployer.provider import FolderProvider, fail_with

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
def provider(app: FastAPI, resources: Resources) -> FolderProvider:
    """The provider of what is live, which measures."""
    provider = FolderProvider(resources.home / "machine", resources.objects)
    app.state.providers = Registry([provider])
    return provider


@pytest.fixture
async def path(user: User, resources: Resources) -> str:
    """The environments of a project whose production is live."""
    return f"/projects/{await deploy_server(user, resources)}/environments"


@pytest.mark.usefixtures("provider")
async def test_what_is_measured_is_told_and_the_rest_is_null(user: User, path: str) -> None:
    found: dict[str, Any] = await user.call("GET", f"{path}/production/metrics", status=200)
    [environment] = (await user.call("GET", path, status=200))["items"]
    assert found == {
        "environment": "production",
        "provider": "local",
        "deploymentId": environment["liveDeploymentId"],
        "measuredAt": "2027-01-15T08:00:00Z",
        "instances": 1,
        "cpu": {"usedCores": 0.25, "limitCores": None},
        "memory": {"usedBytes": 64_000_000, "limitBytes": 512_000_000},
        "requests": {"perMinute": 12.5, "failuresPerMinute": 0.5},
        "latency": {"p50Milliseconds": None, "p95Milliseconds": None},
    }


async def test_a_provider_that_is_away_or_refuses_is_told(
    user: User, path: str, provider: FolderProvider
) -> None:
    for error, status, code in (
        (Unavailable("It is away."), 503, "unavailable"),
        (ProviderRefused("It refuses.", answered=402), 422, "provider_refused"),
    ):
        provider.at["measure_app"] = fail_with(error)
        told = await user.call("GET", f"{path}/production/metrics", status=status)
        assert (told["code"], bool(told["remedy"])) == (code, True)


async def test_a_provider_that_does_not_measure_is_refused_clearly(user: User, path: str) -> None:
    refused = await user.call("GET", f"{path}/production/metrics", status=422)
    assert "cannot do metrics" in refused["detail"]


async def test_nothing_live_is_told_with_what_to_do(user: User) -> None:
    path = f"/projects/{(await user.project())['id']}/environments"
    refused = await user.call("GET", f"{path}/production/metrics", status=409)
    assert (refused["code"], "autodeploy deploy" in refused["remedy"]) == ("nothing_live", True)
    await user.call("GET", f"{path}/nowhere/metrics", status=404)


@pytest.mark.usefixtures("provider")
async def test_apps_of_others_are_not_measured(
    path: str, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    stranger = User(client, await sign_up())
    await stranger.call("GET", f"{path}/production/metrics", status=404)
