"""Writes the variables of one environment as one change, which has a version."""

from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.resources import Resources
from autodeploy.services.analyzer.plan import DATABASE_VARIABLE
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.app_environment import (
    looks_secret,
    sealed_variable,
    variable_place,
)
from autodeploy.services.deployer.models import Environment, EnvironmentVariable, Project
from autodeploy.services.deployer.references import (
    DatabaseReference,
    ProjectReference,
    VariableReference,
    parse,
    references_of,
)
from autodeploy.services.deployer.variable_schemas import VariableScope
from autodeploy.services.deployer.variable_versions import Change, record_version


class VariableWriter:
    """Writes variables of one environment as one change. The environment's row is held."""

    def __init__(
        self,
        resources: Resources,
        session: AsyncSession,
        principal: Principal,
        project: Project,
        environment: Environment,
    ):
        self._resources = resources
        self._session = session
        self._principal = principal
        self._project = project
        self._environment = environment
        self._change = Change()
        self._referring: list[tuple[EnvironmentVariable, frozenset[str]]] = []

    async def put(
        self,
        key: str,
        value: str | None,
        is_secret: bool | None,
        scope: VariableScope | None,
        *,
        field: str,
    ) -> EnvironmentVariable:
        """Set or change a variable; None leaves as it is, or as it is for a new one.

        Args:
            field: what an error about the value names.

        Raises:
            InvalidInput: the value holds what is no reference, or refers to a project that the
                caller does not see.
        """
        keys = await self._look_at(value, field) if value is not None else frozenset()
        reveals = await self._any_secret(keys)
        row = await self._write(key, value, True if reveals else is_secret, scope)
        self._referring.append((row, keys))
        return row

    async def copy(
        self, key: str, value: str, is_secret: bool, scope: VariableScope
    ) -> EnvironmentVariable:
        """Set a variable to what another environment has, which was checked when it was set."""
        return await self._write(key, value, is_secret, scope)

    async def remove(self, row: EnvironmentVariable) -> None:
        await self._record(row, before=audit.snapshot(row))
        self._change.then(Change(removed={row.key}))
        await self._session.delete(row)

    async def finish(self) -> None:
        """Number what was done, once what refers to a secret that came after it is one too."""
        await self._session.flush()
        while revealing := [
            row
            for row, keys in self._referring
            if not row.is_secret and await self._any_secret(keys)
        ]:
            for row in revealing:
                before = audit.snapshot(row)
                row.is_secret, row.updated_at = True, now()
                await self._session.flush()
                await self._record(row, before=before, after=audit.snapshot(row))
        await record_version(self._session, self._principal, self._environment, self._change)

    async def _write(
        self,
        key: str,
        value: str | None,
        is_secret: bool | None,
        scope: VariableScope | None,
    ) -> EnvironmentVariable:
        row = await store.find_variable(
            self._session, self._project.id, self._environment.name, key, lock=True
        )
        if row is None:
            return await self._insert(key, value or "", is_secret, scope)
        before = audit.snapshot(row)
        changed = False
        if value is not None and value != await open_value(self._resources, row):
            row.encrypted_value = await _seal(self._resources, row, value)
            changed = True
        if is_secret is not None and is_secret != row.is_secret:
            row.is_secret = is_secret
            changed = True
        if scope is not None and scope != row.scope:
            row.scope = scope
            changed = True
        if changed:
            row.updated_at = now()
            await self._session.flush()
            self._change.then(Change(changed={key}))
        await self._record(row, before=before, after=audit.snapshot(row))
        return row

    async def _insert(
        self, key: str, value: str, is_secret: bool | None, scope: VariableScope | None
    ) -> EnvironmentVariable:
        row = EnvironmentVariable(
            organization_id=self._project.organization_id,
            project_id=self._project.id,
            environment=self._environment.name,
            key=key,
            is_secret=looks_secret(key, value) if is_secret is None else is_secret,
            scope=scope or VariableScope.BOTH,
            created_at=(moment := now()),
            updated_at=moment,
        )
        row.encrypted_value = await _seal(self._resources, row, value)
        self._session.add(row)
        await self._session.flush()
        self._change.then(Change(added={key}))
        await self._record(row, after=audit.snapshot(row))
        return row

    async def _look_at(self, value: str, field: str) -> frozenset[str]:
        """The variables that a value refers to; for a secret part of a database its own."""
        references = references_of(parse(value, field=field))
        for slug in {one.slug for one in references if isinstance(one, ProjectReference)}:
            await self._require_visible(slug, field)
        keys = {one.key for one in references if isinstance(one, VariableReference)}
        if any(isinstance(one, DatabaseReference) and one.part.is_secret for one in references):
            keys.add(DATABASE_VARIABLE)
        return frozenset(keys)

    async def _any_secret(self, keys: frozenset[str]) -> bool:
        # Where nobody sets it, it is the database's, and a secret.
        return DATABASE_VARIABLE in keys or await store.any_secret(
            self._session, self._project.id, self._environment.name, keys
        )

    async def _require_visible(self, slug: str, field: str) -> None:
        reach = self._principal.reach.within(self._project.organization_id)
        if await store.find_project_named(self._session, reach, slug) is None:
            raise InvalidInput(
                f"The organization of this project has no project {slug}.",
                field=field,
                remedy="Name a project that you can see by its slug; `autodeploy projects` lists "
                "them.",
            )

    async def _record(
        self,
        row: EnvironmentVariable,
        *,
        before: audit.Snapshot | None = None,
        after: audit.Snapshot | None = None,
    ) -> None:
        await audit.record(
            self._session,
            self._principal,
            Action.VARIABLE_WRITE,
            row,
            before=before,
            after=after,
        )


async def _seal(resources: Resources, row: EnvironmentVariable, value: str) -> str:
    place = variable_place(row)
    return await resources.vault.encrypt_for(place.subject, value, context=place.context)


async def open_value(resources: Resources, row: EnvironmentVariable) -> str:
    """The value of a variable, also of a secret one."""
    return (await resources.vault.decrypt_many([sealed_variable(row)]))[0]
