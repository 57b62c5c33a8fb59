"""Which database a deployment gives its app."""

from uuid import UUID

import pytest
from sqlalchemy import insert
from tests.services.deployer.platform import Platform

from autodeploy.kernel.errors import Conflict
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.wishes import (
    AppPlace,
    WantedDatabase,
    choose_database,
)

AT_RENDER = AppPlace("render", "frankfurt")


class Project:
    """A project whose databases are rows alone."""

    def __init__(self, platform: Platform, id_: UUID, organization_id: UUID):
        self._platform = platform
        self._of = {"project_id": id_, "organization_id": organization_id, "name": "main"}

    async def has(self, environment: str = "production", **values: object) -> None:
        async with self._platform.resources.db.transaction() as session:
            row = {**self._of, "environment": environment, **values}
            await session.execute(insert(ProjectDatabase).values(row))

    async def choose(
        self, environment: str = "production", app: AppPlace = AT_RENDER, **wish: str
    ) -> WantedDatabase:
        async with self._platform.resources.db.transaction() as session:
            return await choose_database(session, self._of["project_id"], environment, app, wish)


@pytest.fixture
async def project(platform: Platform) -> Project:
    view = await platform.project()
    return Project(platform, view.id, (await platform.environment(view)).organization_id)


async def test_without_any_a_wish_is_completed(project: Project) -> None:
    usual = await project.choose()
    assert (usual.provider, usual.plan, usual.region) == ("local", "free", None)
    wanted = await project.choose(provider="supabase")
    assert (wanted.provider, wanted.plan, wanted.region) == ("supabase", "free", None)


async def test_at_the_provider_of_the_app_the_region_is_the_apps(project: Project) -> None:
    assert (await project.choose(provider="render")).region == "frankfurt"
    assert (await project.choose(provider="render", region="ohio")).region == "ohio"
    await project.has(provider="render", region="oregon", external_id="dpg-1")
    assert (await project.choose("staging")).region == "frankfurt", "not production's"


@pytest.mark.parametrize("status", ["available", "paused", "error", "provisioning"])
async def test_one_that_was_made_stays_and_another_is_refused(
    project: Project, status: str
) -> None:
    await project.has(provider="supabase", plan="micro", status=status, external_id="ref")
    assert (await project.choose()).plan == "micro"
    assert (await project.choose(provider="supabase", plan="micro")).row is not None
    for wish in ({"provider": "render"}, {"plan": "free"}, {"region": "eu-west-1"}):
        with pytest.raises(Conflict) as refused:
            await project.choose(**wish)
        assert refused.value.field == f"configuration.database.{next(iter(wish))}"


@pytest.mark.parametrize("status", ["provisioning", "error"])
async def test_of_one_that_was_not_made_the_wish_is_taken_over(
    project: Project, status: str
) -> None:
    await project.has(provider="supabase", plan="micro", region="eu-west-1", status=status)
    same = await project.choose()
    assert (same.provider, same.plan, same.region) == ("supabase", "micro", "eu-west-1")
    corrected = await project.choose(plan="free")
    assert (corrected.provider, corrected.plan, corrected.region) == (
        "supabase", "free", "eu-west-1",
    )  # fmt: skip
    other = await project.choose(provider="local")
    assert (other.provider, other.plan, other.region) == ("local", "free", None)


async def test_other_environments_are_as_production_where_nothing_is_asked(
    project: Project,
) -> None:
    await project.has(provider="supabase", plan="micro", external_id="ref")
    preview = await project.choose("pr-1")
    assert (preview.provider, preview.plan, preview.row) == ("supabase", "micro", None)
    asked = await project.choose("pr-1", provider="local")
    assert (asked.provider, asked.plan) == ("local", "free")
