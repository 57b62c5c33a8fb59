"""Versions of an environment's variables: who changed which names when, and never a value."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.pagination import keyset, split_page
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.models import Environment, VariablesVersion
from autodeploy.services.deployer.variable_schemas import VariablesDifference, VariablesVersionView
from autodeploy.services.deployer.views import load_creators


@dataclass
class Change:
    """The names that were added, given another value, secrecy or scope, and removed."""

    added: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)

    def then(self, later: "Change") -> None:
        """Have this stand for itself and ``later`` together.

        What was removed and added again counts as changed: its value may be another.
        """
        for key in later.removed:
            if key in self.added:
                self.added.discard(key)
            else:
                self.removed.add(key)
            self.changed.discard(key)
        for key in later.added:
            if key in self.removed:
                self.removed.discard(key)
                self.changed.add(key)
            else:
                self.added.add(key)
        self.changed |= later.changed - self.added

    def reversed(self) -> "Change":
        """The way back."""
        return Change(added=self.removed, changed=self.changed, removed=self.added)


async def record_version(
    session: AsyncSession, principal: Principal, environment: Environment, change: Change
) -> None:
    """Number a change, if it is one; the caller holds the environment's row."""
    if not (change.added or change.changed or change.removed):
        return
    environment.variables_version += 1
    session.add(
        VariablesVersion(
            organization_id=environment.organization_id,
            environment_id=environment.id,
            number=environment.variables_version,
            added=sorted(change.added),
            changed=sorted(change.changed),
            removed=sorted(change.removed),
            created_by=principal.account_id,
            service_token_id=principal.service_token_id,
            # Of two that waited for the row, the second is the later one.
            created_at=func.clock_timestamp(),
        )
    )
    await session.flush()


async def list_versions(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[VariablesVersionView]:
    """The versions of an environment's variables, newest first. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        found = await _find_environment(session, principal, project_id, environment)
        if found is None:
            return Page(items=[])
        statement = select(VariablesVersion).where(VariablesVersion.environment_id == found.id)
        rows = (
            await session.scalars(
                keyset(
                    statement,
                    VariablesVersion.created_at,
                    VariablesVersion.id,
                    limit=limit,
                    cursor=cursor,
                )
            )
        ).all()
        page, following = split_page(rows, limit)
        return Page(items=await _views(session, page), next_cursor=following)


async def compare_versions(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    environment: str,
    *,
    before: int,
    after: int,
) -> VariablesDifference:
    """What changed from one version to the other, by names; 0 is what was before the first.

    Raises:
        InvalidInput: with field ``from`` or ``to``: there is no such version.
        NotFound.
    """
    async with resources.db.transaction() as session:
        found = await _find_environment(session, principal, project_id, environment)
        newest = found.variables_version if found else 0
        for name, number in (("from", before), ("to", after)):
            if not 0 <= number <= newest:
                raise InvalidInput(
                    f"The variables of {environment} have no version {number}.",
                    field=name,
                    remedy=f"Name one from 0 to {newest}; `autodeploy env history` lists them.",
                )
        first, last = sorted((before, after))
        rows = await session.scalars(
            select(VariablesVersion)
            .where(
                VariablesVersion.environment_id == (found.id if found else None),
                VariablesVersion.number > first,
                VariablesVersion.number <= last,
            )
            .order_by(VariablesVersion.number)
        )
        change = _sum(rows)
    if before > after:
        change = change.reversed()
    return VariablesDifference(
        environment=environment,
        before=before,
        after=after,
        added=sorted(change.added),
        changed=sorted(change.changed),
        removed=sorted(change.removed),
    )


def _sum(rows: Iterable[VariablesVersion]) -> Change:
    whole = Change()
    for row in rows:
        whole.then(Change(set(row.added), set(row.changed), set(row.removed)))
    return whole


async def _find_environment(
    session: AsyncSession, principal: Principal, project_id: UUID, name: str
) -> Environment | None:
    """None for one that nothing was ever set in or deployed to."""
    project = await store.get_project(session, principal.reach, project_id)
    require(principal, Action.VARIABLE_READ, project.organization_id)
    return await store.find_environment(session, project.id, name)


async def _views(
    session: AsyncSession, rows: Sequence[VariablesVersion]
) -> list[VariablesVersionView]:
    creators = await load_creators(session, rows)
    return [
        VariablesVersionView(
            number=row.number,
            added=row.added,
            changed=row.changed,
            removed=row.removed,
            created_by=creators.get(row.service_token_id or row.created_by),
            created_at=row.created_at,
        )
        for row in rows
    ]
