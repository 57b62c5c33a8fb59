"""Deployments are made, cancelled, brought back, run and deleted at the same moment."""

import asyncio
from collections.abc import Awaitable
from uuid import UUID

import pytest
from tests.services.deployer.lifecycle import check
from tests.services.deployer.platform import Platform

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.services.deployer import deployments, environments, projects
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.states import TERMINAL

ROUNDS = 3


async def _at_once(*calls: Awaitable[object]) -> None:
    """Each is done, or refused with a reason that people are told."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, AutoDeployError):
            raise outcome


async def test_what_is_asked_for_at_once_is_done_in_one_order(platform: Platform) -> None:
    resources, caller = platform.resources, platform.principal
    project = await platform.project()
    first = await platform.deployed(project)
    others = [Runner(platform.make_engine(name)) for name in ("second", "third")]
    ended: dict[UUID, str] = {}
    for _ in range(ROUNDS):
        waiting = (await platform.deploy(project, build="always")).id
        await _at_once(
            platform.runner.run(waiting),
            *(other.run(waiting) for other in others),
            deployments.cancel_deployment(resources, caller, waiting),
            deployments.roll_back(resources, caller, first.id),
            deployments.roll_back(resources, caller, first.id),
            platform.deploy(project),
            platform.deploy(project),
        )
        statuses = await check(platform, project.id)
        assert ended.items() <= statuses.items(), "what has ended stays as it is"
        for deployment_id, status in statuses.items():
            if status not in TERMINAL:
                await platform.runner.run(deployment_id)
        statuses = await check(platform, project.id)
        assert set(statuses.values()) <= TERMINAL
        assert statuses[first.id] == "ready"
        ended = dict(statuses)
    assert len(platform.provider.releases()) == 1


async def test_deletion_at_the_moment_of_anything_else_leaves_nothing(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodeploy.services.deployer.projects.DELETION_WAIT_SECONDS", 0.1)
    resources, caller = platform.resources, platform.principal
    for number in range(ROUNDS):
        project = await platform.project(name=f"shop {number}")
        first = await platform.deployed(project)
        waiting = (await platform.deploy(project, build="always")).id
        await _at_once(
            projects.delete_project(resources, caller, project.id),
            platform.runner.run(waiting),
            remove_deleted(platform.engine),
            platform.deploy(project, environment="staging"),
            deployments.roll_back(resources, caller, first.id),
            deployments.cancel_deployment(resources, caller, waiting),
        )
        for _ in range(5):
            await remove_deleted(platform.engine)
            for deployment_id in await check(platform, project.id):
                await platform.runner.run(deployment_id)
        assert await check(platform, project.id) == {}
        assert platform.provider.releases() == set()
        assert [each async for each in resources.objects.list("artifacts")] == []


@pytest.mark.parametrize("what", ["project", "environment"])
async def test_nothing_stands_by_for_what_was_taken_down_while_it_was_made(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr("autodeploy.services.deployer.projects.DELETION_WAIT_SECONDS", 0.1)
    project = await platform.project()

    async def take_down() -> None:
        platform.provider.at.clear()
        if what == "project":
            await projects.delete_project(platform.resources, platform.principal, project.id)
        else:
            await environments.delete_environment(
                platform.resources,
                platform.principal,
                project.id,
                "staging",
                confirm="staging",
                backup=True,
                providers=platform.engine.providers,
            )
        await remove_deleted(platform.engine)
        await remove_deleted(platform.engine)

    platform.provider.at["prepare"] = take_down
    await platform.runner.run((await platform.deploy(project, environment="staging")).id)
    assert platform.provider.releases() == set()
    assert platform.provider.prepared == {}
