"""Analyses are kept by commit, and a commit may be in repositories of several tenants."""

from uuid import UUID

from tests.services.auth.people import Team, team

from autodeploy.kernel.resources import Resources
from autodeploy.services.analyzer import store
from autodeploy.services.analyzer.models import Repository, RepositoryAnalysis, RepositoryKind
from autodeploy.services.analyzer.plan import ANALYZER_VERSION

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
        assert await store.find_analysis(session, foreign, *asked) is not None
        assert await store.find_analysis(session, mine, *asked) is None
        newest = {"branch": None, "root_directory": None}
        assert await store.find_newest_analysis(session, foreign, **newest) is not None
        assert await store.find_newest_analysis(session, mine, **newest) is None
