"""Databases at Render: PostgreSQL and Key Value.

Nobody is let in from outside. The URL is the internal one, which works for services at Render that
are in the same region and account; that of a Key Value has no password.
"""

import contextlib
from collections.abc import Iterator
from uuid import UUID

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import OutcomeUnknown
from autodeploy.kernel.http.outages import outlast
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import LogSink
from autodeploy.providers.databases import (
    DatabaseHandle,
    DatabaseMetrics,
    DatabaseRequest,
    DatabaseState,
)
from autodeploy.providers.drift import DeclaredDatabase, Drift, DriftKind
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.catalogue import FREE, MANIFEST
from autodeploy.providers.render.database_kinds import KINDS, DatabaseKind, engine_of, kind_of
from autodeploy.providers.render.database_shapes import Database, DatabaseStatus
from autodeploy.providers.render.metrics import measure_database
from autodeploy.providers.render.naming import database_name, is_database_of
from autodeploy.providers.render.patience import (
    find,
    look_for,
    outwait_limit,
    poll_seconds,
)
from autodeploy.providers.render.services import owner_of
from autodeploy.providers.render.usage import charges_of_database
from autodeploy.providers.usage import Charge, Usage

_AVAILABLE_SECONDS = 1200.0
# Who is let in from outside.
_NOBODY: list[object] = []
_BROKEN = {DatabaseStatus.UNAVAILABLE, DatabaseStatus.RECOVERY_FAILED}
# What to do about a status in which a database stays.
_LASTING = {
    DatabaseStatus.SUSPENDED: "Resume it in Render's dashboard: deployments resume none.",
    **dict.fromkeys(_BROKEN, "See why in Render's dashboard, and restart it there."),
}


