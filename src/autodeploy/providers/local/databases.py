"""The databases of this machine, as the rest of AutoDeploy asks for them."""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote
from uuid import UUID

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.providers.base import LogSink
from autodeploy.providers.databases import (
    DatabaseDump,
    DatabaseHandle,
    DatabaseMetrics,
    DatabaseRequest,
    StatementMetrics,
    TableContents,
)
from autodeploy.providers.local.client import AgentClient
from autodeploy.providers.local.layout import database_name


class LocalDatabases:
    """Asks the agent, which owns the apps' PostgreSQL."""

    def __init__(self, agent: AgentClient):
        self._agent = agent

    @fault_point("local.ensure_database")
    async def ensure_database(self, request: DatabaseRequest, log: LogSink) -> DatabaseHandle:
        """A PostgreSQL database of the app's own on this machine; sets a new password."""
        answer = await self._agent.call("PUT", f"/databases/{request.database_id}")
        await log("info", "database", "The PostgreSQL database on this machine is ready.")
        return DatabaseHandle(**answer)

    @fault_point("local.destroy_database")
    async def destroy_database(self, external_id: str) -> None:
        """Drop the database and its roles, by the name or by the id of a database of ours."""
        with contextlib.suppress(ValueError):
            external_id = database_name(UUID(external_id))
        await self._agent.call("DELETE", _path(external_id))

    async def measure_database(self, external_id: str) -> DatabaseMetrics:
        """What PostgreSQL counts of the database. Raises ``NotFound``."""
        answer = await self._agent.call("GET", f"{_path(external_id)}/metrics")
        slowest = tuple(StatementMetrics(**each) for each in answer.pop("slowest_statements"))
        return DatabaseMetrics(**answer, slowest_statements=slowest)

    @fault_point("local.open_login")
    async def open_login(self, external_id: str, beside: str) -> DatabaseHandle:
        """The other one of the database's two logins, with a new password."""
        path, body = f"{_path(external_id)}/logins", {"beside": beside}
        return DatabaseHandle(**await self._agent.call("POST", path, body=body))

    @fault_point("local.close_login")
    async def close_login(self, external_id: str, login: str) -> None:
        """End a login and its sessions."""
        await self._agent.call("DELETE", f"{_path(external_id)}/logins/{quote(login, safe='')}")

    @asynccontextmanager
    async def dump_database(self, external_id: str) -> AsyncIterator[DatabaseDump]:
        """A dump by pg_dump, and what the tables held in its snapshot."""
        async with self._agent.stream("GET", f"{_path(external_id)}/dump") as answer:
            chunks = answer.aiter_bytes()
            head = b""
            async for chunk in chunks:
                head += chunk
                if b"\n" in chunk:
                    break
            line, end, begun = head.partition(b"\n")
            if not end:
                raise Unavailable("The runtime of this machine ended a dump before it began.")
            yield DatabaseDump(_tables(json.loads(line)["tables"]), _join(begun, chunks))

    @fault_point("local.restore_copy")
    async def restore_copy(
        self, external_id: str, chunks: AsyncIterator[bytes], *, keep_as: str | None = None
    ) -> tuple[TableContents, ...]:
        """Bring a dump back into a scratch database beside the database."""
        query = {"keep_as": keep_as} if keep_as else None
        path = f"{_path(external_id)}/copy"
        async with self._agent.stream("PUT", path, content=chunks, query=query) as answer:
            return _tables(json.loads(await answer.aread())["tables"])
        raise AssertionError("unreachable")

    @fault_point("local.adopt_copy")
    async def adopt_copy(self, external_id: str, restore: str) -> None:
        """Rename the scratch database to the database, whose sessions end."""
        await self._agent.call("PUT", f"{_path(external_id)}/restored", body={"restore": restore})

    @fault_point("local.discard_copy")
    async def discard_copy(self, external_id: str) -> None:
        """Drop the scratch database."""
        await self._agent.call("DELETE", f"{_path(external_id)}/copy")

    async def restored_by(self, external_id: str) -> str | None:
        """The mark that the scratch database had when it was renamed."""
        answer = await self._agent.call("GET", f"{_path(external_id)}/restored")
        mark: str | None = answer["restore"]
        return mark


def _path(external_id: str) -> str:
    return f"/databases/{quote(external_id, safe='')}"


def _tables(found: Sequence[dict[str, Any]]) -> tuple[TableContents, ...]:
    return tuple(TableContents(**each) for each in found)


async def _join(begun: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if begun:
        yield begun
    async for chunk in rest:
        yield chunk
