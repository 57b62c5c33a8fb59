"""How long steps are said to take."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from autodeploy.services.deployer.estimates import USUAL, Estimate, estimate_steps
from autodeploy.services.deployer.models import DeploymentStep
from autodeploy.services.deployer.schemas import ProjectView
from autodeploy.services.deployer.states import StepName, StepStatus

from .platform import Platform

BUILD = StepName.BUILD_APPLICATION


async def _estimate_after(
    platform: Platform, project: ProjectView, seconds: Sequence[float]
) -> Estimate:
    """That of the build, after deployments whose builds took so long."""
    for taken in seconds:
        deployment = await platform.deploy(project)
        async with platform.resources.db.transaction() as session:
            step = await session.scalar(
                select(DeploymentStep).where(
                    DeploymentStep.deployment_id == deployment.id, DeploymentStep.name == BUILD
                )
            )
            assert step is not None
            step.status, step.actual_seconds = StepStatus.SUCCEEDED, taken
    async with platform.resources.db.transaction() as session:
        return (await estimate_steps(session, project.id))[BUILD]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], USUAL[BUILD]),
        ([10.2], Estimate(11, 31)),
        ([10, 12, 14, 16], Estimate(13, 39)),
        ([*range(1, 21)], Estimate(11, 19)),
        ([900, *[10] * 20], Estimate(10, 10)),
    ],
    ids=["none", "one", "few", "many", "only the latest"],
)
async def test_estimates_come_from_what_the_project_took(
    platform: Platform, seconds: list[float], expected: Estimate
) -> None:
    project = await platform.project()
    assert await _estimate_after(platform, project, seconds) == expected


async def test_estimates_of_one_project_say_nothing_of_another(platform: Platform) -> None:
    await _estimate_after(platform, await platform.project(), [1.0])
    other = await platform.project(name="other")
    assert await _estimate_after(platform, other, []) == USUAL[BUILD]