class RenderDatabases:
    """``region`` is where a database is made that names none."""

    manifest = MANIFEST

    def __init__(
        self,
        api: RenderApi,
        *,
        owner_id: str | None,
        region: str,
        timing: Timing,
    ):
        self._api = api
        self._owner_id = owner_id
        self._region = region
        self._timing = timing

    @fault_point("render.ensure_database")
    async def ensure_database(self, request: DatabaseRequest, log: LogSink) -> DatabaseHandle:
        """A database of its own, with the user and password that Render chose.

        Raises ``ProviderRefused`` where Render asks for payment information (402), or where the
        workspace has its one free database of the kind already, and ``DeploymentFailed`` when it
        breaks.
        """
        kind = KINDS[request.engine]
        known = request.notes.values.get(kind.item)
        database = None if known is None else await find(self._api.database(kind, known))
        if database is None:
            database = await self._named(kind, request) or await self._create(kind, request, log)
        await request.notes.keep(**{kind.item: database.id})
        database = await self._available(kind, database.id, log)
        info = await self._api.connection_info(kind, database.id)
        await log("info", "database", f"The database {database.name} at Render is ready.")
        if database.expires_at is not None:
            expiry = f"{database.expires_at:%Y-%m-%d}"
            await log("warn", "database", f"Render deletes this free database after {expiry}.")
        if request.plan == FREE and kind.free_warning is not None:
            await log("warn", "database", kind.free_warning)
        return DatabaseHandle(database.id, info.internal)

    @fault_point("render.destroy_database")
    async def destroy_database(self, external_id: str) -> None:
        """By Render's id, or by the id of a database of ours. One that is gone is done."""
        with contextlib.suppress(ValueError):
            database_id = UUID(external_id)
            owner_id = await owner_of(self._api, self._owner_id)
            for kind in KINDS.values():
                for each in await self._api.list_databases(kind, owner_id):
                    if is_database_of(each.name, database_id):
                        await self._api.delete_database(kind, each.id)
            return
        await self._api.delete_database(kind_of(external_id), external_id)

    async def database_state(self, external_id: str) -> DatabaseState:
        database = await find(self._api.database(kind_of(external_id), external_id))
        if database is None:
            return DatabaseState.GONE
        is_stopped = database.status is DatabaseStatus.SUSPENDED
        return DatabaseState.STOPPED if is_stopped else DatabaseState.RUNNING

    async def compare_database(self, declared: DeclaredDatabase) -> tuple[Drift, ...]:
        """Its plan, whether it runs, and who is let in."""
        kind = kind_of(declared.external_id)
        database = await find(self._api.database(kind, declared.external_id))
        if database is None:
            return (Drift(DriftKind.DATABASE, stays=True),)
        return tuple(_differences(database, declared.plan))

    @fault_point("render.close_database")
    async def mend_database(self, external_id: str) -> None:
        """Let nobody in from outside again."""
        change = {"ipAllowList": _NOBODY}
        await find(self._api.change_database(kind_of(external_id), external_id, change))

    async def charged_plan(self, plan: str) -> str:
        return plan

    async def measure_database(self, external_id: str) -> DatabaseMetrics:
        return await measure_database(self._api, external_id, self._timing.now())

    async def database_charges(self, external_id: str) -> tuple[Charge, ...]:
        database = await self._api.database(kind_of(external_id), external_id)
        return charges_of_database(database, engine_of(external_id))

    async def database_usage(self, external_id: str) -> tuple[Usage, ...]:
        """Nothing: Render counts the traffic of services alone."""
        return ()

    async def _named(self, kind: DatabaseKind, request: DatabaseRequest) -> Database | None:
        owner_id = await owner_of(self._api, self._owner_id)
        name = database_name(request.app, request.database_id)
        return next(iter(await self._api.list_databases(kind, owner_id, name)), None)

    @fault_point("render.create_database")
    async def _create(self, kind: DatabaseKind, request: DatabaseRequest, log: LogSink) -> Database:
        name = database_name(request.app, request.database_id)
        body = {
            "name": name,
            "ownerId": await owner_of(self._api, self._owner_id),
            "plan": request.plan,
            "region": request.region or self._region,
            "ipAllowList": _NOBODY,
            **kind.settings,
        }
        await request.notes.keep(creating=name)
        try:
            return await outwait_limit(
                lambda: self._api.create_database(kind, body),
                "makes more databases",
                log,
                self._timing,
            )
        except OutcomeUnknown:
            found = await look_for(lambda: self._named(kind, request), self._timing)
            if found is None:
                raise
            return found

    async def _available(self, kind: DatabaseKind, database_id: str, log: LogSink) -> Database:
        begun = self._timing.monotonic()
        while True:
            database = await outlast(lambda: self._api.database(kind, database_id), self._timing)
            if database.status is DatabaseStatus.AVAILABLE:
                return database
            _refuse(kind, database)
            waited = self._timing.monotonic() - begun
            if waited == 0:
                await log("info", "database", f"Render makes the database {database.name}.")
            if waited >= _AVAILABLE_SECONDS:
                raise DeploymentFailed(
                    f"The database {database.name} is not available at Render after "
                    f"{_AVAILABLE_SECONDS / 60:.0f} min.",
                    remedy="See in Render's dashboard what it waits for, and try again.",
                )
            await self._timing.sleep(poll_seconds(waited))


def _refuse(kind: DatabaseKind, database: Database) -> None:
    """Raise for a status that does not pass by itself."""
    if database.status is DatabaseStatus.SUSPENDED:
        raise DeploymentFailed(
            f"The database {database.name} is suspended at Render.",
            remedy=f"Resume it in Render's dashboard (or POST {kind.path}/{{id}}/resume) and try "
            "again.",
        )
    if database.status in _BROKEN:
        raise DeploymentFailed(
            f"The database {database.name} does not work at Render (its status is "
            f"{database.status.value}).",
            remedy="See why in Render's dashboard; restart it there, or delete it and try again.",
        )


def _differences(database: Database, plan: str) -> Iterator[Drift]:
    remedy = _LASTING.get(database.status)
    if remedy is not None:
        found = database.status.value.replace("_", " ")
        yield Drift(DriftKind.DATABASE_STATE, None, "available", found, True, remedy)
    if database.plan not in (None, plan):
        yield Drift(
            DriftKind.DATABASE_PLAN, declared=plan, found=database.plan, stays=True,
            remedy=f"Set the plan {plan} in Render's dashboard. AutoDeploy changes no plan of a "
            "database that is there.",
        )  # fmt: skip
    if database.allow_list:
        let_in = ", ".join(each.block for each in database.allow_list)
        yield Drift(DriftKind.DATABASE_ALLOW_LIST, declared="nobody", found=let_in)
