"""PostgreSQL databases at Render.

Nobody is let in from outside unless networks are named (``open_to``): then the URL is the external
one, with TLS. Else it is the internal one, which works for services at Render that are in the same
region and account.
"""

import contextlib
from collections.abc import Sequence
from uuid import UUID

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.errors import OutcomeUnknown
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import LogSink
from autodeploy.providers.databases import DatabaseHandle, DatabaseMetrics, DatabaseRequest
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.catalogue import MANIFEST
from autodeploy.providers.render.metrics import measure
from autodeploy.providers.render.naming import database_name, is_database_of
from autodeploy.providers.render.patience import look_for, outlast, outwait_limit, poll_seconds
from autodeploy.providers.render.services import owner_of
from autodeploy.providers.render.shapes import Postgres, PostgresStatus

_VERSION = "17"
_AVAILABLE_SECONDS = 1200.0
_BROKEN = {PostgresStatus.UNAVAILABLE, PostgresStatus.RECOVERY_FAILED}


class RenderDatabases:
    """``region`` is where a database is made that names none."""

    manifest = MANIFEST

    def __init__(
        self,
        api: RenderApi,
        *,
        owner_id: str | None,
        region: str,
        open_to: Sequence[str],
        timing: Timing,
    ):
        self._api = api
        self._owner_id = owner_id
        self._region = region
        self._open_to = open_to
        self._timing = timing

    @fault_point("render.ensure_database")
    async def ensure_database(self, request: DatabaseRequest, log: LogSink) -> DatabaseHandle:
        """A database of its own, with the user and password that Render chose.

        Raises ``ProviderRefused`` where Render asks for payment information (402), or where the
        workspace has its one free database already, and ``DeploymentFailed`` when it breaks.
        """
        known = request.notes.values.get("postgres")
        postgres = await self._named(request) if known is None else await self._api.postgres(known)
        if postgres is None:
            postgres = await self._create(request, log)
        await request.notes.keep(postgres=postgres.id)
        postgres = await self._available(postgres.id, log)
        info = await self._api.connection_info(postgres.id)
        await log("info", "database", f"The database {postgres.name} at Render is ready.")
        if postgres.expires_at is not None:
            expiry = f"{postgres.expires_at:%Y-%m-%d}"
            await log("warn", "database", f"Render deletes this free database after {expiry}.")
        return DatabaseHandle(postgres.id, info.external if self._open_to else info.internal)

    @fault_point("render.destroy_database")
    async def destroy_database(self, external_id: str) -> None:
        """By Render's id, or by the id of a database of ours. One that is gone is done."""
        with contextlib.suppress(ValueError):
            database_id = UUID(external_id)
            owner_id = await owner_of(self._api, self._owner_id)
            for each in await self._api.list_postgres(owner_id):
                if is_database_of(each.name, database_id):
                    await self._api.delete_postgres(each.id)
            return
        await self._api.delete_postgres(external_id)

    async def measure_database(self, external_id: str) -> DatabaseMetrics:
        return await measure(self._api, external_id)

    async def _named(self, request: DatabaseRequest) -> Postgres | None:
        owner_id = await owner_of(self._api, self._owner_id)
        name = database_name(request.app, request.database_id)
        return next(iter(await self._api.list_postgres(owner_id, name)), None)

    @fault_point("render.create_database")
    async def _create(self, request: DatabaseRequest, log: LogSink) -> Postgres:
        name = database_name(request.app, request.database_id)
        body = {
            "name": name,
            "ownerId": await owner_of(self._api, self._owner_id),
            "plan": request.plan,
            "version": _VERSION,
            "region": request.region or self._region,
            # An empty list closes it to everybody outside.
            "ipAllowList": [
                {"cidrBlock": each, "description": "AutoDeploy"} for each in self._open_to
            ],
        }
        await request.notes.keep(creating=name)
        try:
            return await outwait_limit(
                lambda: self._api.create_postgres(body), "makes more databases", log, self._timing
            )
        except OutcomeUnknown:
            found = await look_for(lambda: self._named(request), self._timing)
            if found is None:
                raise
            return found

    async def _available(self, postgres_id: str, log: LogSink) -> Postgres:
        begun = self._timing.monotonic()
        while True:
            postgres = await outlast(lambda: self._api.postgres(postgres_id), self._timing)
            if postgres.status is PostgresStatus.AVAILABLE:
                return postgres
            _refuse(postgres)
            waited = self._timing.monotonic() - begun
            if waited == 0:
                await log("info", "database", f"Render makes the database {postgres.name}.")
            if waited >= _AVAILABLE_SECONDS:
                raise DeploymentFailed(
                    f"The database {postgres.name} is not available at Render after "
                    f"{_AVAILABLE_SECONDS / 60:.0f} min.",
                    remedy="See in Render's dashboard what it waits for, and try again.",
                )
            await self._timing.sleep(poll_seconds(waited))


def _refuse(postgres: Postgres) -> None:
    """Raise for a status that does not pass by itself."""
    if postgres.status is PostgresStatus.SUSPENDED:
        raise DeploymentFailed(
            f"The database {postgres.name} is suspended at Render.",
            remedy="Resume it in Render's dashboard (or POST /postgres/{id}/resume) and try again.",
        )
    if postgres.status in _BROKEN:
        raise DeploymentFailed(
            f"The database {postgres.name} does not work at Render (its status is "
            f"{postgres.status.value}).",
            remedy="See why in Render's dashboard; restart it there, or delete it and try again.",
        )
