"""Rows within reach of a caller who sees all of one organization and a project of two others."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.db import Database
from autodeploy.services.analyzer import store as repositories
from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.auth.models import Organization
from autodeploy.services.auth.reach import Reach
from autodeploy.services.deployer import store as projects
from autodeploy.services.deployer.models import Project

WHOLE, LIMITED, ALSO_LIMITED, FOREIGN = "whole", "limited", "also-limited", "foreign"


@dataclass(frozen=True)
class Estate:
    """The organizations and projects by name; a repository is named as the project before it."""

    organizations: dict[str, UUID]
    projects: dict[str, UUID]

    @property
    def reach(self) -> Reach:
        return Reach(
            whole={self.organizations[WHOLE]},
            limited={self.organizations[LIMITED], self.organizations[ALSO_LIMITED]},
            projects={self.projects["limited-1"], self.projects["also-limited-1"]},
        )


@pytest.fixture
async def estate(database: Database) -> Estate:
    """Four organizations with two projects each, and a repository behind each project."""
    organizations = {name: uuid4() for name in (WHOLE, LIMITED, ALSO_LIMITED, FOREIGN)}
    made = {}
    async with database.transaction() as session:
        for name, id_ in organizations.items():
            session.add(Organization(id=id_, name=name, slug=name))
            await session.flush()
            for number in (1, 2):
                made[f"{name}-{number}"] = await _project(session, id_, f"{name}-{number}")
    return Estate(organizations, made)


async def _project(session: AsyncSession, organization_id: UUID, name: str) -> UUID:
    repository = Repository(
        id=uuid4(), organization_id=organization_id, kind=RepositoryKind.UPLOAD, full_name=name,
        url="",
    )  # fmt: skip
    session.add(repository)
    await session.flush()
    project = Project(
        id=uuid4(), organization_id=organization_id, repository_id=repository.id, name=name,
        slug=name,
    )  # fmt: skip
    session.add(project)
    await session.flush()
    return project.id


async def _names(session: AsyncSession, reach: Reach) -> tuple[list[str], list[str]]:
    """The projects and the repositories within reach."""
    page = {"q": None, "limit": 20, "cursor": None}
    seen, _ = await projects.list_projects(session, reach, **page)
    behind, _ = await repositories.list_repositories(session, reach, **page)
    return sorted(each.name for each in seen), sorted(each.full_name for each in behind)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (None, ["also-limited-1", "limited-1", "whole-1", "whole-2"]),
        (WHOLE, ["whole-1", "whole-2"]),
        (LIMITED, ["limited-1"]),
        (FOREIGN, []),
    ],
)
async def test_reach_holds_all_of_some_organizations_and_single_projects_of_others(
    database: Database, estate: Estate, part: str | None, expected: list[str]
) -> None:
    reach = estate.reach if part is None else estate.reach.within(estate.organizations[part])
    async with database.transaction() as session:
        assert await _names(session, reach) == (expected, expected)
