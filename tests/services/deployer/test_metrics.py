"""How the app of an environment fares, asked of its provider for its owner."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, select
from tests.services.deployer.office import Office, open_office
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import fail_with

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import CredentialRefused, ProviderUnavailable
from autodeploy.providers.hosted import AccountMissing
from autodeploy.services.auth.connection_checks import look_after_connections
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.deployer.drift import find_drift
from autodeploy.services.deployer.errors import NothingLive
from autodeploy.services.deployer.metrics import measure_environment
from autodeploy.services.deployer.metrics_schemas import AppMetricsView
from autodeploy.services.deployer.usage import get_usage


@pytest.fixture
async def office(platform: Platform) -> AsyncIterator[Office]:
    async with open_office(platform) as office:
        yield office


async def _measure(office: Office, environment: str = "production") -> AppMetricsView:
    platform = office.platform
    return await measure_environment(
        platform.resources, platform.principal, office.project.id, environment,
        providers=platform.engine.providers,
    )  # fmt: skip


@pytest.mark.parametrize("provider", ["local", "cloud"])
async def test_what_the_provider_measures_of_the_live_release_is_told(
    office: Office, provider: str
) -> None:
    await office.deploy(provider)
    live = (await office.platform.environment(office.project)).live_deployment_id
    found = await _measure(office)
    assert (found.environment, found.provider, found.deployment_id) == (
        "production", provider, live,
    )  # fmt: skip
    assert (found.instances, found.cpu.used_cores, found.cpu.limit_cores) == (1, 0.25, None)
    assert (found.memory.used_bytes, found.memory.limit_bytes) == (64_000_000, 512_000_000)
    assert (found.requests.per_minute, found.requests.failures_per_minute) == (12.5, 0.5)
    assert (found.latency.p50_milliseconds, found.latency.p95_milliseconds) == (None, None)


async def test_nothing_is_measured_where_nothing_is_live_or_is_at_all(office: Office) -> None:
    with pytest.raises(NothingLive, match="Nothing is live in production"):
        await _measure(office)
    with pytest.raises(NotFound, match="no environment staging"):
        await _measure(office, "staging")


async def test_a_provider_that_is_away_or_whose_account_is_gone_is_told(office: Office) -> None:
    await office.deploy("cloud")
    office.cloud.at["measure_app"] = fail_with(ProviderUnavailable("A cloud does not answer."))
    with pytest.raises(ProviderUnavailable):
        await _measure(office)
    async with office.platform.resources.db.transaction() as session:
        await session.execute(delete(ProviderIntegration))
    with pytest.raises(AccountMissing):
        await _measure(office)


@pytest.mark.parametrize("what", ["measure_app", "compare", "app_charges"])
async def test_connection_that_is_refused_is_checked_soon(office: Office, what: str) -> None:
    platform = office.platform
    await office.deploy("cloud")
    await look_after_connections(platform.resources, platform.engine.providers)
    office.cloud.at[what] = fail_with(CredentialRefused("It is not accepted."))
    who, providers = (platform.principal, office.project.id), platform.engine.providers
    if what == "measure_app":
        with pytest.raises(CredentialRefused):
            await _measure(office)
    elif what == "compare":
        with pytest.raises(CredentialRefused):
            await find_drift(platform.resources, *who, "production", providers=providers)
    else:
        await get_usage(platform.resources, *who, providers=providers)
    async with platform.resources.db.transaction() as session:
        due = await session.scalars(
            select(ProviderIntegration.provider).where(ProviderIntegration.check_due_at <= now())
        )
    assert list(due) == ["cloud"]
