"""Drift of the databases of an environment, which may be elsewhere than its app."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from tests.services.deployer.databases.office import Office as Databases
from tests.services.deployer.office import Office, open_office
from tests.services.deployer.platform import Platform

from autodeploy.kernel.errors import Forbidden
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.providers.drift import Comparison, DeclaredApp, Drift, DriftKind
from autodeploy.services.auth.models import AuditEntry
from autodeploy.services.auth.principal import Scope
from autodeploy.services.deployer.databases.models import ProjectDatabase

OPEN = Drift(DriftKind.DATABASE_ALLOW_LIST, declared="nobody", found="0.0.0.0/0")
PLAN = Drift(DriftKind.DATABASE_PLAN, None, "free", "pro", True, "Change it back.")


@pytest.fixture
async def office(platform: Platform) -> AsyncIterator[Office]:
    async with open_office(platform) as office:
        yield office


async def _make(office: Office, name: str = "main") -> UUID:
    """A database at the cloud, which is available."""
    databases = Databases(office.platform)
    made = await databases.made(project_id=office.project.id, name=name, provider="cloud")
    assert made.status == "available", made.error
    return made.id


def _unavailable() -> None:
    raise ProviderUnavailable("No answer came.")


async def test_a_database_is_compared_and_set_again_before_the_deployment(office: Office) -> None:
    await _make(office)
    await office.deploy("cloud")
    office.cloud.database_drifts = [OPEN, PLAN]
    found = await office.find_drift()
    assert [(each.kind, each.name, each.found, each.reconcilable) for each in found.items] == [
        ("database_allow_list", "main", "0.0.0.0/0", True),
        ("database_plan", "main", "pro", False),
    ]
    assert found.items[1].remedy == "Change it back."
    await office.reconcile_drift()
    assert office.cloud.database_drifts == [PLAN]
    await office.reconcile_drift()
    assert office.cloud.calls["mend_database"] == 1, "nothing was left to mend"
    async with office.platform.resources.db.transaction() as session:
        told = select(func.count()).where(AuditEntry.action == "database.update")
        assert await session.scalar(told) == 1


async def test_what_a_database_gives_that_was_made_since_is_still_to_be_set(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def compare(_: DeclaredApp) -> Comparison:
        return Comparison((Drift(DriftKind.VARIABLE_MISSING, "DATABASE_URL"),))

    monkeypatch.setattr(office.cloud, "compare", compare)
    await office.deploy("cloud")
    await _make(office)
    found = await office.find_drift()
    assert (found.items, found.pending) == ([], ["CLOUD_KEY", "CLOUD_URL", "DATABASE_URL"])
    await office.deploy("cloud")
    found = await office.find_drift()
    assert ([each.name for each in found.items], found.pending) == (["DATABASE_URL"], [])


async def test_a_database_that_cannot_be_set_again_ends_reconciling_before_the_deployment(
    office: Office,
) -> None:
    await _make(office)
    await office.deploy("cloud")
    office.cloud.database_drifts = [OPEN]
    office.cloud.at["mend_database"] = _unavailable
    with pytest.raises(ProviderUnavailable):
        await office.reconcile_drift()
    # Whoever asked tries again, as after the process has died there.
    office.cloud.at.clear()
    again = await office.reconcile_drift()
    assert office.cloud.database_drifts == []
    assert again.status == "queued"


async def test_who_may_deploy_and_change_no_database_sets_none_again(office: Office) -> None:
    await _make(office)
    await office.deploy("cloud")
    whole = office.platform.principal
    office.platform.principal = replace(whole, scopes=frozenset({Scope.READ, Scope.DEPLOY}))
    office.cloud.database_drifts = [OPEN]
    with pytest.raises(Forbidden, match="write"):
        await office.reconcile_drift()
    assert office.cloud.calls["mend_database"] == 0
    office.cloud.database_drifts = [PLAN]
    assert (await office.reconcile_drift()).status == "queued", "nothing was to be set"


async def test_a_database_that_is_gone_says_how_to_begin_anew(office: Office) -> None:
    await _make(office)
    await office.deploy("cloud")
    office.cloud.database_drifts = [Drift(DriftKind.DATABASE, stays=True)]
    [item] = (await office.find_drift()).items
    assert (item.kind, item.name, item.provider, item.reconcilable) == (
        "database", "main", "cloud", False,
    )  # fmt: skip
    assert item.remedy is not None
    assert "autodeploy db delete main --environment production" in item.remedy


async def test_a_database_that_we_have_paused_is_to_stand_still(office: Office) -> None:
    database_id = await _make(office)
    await office.deploy("cloud")
    async with office.platform.resources.db.transaction() as session:
        await session.execute(
            update(ProjectDatabase).where(ProjectDatabase.id == database_id).values(status="paused")
        )
    paused = Drift(DriftKind.DATABASE_STATE, declared="running", found="paused")
    office.cloud.database_drifts = [paused]
    assert (await office.find_drift()).items == []
    await office.reconcile_drift()
    assert office.cloud.database_drifts == [paused]


async def test_a_database_whose_provider_does_not_answer_hides_nothing_else(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _make(office)
    await office.deploy("cloud")

    async def compare(_: DeclaredApp) -> Comparison:
        return Comparison((Drift(DriftKind.PLAN, declared="free", found="pro"),))

    monkeypatch.setattr(office.cloud, "compare", compare)
    office.cloud.at["compare_database"] = _unavailable
    found = await office.find_drift()
    assert [each.kind for each in found.items] == ["plan"]
    [unasked] = found.unasked
    assert (unasked.name, unasked.provider) == ("main", "cloud")
    assert "No answer came." in unasked.reason


async def test_databases_elsewhere_of_an_app_on_this_machine_are_compared(office: Office) -> None:
    await office.deploy("local")
    await _make(office, "other")
    office.cloud.database_drifts = [OPEN]
    found = await office.find_drift()
    assert [(each.name, each.provider) for each in found.items] == [("other", "cloud")]
    assert (await office.reconcile_drift()).provider == "local"
    assert office.cloud.database_drifts == []


async def test_a_database_of_an_account_that_is_gone_keeps_no_app_from_being_set_again(
    office: Office,
) -> None:
    database_id = await _make(office)
    await office.deploy("local")
    async with office.platform.resources.db.transaction() as session:
        cut = update(ProjectDatabase).where(ProjectDatabase.id == database_id)
        await session.execute(cut.values(connection_id=None))
    office.cloud.database_drifts = [OPEN]
    found = await office.find_drift()
    [unasked] = found.unasked
    assert "connections add cloud" in unasked.reason
    assert (await office.reconcile_drift()).status == "queued"
    assert office.cloud.database_drifts == [OPEN]
