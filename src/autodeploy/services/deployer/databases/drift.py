"""The databases of an environment, compared with how they were asked for, and set so again.

None is ever made here: one that is gone is told.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.resources import Resources
from autodeploy.providers.drift import ComparedDatabases, DeclaredDatabase, Drift, DriftKind
from autodeploy.providers.hosted import AccountMissing
from autodeploy.providers.manifests import Capability
from autodeploy.providers.registry import Registry
from autodeploy.services.auth import audit
from autodeploy.services.auth.connection_checks import doubting
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.token_connections import open_account
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.provisioning import remedy_of_gone
from autodeploy.services.deployer.databases.store import find_databases

# What is being made, paused or deleted is no longer, or not yet, as it was asked for.
_SETTLED = ("available", "paused", "error")


@dataclass(frozen=True)
class DatabaseDrifts:
    """Where a database differs, or why its provider does not tell."""

    database: ProjectDatabase
    drifts: tuple[Drift, ...] = ()
    reason: str | None = None


async def list_comparable(
    session: AsyncSession, project_id: UUID, environment: str, providers: Registry
) -> list[ProjectDatabase]:
    """Those of an environment, by name, that were made and whose provider tells how they are."""
    rows = await find_databases(session, project_id, environment)
    comparable = [
        row
        for row in rows
        if row.external_id is not None
        and row.status in _SETTLED
        and providers.can(row.provider, Capability.DATABASE_DRIFT)
    ]
    return sorted(comparable, key=lambda row: row.name)


async def compare_databases(
    resources: Resources, databases: Sequence[ProjectDatabase], *, providers: Registry
) -> list[DatabaseDrifts]:
    """Where each differs. What one provider does not tell hides nothing of the others."""

    async def compare(database: ProjectDatabase) -> DatabaseDrifts:
        try:
            drifts = await _compare(resources, database, providers=providers)
        except AutoDeployError as error:
            return DatabaseDrifts(database, reason=f"{error.message} {error.remedy}")
        return DatabaseDrifts(database, drifts)

    return list(await asyncio.gather(*map(compare, databases)))


async def mend_databases(
    resources: Resources,
    principal: Principal,
    databases: Sequence[ProjectDatabase],
    *,
    providers: Registry,
) -> None:
    """Set again what one call sets. Idempotent: whoever dies here is repeated. What no account is
    connected for is left, as ``compare_databases`` tells.

    Raises ``Forbidden`` where something is to be set and the caller may change no database, and
    what the provider raises.
    """
    for database in databases:
        try:
            drifts = await _compare(resources, database, providers=providers)
            if all(each.stays for each in drifts):
                continue
            require(principal, Action.DATABASE_UPDATE, database.organization_id)
            async with resources.db.transaction() as session:
                await audit.record(session, principal, Action.DATABASE_UPDATE, database)
            async with doubting(resources, database.connection_id):
                provider = await _provider(resources, database, providers)
                await provider.mend_database(database.external_id or "")
        except AccountMissing:
            continue


async def _compare(
    resources: Resources, database: ProjectDatabase, *, providers: Registry
) -> tuple[Drift, ...]:
    async with doubting(resources, database.connection_id):
        provider = await _provider(resources, database, providers)
        declared = DeclaredDatabase(database.external_id or "", database.plan)
        found = await provider.compare_database(declared)
    title = providers.title(database.provider)
    return tuple(
        _named(each, database, title)
        for each in found
        if not (each.kind is DriftKind.DATABASE_STATE and database.status == "paused")
    )


def _named(drift: Drift, database: ProjectDatabase, title: str) -> Drift:
    is_gone = drift.kind is DriftKind.DATABASE
    remedy = remedy_of_gone(database, title) if is_gone else drift.remedy
    return replace(drift, name=database.name, remedy=remedy)


async def _provider(
    resources: Resources, database: ProjectDatabase, providers: Registry
) -> ComparedDatabases:
    account = await open_account(resources, database.connection_id, providers=providers)
    return providers.compared_databases(database.provider, account)
