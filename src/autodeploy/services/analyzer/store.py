"""Queries over repositories and analyses. Reads on behalf of a caller take its reach."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.search import Searched, index_on
from autodeploy.services.analyzer.models import (
    REPOSITORY_DOCUMENT,
    Repository,
    RepositoryAnalysis,
    RepositoryKind,
)
from autodeploy.services.auth.reach import Reach

_SEARCHED = Searched(
    document=REPOSITORY_DOCUMENT,
    function="autodeploy_search_repositories",
    weights=index_on(REPOSITORY_DOCUMENT),
    name=Repository.full_name,
    created_at=Repository.created_at,
    row_id=Repository.id,
)


async def find_repository(
    session: AsyncSession,
    reach: Reach,
    repository_id: UUID,
    *,
    lock: bool = False,
) -> Repository | None:
    """A repository within reach."""
    statement = select(Repository).where(
        Repository.id == repository_id,
        reach.covers_repository(Repository.organization_id, Repository.id),
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def find_any_repository(session: AsyncSession, repository_id: UUID) -> Repository | None:
    """A repository whoever owns it: for jobs, whose ids come from our own rows."""
    return await session.get(Repository, repository_id)


async def find_git_repository(
    session: AsyncSession, organization_id: UUID, *urls: str, lock: bool = False
) -> Repository | None:
    """The organization's repository that git reads at one of these URLs."""
    statement = (
        select(Repository)
        .where(
            Repository.organization_id == organization_id,
            Repository.url.in_(urls),
            Repository.kind == RepositoryKind.GIT,
        )
        .order_by(Repository.created_at)
        .limit(1)
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def find_github_repository(
    session: AsyncSession,
    organization_id: UUID,
    *,
    github_id: int | None = None,
    url: str | None = None,
    lock: bool = False,
) -> Repository | None:
    """The organization's repository at GitHub, by its number or its URL there."""
    named = Repository.url == url if github_id is None else Repository.github_id == github_id
    statement = (
        select(Repository)
        .where(
            Repository.organization_id == organization_id,
            Repository.kind == RepositoryKind.GITHUB,
            named,
        )
        .order_by(Repository.updated_at.desc())
        .limit(1)
    )
    return await session.scalar(statement.with_for_update() if lock else statement)


async def insert_github_repository(
    session: AsyncSession, organization_id: UUID, github_id: int, values: dict[str, Any]
) -> tuple[Repository, bool]:
    """A new row of a repository at GitHub, or the one that somebody has made meanwhile; and
    whether it is new."""
    inserted = await session.scalar(
        insert(Repository)
        .values(
            organization_id=organization_id,
            kind=RepositoryKind.GITHUB,
            github_id=github_id,
            **values,
        )
        .on_conflict_do_nothing(index_elements=("organization_id", "github_id"))
        .returning(Repository.id)
    )
    row = await find_github_repository(session, organization_id, github_id=github_id, lock=True)
    assert row is not None  # inserted here, or in the way of it
    return row, inserted is not None


async def find_added(
    session: AsyncSession, reach: Reach, github_ids: Sequence[int]
) -> dict[int, UUID]:
    """Which of these repositories at GitHub were added within reach: their ids here, by those
    there; of several organizations, that of the first."""
    rows = await session.execute(
        select(Repository.github_id, Repository.id)
        .where(
            Repository.github_id.in_(github_ids),
            reach.covers_repository(Repository.organization_id, Repository.id),
        )
        .order_by(Repository.created_at.desc())
    )
    return {github_id: row_id for github_id, row_id in rows if github_id is not None}


async def create_repository(
    session: AsyncSession,
    *,
    organization_id: UUID,
    kind: RepositoryKind,
    full_name: str,
    url: str,
    default_branch: str,
) -> Repository:
    repository = Repository(
        organization_id=organization_id,
        kind=kind,
        full_name=full_name,
        url=url,
        default_branch=default_branch,
    )
    session.add(repository)
    await session.flush()
    await session.refresh(repository)
    return repository


async def list_repositories(
    session: AsyncSession,
    reach: Reach,
    *,
    q: str | None,
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[Repository], str | None]:
    """A page of repositories and the cursor of the next: newest first, or with ``q`` by rank."""
    statement = select(Repository).where(
        reach.covers_repository(Repository.organization_id, Repository.id)
    )
    return await _SEARCHED.list_page(
        session, statement, reach.whole | reach.limited, q=q, limit=limit, cursor=cursor
    )


async def find_analysis(
    session: AsyncSession,
    repository_id: UUID,
    commit_sha: str,
    analyzer_version: str,
    root_directory: str,
) -> RepositoryAnalysis | None:
    return await session.scalar(
        select(RepositoryAnalysis).where(
            RepositoryAnalysis.repository_id == repository_id,
            RepositoryAnalysis.commit_sha == commit_sha,
            RepositoryAnalysis.analyzer_version == analyzer_version,
            RepositoryAnalysis.root_directory == root_directory,
        )
    )


async def find_newest_analysis(
    session: AsyncSession, repository_id: UUID, *, branch: str | None, root_directory: str | None
) -> RepositoryAnalysis | None:
    """The newest analysis, of one branch or root directory where these are given."""
    statement = select(RepositoryAnalysis).where(RepositoryAnalysis.repository_id == repository_id)
    if branch is not None:
        statement = statement.where(RepositoryAnalysis.branch == branch)
    if root_directory is not None:
        statement = statement.where(RepositoryAnalysis.root_directory == root_directory)
    return await session.scalar(
        statement.order_by(
            RepositoryAnalysis.created_at.desc(), RepositoryAnalysis.id.desc()
        ).limit(1)
    )


async def save_analysis(session: AsyncSession, values: dict[str, Any]) -> RepositoryAnalysis:
    """Store an analysis in the place of an older one of the same commit, version and root."""
    statement = insert(RepositoryAnalysis).values(values)
    key = ("repository_id", "commit_sha", "analyzer_version", "root_directory")
    renewed = {name: statement.excluded[name] for name in values if name not in key}
    saved = await session.scalars(
        statement.on_conflict_do_update(
            index_elements=key, set_={**renewed, "created_at": func.clock_timestamp()}
        ).returning(RepositoryAnalysis),
        execution_options={"populate_existing": True},
    )
    return saved.one()
