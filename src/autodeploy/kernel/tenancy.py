"""Whose rows a transaction may see: what row-level security in PostgreSQL is told.

The settings hold for one transaction (``set_config(…, true)``), so a pooled connection, ours or a
pooler's, carries nothing over. A transaction that is told nothing sees no row of a tenant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from sqlalchemy import Executable, Text, bindparam, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, kw_only=True)
class Tenancy:
    """Who a transaction works for.

    ``user`` and ``caller`` differ for a credential without a user: ``caller`` is the id that
    owns what is kept for a credential itself, such as the answers of idempotent requests.
    """

    organizations: frozenset[UUID] = frozenset()
    user: UUID | None = None
    caller: UUID | None = None

    def settings(self) -> dict[str, str]:
        """The settings that the policies of the schema read."""
        return {
            "organizations": "{" + ",".join(sorted(map(str, self.organizations))) + "}",
            "user": str(self.user or ""),
            "caller": str(self.caller or ""),
        }


async def tell(session: AsyncSession, settings: Mapping[str, str]) -> None:
    """Set ``autodeploy.…`` settings for the rest of the transaction."""
    await session.execute(_telling(tuple(settings)), dict(settings))


@cache
def _telling(names: tuple[str, ...]) -> Executable:
    """The statement that sets these; kept, since every transaction begins with one."""
    return select(
        *(
            func.set_config(f"autodeploy.{name}", bindparam(name, type_=Text), True)
            for name in names
        )
    )


async def join(session: AsyncSession, organization_id: UUID) -> None:
    """Let the rest of the transaction see one more organization: one that it makes or joins."""
    joined = cast(func.array_append(func.autodeploy_organizations(), organization_id), Text)
    await session.execute(select(func.set_config("autodeploy.organizations", joined, True)))
