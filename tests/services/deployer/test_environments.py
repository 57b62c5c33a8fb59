"""Environments beside production: made, copied into, deleted with what they hold."""

import pytest
from sqlalchemy import select
from tests.services.deployer.platform import STATIC, Platform

from autodeploy.kernel.errors import Conflict, NotFound
from autodeploy.services.deployer import deployments, environments, projects, variables
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.errors import NotRollbackable
from autodeploy.services.deployer.models import Environment, EnvironmentVariable, VariablesVersion
from autodeploy.services.deployer.reconciler import Reconciler
from autodeploy.services.deployer.schemas import EnvironmentInput, ProjectView
from autodeploy.services.deployer.variable_schemas import VariablesInput

DATABASE = {"database": {"plan": "free"}}


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)


async def delete(platform: Platform, project: ProjectView, name: str) -> None:
    await environments.delete_environment(
        platform.resources, platform.principal, project.id, name,
        confirm=name, backup=False, providers=platform.engine.providers,
    )  # fmt: skip


async def names(platform: Platform, project: ProjectView) -> list[str]:
    page = await environments.list_environments(platform.resources, platform.principal, project.id)
    return [each.name for each in page.items]


async def test_deleted_environment_takes_along_what_is_live_and_what_belongs_to_it(
    platform: Platform,
) -> None:
    project = await platform.project(STATIC)
    live = await platform.deployed(project, configuration=DATABASE)
    body = VariablesInput(values={"A": "1"}, environment="staging")
    await variables.set_variables(platform.resources, platform.principal, project.id, body)
    other = await platform.deployed(project, environment="staging", configuration=DATABASE)
    assert platform.provider.releases() == {str(live.id), str(other.id)}

    await delete(platform, project, "staging")
    assert await names(platform, project) == ["production"]
    with pytest.raises(Conflict, match="being deleted"):
        await platform.deploy(project, environment="staging")
    await Reconciler(platform.engine).run_once()

    assert platform.provider.releases() == {str(live.id)}
    assert len(list((platform.provider.machine / "databases").iterdir())) == 1
    async with platform.resources.db.transaction() as session:
        for table in (Environment, EnvironmentVariable, ProjectDatabase, VariablesVersion):
            rows = (await session.scalars(select(table))).all()
            assert "staging" not in [getattr(row, "environment", "") for row in rows]
            assert "staging" not in [getattr(row, "name", "") for row in rows]
    assert (await platform.view(other.id)).status == "ready"
    assert (await platform.row(other.id)).has_release is False
    again = await platform.deployed(project, environment="staging")
    assert again.error is None


async def test_build_of_a_deleted_environment_stays_with_those_that_use_it(
    platform: Platform,
) -> None:
    project = await platform.project(STATIC)
    first = await platform.deployed(project, environment="staging")
    live = await platform.deployed(project)
    key = (await platform.row(live.id)).artifact_key
    assert key is not None
    assert (await platform.row(first.id)).artifact_key == key

    await delete(platform, project, "staging")
    await Reconciler(platform.engine).run_once()
    assert await platform.resources.objects.exists(key)
    assert (await platform.row(first.id)).artifact_key is None
    with pytest.raises(NotRollbackable):
        await deployments.roll_back(platform.resources, platform.principal, first.id)


async def test_deletion_ends_what_waits_to_be_deployed_there(platform: Platform) -> None:
    project = await platform.project(STATIC)
    waiting = await platform.deploy(project, environment="staging")
    await delete(platform, project, "staging")
    await Reconciler(platform.engine).run_once()
    ended = await platform.view(waiting.id)
    assert (ended.status, ended.reason) == ("cancelled", "environment deleted")


async def test_production_stays_and_what_is_not_there_is_not_found(platform: Platform) -> None:
    project = await platform.project(STATIC)
    with pytest.raises(environments.ProductionStays):
        await delete(platform, project, "production")
    with pytest.raises(NotFound):
        await delete(platform, project, "staging")


async def test_environment_begins_with_the_variables_of_another(platform: Platform) -> None:
    project = await platform.project(STATIC)
    body = VariablesInput(values={"A": "1", "TOKEN": "hunter22"})
    await variables.set_variables(platform.resources, platform.principal, project.id, body)
    made = await environments.create_environment(
        platform.resources,
        platform.principal,
        project.id,
        EnvironmentInput(name="staging", copy_from="production"),
    )
    assert made.live_deployment_id is None
    await platform.deployed(project, environment="staging")
    got = platform.provider.environments["run"]
    assert (got["A"], got["TOKEN"]) == ("1", "hunter22")
    with pytest.raises(environments.EnvironmentExists):
        await environments.create_environment(
            platform.resources, platform.principal, project.id, EnvironmentInput(name="staging")
        )


async def test_source_that_is_not_there_makes_no_environment(platform: Platform) -> None:
    project = await platform.project(STATIC)
    with pytest.raises(NotFound):
        await environments.create_environment(
            platform.resources,
            platform.principal,
            project.id,
            EnvironmentInput(name="staging", copy_from="nothing"),
        )
    assert await names(platform, project) == ["production"]
