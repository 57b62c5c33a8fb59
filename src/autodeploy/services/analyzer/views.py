"""Repositories as callers see them, with by what they are read."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.analyzer.schemas import RepositoryReader, RepositoryView
from autodeploy.services.auth.models import ProviderIntegration


async def repository_views(
    session: AsyncSession, rows: Sequence[Repository]
) -> list[RepositoryView]:
    """In the order of ``rows``, which the caller may see."""
    connections = {row.connection_id for row in rows if row.connection_id is not None}
    found = await session.scalars(
        select(ProviderIntegration).where(ProviderIntegration.id.in_(connections))
    )
    names = {each.id: (each.details or {}).get("accountName") for each in found}
    return [_view(row, names) for row in rows]


async def repository_view(session: AsyncSession, row: Repository) -> RepositoryView:
    """As ``repository_views``."""
    return (await repository_views(session, [row]))[0]


def _view(row: Repository, names: Mapping[UUID, str | None]) -> RepositoryView:
    shown = RepositoryView.model_fields.keys() - {"read_by"}
    columns = {name: getattr(row, name) for name in shown}
    return RepositoryView(**columns, read_by=_reader(row, names))


def _reader(row: Repository, names: Mapping[UUID, str | None]) -> RepositoryReader | None:
    if row.kind == RepositoryKind.UPLOAD:
        return None
    if row.kind == RepositoryKind.GITHUB:
        if row.github_installation_id is not None:
            return RepositoryReader(by="installation")
        if row.connection_id is not None and row.connection_id in names:
            return RepositoryReader(by="account", account=names[row.connection_id])
    return None if row.private else RepositoryReader(by="git")
