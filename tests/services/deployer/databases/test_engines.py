"""A Redis is a database as far as it can be one, and refuses what only PostgreSQL has."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from tests.services.deployer.databases.office import Office
from tests.services.deployer.hosted import REDIS_URL, HostedProvider
from tests.services.deployer.test_hosting import Clouds

from autodeploy.kernel.errors import Conflict, InvalidInput
from autodeploy.providers.manifests import Capability, DatabaseEngine
from autodeploy.services.deployer import deployments
from autodeploy.services.deployer.databases import service
from autodeploy.services.deployer.databases.models import DatabaseBackup, ProjectDatabase
from autodeploy.services.deployer.databases.schemas import DatabaseUpdate, DatabaseView
from autodeploy.services.deployer.databases.upkeep import schedule_backups
from autodeploy.services.deployer.deployment_schemas import DeploymentInput

REDIS = {"name": "cache", "engine": "redis", "provider": "cloud"}
#: What a provider can do with databases beside making them.
ALL = {
    Capability.DATABASE_BACKUPS,
    Capability.DATABASE_METRICS,
    Capability.DATABASE_ROTATION,
}


@pytest.fixture
async def cloud(office: Office, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostedProvider]:
    """It makes both engines, and can do with PostgreSQL whatever there is."""
    manifest = HostedProvider.manifest
    able = replace(manifest, capabilities=manifest.capabilities | ALL)
    monkeypatch.setattr(HostedProvider, "manifest", able)
    clouds = Clouds(office.platform)
    office.providers = office.platform.engine.providers
    await clouds.connect()
    yield clouds.cloud


async def _count(office: Office) -> int:
    async with office.resources.db.transaction() as session:
        return await session.scalar(select(func.count()).select_from(ProjectDatabase)) or 0


async def test_redis_is_made_and_is_never_backed_up_by_itself(
    office: Office, cloud: HostedProvider
) -> None:
    made = await office.made(**REDIS)
    assert (made.status, made.engine) == ("available", DatabaseEngine.REDIS)
    assert await office.url(made.id) == REDIS_URL
    assert made.backups.schedule == "off"
    await office.set(ProjectDatabase, made.id, created_at=func.to_timestamp(0))
    await schedule_backups(office.platform.engine)
    assert await office.rows(DatabaseBackup) == []
    other = await office.made(project_id=made.project.id, provider="cloud")
    assert (other.engine, other.backups.schedule) == (DatabaseEngine.POSTGRESQL, "daily")


@pytest.mark.usefixtures("cloud")
async def test_engine_that_the_provider_lacks_is_refused_with_those_that_have_it(
    office: Office,
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await office.asked(**{**REDIS, "provider": "local"})
    assert refused.value.field == "engine"
    assert refused.value.remedy == "Providers that have: cloud."
    assert await _count(office) == 0
    assert office.provider.calls["ensure_database"] == 0


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": "main"}, "name"),
        ({"backups": {"schedule": "daily"}}, "backups.schedule"),
        ({"backup_id": uuid4()}, "backupId"),
        ({"plan": "huge"}, "plan"),
        ({"region": "north"}, "region"),
    ],
)
async def test_what_no_redis_has_is_refused_before_there_is_a_row(
    office: Office, more: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await office.asked(**REDIS | more)
    assert refused.value.field == field
    assert await _count(office) == 0


@pytest.mark.usefixtures("cloud")
async def test_plans_are_those_of_the_engine(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = HostedProvider.manifest
    [database, redis] = manifest.pricing
    sheet = (replace(database, plan="big"), replace(redis, plan="small"))
    monkeypatch.setattr(HostedProvider, "manifest", replace(manifest, pricing=sheet))
    with pytest.raises(InvalidInput, match="no plan 'big' for redis databases") as refused:
        await office.asked(**REDIS, plan="big")
    assert refused.value.remedy == "Choose one of: small."
    assert (await office.asked(**REDIS, plan="small")).plan == "small"


@pytest.mark.usefixtures("cloud")
async def test_database_of_another_engine_is_not_taken_for_it(office: Office) -> None:
    there = await office.asked(name="cache", provider="cloud")
    with pytest.raises(Conflict) as refused:
        await office.asked(**REDIS, project_id=there.project.id)
    assert refused.value.field == "engine"
    assert (await office.view(there.id)).engine == DatabaseEngine.POSTGRESQL


_Ask = Callable[[Office, DatabaseView], Awaitable[object]]
ASKED: dict[str, _Ask] = {
    "metrics": lambda office, made: service.measure_database(
        office.resources, office.principal, made.id, providers=office.providers
    ),
    "rotation": lambda office, made: office.rotate(made.id),
    "backups": lambda office, made: office.backup(made.id),
    "restore": lambda office, made: office.restore(made.id, uuid4(), name="copy"),
    "restore in place": lambda office, made: office.restore(made.id, uuid4(), confirm=made.name),
    "schedule": lambda office, made: service.update_database(
        office.resources, office.principal, made.id,
        DatabaseUpdate.model_validate({"backups": {"schedule": "weekly"}}),
    ),
}  # fmt: skip


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("what", list(ASKED))
async def test_what_only_postgresql_has_is_refused_of_a_redis(office: Office, what: str) -> None:
    made = await office.made(**REDIS)
    with pytest.raises(InvalidInput, match="redis"):
        await ASKED[what](office, made)
    assert await office.view(made.id) == made
    assert await office.rows(DatabaseBackup) == []


@pytest.mark.usefixtures("cloud")
async def test_redis_is_deleted_without_a_last_backup(office: Office) -> None:
    made = await office.made(**REDIS)
    await office.delete(made)
    assert await office.rows(DatabaseBackup) == []
    await office.work(made.id)
    assert not await office.exists(made.id)


@pytest.mark.usefixtures("cloud")
async def test_deployment_with_a_redis_beside_it_still_makes_its_own_database(
    office: Office,
) -> None:
    made = await office.made(**REDIS)
    view = await deployments.create_deployment(
        office.resources, office.principal, made.project.id,
        DeploymentInput.model_validate({"provider": "cloud", "configuration": {
            "database": {"provider": "cloud"},
            "environmentVariables": {"REDIS_URL": "${{ databases.cache.url }}"},
        }}),
        providers=office.providers,
    )  # fmt: skip
    await office.platform.runner.run(view.id)
    assert (await office.platform.view(view.id)).status == "ready"
    page = await service.list_databases(
        office.resources, office.principal, project_id=made.project.id, limit=10, cursor=None
    )
    assert {each.name: each.engine for each in page.items} == {
        "main": "postgresql",
        "cache": "redis",
    }


@pytest.mark.parametrize(
    "change", ["engine = 'mysql'", "engine = 'redis'", "engine = 'redis', name = 'cache'"]
)
async def test_database_itself_refuses_a_redis_that_is_main_or_backed_up(
    office: Office, change: str
) -> None:
    made: UUID = (await office.asked()).id
    with pytest.raises(IntegrityError):
        async with office.resources.db.transaction() as session:
            await session.execute(
                text(f"UPDATE databases SET {change} WHERE id = :id"), {"id": made}
            )
