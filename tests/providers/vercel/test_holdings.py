"""Projects of ours are told by their deployments, and of nobody else's."""

import pytest
from tests.fakes.vercel_state import Project
from tests.providers.vercel.conftest import TEAM, Story, account

from autodeploy.kernel.errors import InvalidInput
from autodeploy.providers.resources import ResourceKind

pytestmark = pytest.mark.contract(provider="vercel")


async def test_a_project_of_ours_is_told_and_removed(story: Story, provider, vercel):
    deployment_id, _ = await story.build()
    vercel.projects.append(Project(TEAM, "somebodys-3f2a9c1b"))
    vercel.page_size = 1
    holdings = provider.resources_as(account())
    [found] = [each async for each in holdings.list_resources()]
    vercel.page_size = 100
    vercel.faults.fail("/v10/projects", "bare_list")
    assert [each async for each in holdings.list_resources()] == [found]
    ours = vercel.projects[0].name
    assert (found.kind, found.external_id, found.made_for) == (
        ResourceKind.APP, ours, deployment_id,
    )  # fmt: skip
    with pytest.raises(InvalidInput):
        await holdings.remove_resource(ResourceKind.DATABASE, ours)
    for _ in range(2):
        await holdings.remove_resource(found.kind, found.external_id)
    assert [each.name for each in vercel.projects] == ["somebodys-3f2a9c1b"]
