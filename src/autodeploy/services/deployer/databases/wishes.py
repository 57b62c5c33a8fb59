"""Which database a deployment gives its app: what is there, else what is asked for, else what the
production environment has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import Conflict
from autodeploy.services.deployer.app_environment import MAIN_DATABASE
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.store import find_database
from autodeploy.services.deployer.naming import PRODUCTION

_DEFAULT_PROVIDER = "local"
_DEFAULT_PLAN = "free"
_WITHIN = "configuration.database."


@dataclass(frozen=True)
class AppPlace:
    """Where an app is to run; ``region`` None is the provider's choice."""

    provider: str
    region: str | None


@dataclass(frozen=True)
class WantedDatabase:
    """The main database of an environment, as it is or is to be made. ``row`` is what there is of
    it; ``connection_id`` None is chosen by whoever asks."""

    provider: str
    plan: str
    region: str | None
    connection_id: UUID | None
    row: ProjectDatabase | None

    def as_columns(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "plan": self.plan,
            "region": self.region,
            "connection_id": self.connection_id,
        }


def is_made(row: ProjectDatabase) -> bool:
    """Whether it holds, or may hold, what somebody has stored: such a one is never replaced."""
    return row.external_id is not None and row.status != "deleting"


async def choose_database(
    session: AsyncSession,
    project_id: UUID,
    environment: str,
    app: AppPlace,
    wish: Mapping[str, Any],
) -> WantedDatabase:
    """What becomes of a wish, of which each part may be None. One that is made stays as it is, and
    of one that is not the wish is taken over.

    Raises ``Conflict`` for a wish that one that is made does not meet.
    """
    row = await find_database(session, project_id, environment, MAIN_DATABASE)
    if row is not None and is_made(row):
        _require_met(row, wish)
        return WantedDatabase(row.provider, row.plan, row.region, row.connection_id, row)
    pattern = row or await find_database(session, project_id, PRODUCTION, MAIN_DATABASE)
    usual = _DEFAULT_PROVIDER if pattern is None else pattern.provider
    provider = wish.get("provider") or usual
    like = pattern if pattern is not None and pattern.provider == provider else None
    regions = (
        wish.get("region"),
        None if row is None or like is None else row.region,
        app.region if app.provider == provider else None,
        None if like is None else like.region,
    )
    connection_id = wish.get("connection_id")
    if connection_id is None and like is not None:
        connection_id = like.connection_id
    return WantedDatabase(
        provider=provider,
        plan=wish.get("plan") or (like.plan if like else _DEFAULT_PLAN),
        region=next((each for each in regions if each is not None), None),
        connection_id=None if connection_id is None else UUID(str(connection_id)),
        row=row,
    )


def require_same(
    row: ProjectDatabase, asked: Mapping[str, Any], *, within: str = "", remedy: str
) -> None:
    """Raise ``Conflict`` where the database is of another engine or plan, at another provider or in
    another region than is asked for; what is None is not asked for.

    Args:
        within: what stands before the names of the fields.
    """
    for field in ("engine", "provider", "plan", "region"):
        if asked.get(field) is not None and getattr(row, field) != asked[field]:
            raise Conflict(
                f"{row.environment} has a database {row.name} with the {field} "
                f"{getattr(row, field) or 'that its provider chose'}.",
                field=f"{within}{field}",
                remedy=remedy,
            )


def _require_met(row: ProjectDatabase, wish: Mapping[str, Any]) -> None:
    require_same(
        row,
        wish,
        within=_WITHIN,
        remedy="Leave `configuration.database` (--database-provider) out to go on with it. For "
        "another one, save what it holds, delete it "
        f"(`autodeploy db delete {row.name} --environment {row.environment} --force`) and deploy "
        "again.",
    )
