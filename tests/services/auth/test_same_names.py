"""What two tenants name the same, or have of the same commit, is found for its own alone."""

from uuid import UUID

import pytest
from tests.services.auth.people import Team, refreshed, team

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.resources import Resources
from autodeploy.services.analyzer import store as analyses
from autodeploy.services.analyzer.models import Repository, RepositoryAnalysis, RepositoryKind
from autodeploy.services.analyzer.plan import ANALYZER_VERSION
from autodeploy.services.auth.organization_schemas import OrganizationInput
from autodeploy.services.auth.organizations import create_organization
from autodeploy.services.deployer import store, variables
from autodeploy.services.deployer.models import Environment, EnvironmentVariable, Project
from autodeploy.services.deployer.variable_schemas import VariableInput

COMMIT = "a" * 40


async def _repository(of: Team) -> UUID:
    async with of.resources.db.transaction() as session:
        row = Repository(
            organization_id=of.id,
            kind=RepositoryKind.UPLOAD,
            full_name="shop",
            url="upload:shop",
            default_branch="main",
        )
        session.add(row)
        await session.flush()
        return row.id


async def test_an_analysis_of_the_same_commit_elsewhere_is_not_taken(resources: Resources) -> None:
    ours, theirs = await team(resources), await team(resources, "Other")
    mine, foreign = await _repository(ours), await _repository(theirs)
    async with resources.db.transaction() as session:
        session.add(
            RepositoryAnalysis(
                organization_id=theirs.id,
                repository_id=foreign,
                branch="main",
                commit_sha=COMMIT,
                analyzer_version=ANALYZER_VERSION,
                root_directory="",
                plan={},
            )
        )
    async with resources.db.transaction() as session:
        asked = (COMMIT, ANALYZER_VERSION, "")
        assert await analyses.find_analysis(session, foreign, *asked) is not None
        assert await analyses.find_analysis(session, mine, *asked) is None
        newest = {"branch": None, "root_directory": None}
        assert await analyses.find_newest_analysis(session, foreign, **newest) is not None
        assert await analyses.find_newest_analysis(session, mine, **newest) is None


async def test_a_variable_or_environment_of_the_same_name_elsewhere_is_not_found(
    resources: Resources,
) -> None:
    ours, theirs = await team(resources), await team(resources, "Other")
    mine, foreign = (
        Project(organization_id=each.id, name="shop", slug="shop") for each in (ours, theirs)
    )
    async with resources.db.transaction() as session:
        session.add_all([mine, foreign])
        await session.flush()
        session.add(
            EnvironmentVariable(
                organization_id=theirs.id,
                project_id=foreign.id,
                environment="production",
                key="KEY",
                is_secret=True,
            )
        )
        session.add(
            Environment(
                organization_id=theirs.id,
                project_id=foreign.id,
                name="staging",
                host="shop-staging",
            )
        )
    async with resources.db.transaction() as session:
        assert await store.find_variable(session, foreign.id, "production", "KEY") is not None
        assert await store.find_variable(session, mine.id, "production", "KEY") is None
        assert await store.any_secret(session, foreign.id, "production", ["KEY"])
        assert not await store.any_secret(session, mine.id, "production", ["KEY"])
        assert await store.find_environment(session, foreign.id, "staging") is not None
        assert await store.find_environment(session, mine.id, "staging") is None


async def test_a_variable_refers_to_projects_of_its_own_organization_alone(
    resources: Resources,
) -> None:
    ours = await team(resources)
    other = await create_organization(resources, ours.owner, OrganizationInput(name="Other"))
    person = await refreshed(resources, ours.owner)
    shop = Project(organization_id=ours.id, name="shop", slug="shop")
    async with resources.db.transaction() as session:
        session.add_all([shop, Project(organization_id=other.id, name="api", slug="api")])
    wanted = VariableInput(key="API", value="${{ projects.api.url }}")
    with pytest.raises(InvalidInput, match="no project api"):
        await variables.create_variable(resources, person, shop.id, wanted)
    async with resources.db.transaction() as session:
        session.add(Project(organization_id=ours.id, name="api", slug="api"))
    await variables.create_variable(resources, person, shop.id, wanted)
