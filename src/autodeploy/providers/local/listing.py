"""What the local provider holds: release folders, what is of an app, databases, stored builds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.local.artifact import ARTIFACTS
from autodeploy.providers.local.client import AgentClient
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.resources import FoundResource, ResourceKind


class Holdings:
    """Looks at the files, asks the agent for databases, and removes one thing at a time."""

    def __init__(self, layout: Layout, objects: ObjectStore, agent: AgentClient):
        self._layout = layout
        self._objects = objects
        self._agent = agent

    async def list(self) -> AsyncIterator[FoundResource]:
        """Raises ``Unavailable`` when the agent is away."""
        for found in await asyncio.to_thread(lambda: [*self._releases(), *self._apps()]):
            yield found
        for row in (await self._agent.call("GET", "/databases"))["databases"]:
            yield FoundResource(
                kind=ResourceKind.DATABASE,
                external_id=row["name"],
                made_at=datetime.fromtimestamp(row["made_at"], UTC),
                made_for=UUID(row["name"].removeprefix("app_")),
                size_bytes=row["size_bytes"],
            )
        async for stored in self._objects.list(ARTIFACTS):
            folder, _, name = stored.key.removeprefix(f"{ARTIFACTS}/").partition("/")
            yield FoundResource(
                kind=ResourceKind.BUILD,
                external_id=stored.key,
                made_at=stored.modified_at,
                made_for=_uuid(name.partition(".")[0]),
                app_number=int(folder) if folder.isdecimal() else None,
                size_bytes=stored.size_bytes,
            )

    async def remove(self, kind: ResourceKind, external_id: str) -> None:
        """Remove a release, an app or a build. Raises ``InvalidInput`` for what is none of ours."""
        match kind:
            case ResourceKind.RELEASE if (deployment_id := _uuid(external_id)) is not None:
                path, query = f"/instances/{deployment_id}", {"drain_seconds": 0.0}
                await self._agent.call("DELETE", path, query=query)
            case ResourceKind.APP if external_id.isdecimal():
                await self._agent.call("DELETE", f"/apps/{int(external_id)}")
            case ResourceKind.BUILD if external_id.startswith(f"{ARTIFACTS}/"):
                await self._objects.delete(external_id)
            case _:
                raise InvalidInput(f"This is no {kind.value} of this provider.", field="externalId")

    def _releases(self) -> Iterator[FoundResource]:
        # Beside them lie folders that are still being unpacked, whose names are no ids.
        for folder in self._layout.home.glob("releases/*"):
            if (deployment_id := _uuid(folder.name)) is not None:
                number = None  # unless it was deployed, not only built
                with contextlib.suppress(OSError, ValueError):
                    number = int((folder / "app-number").read_text())
                with contextlib.suppress(FileNotFoundError):
                    yield FoundResource(
                        kind=ResourceKind.RELEASE,
                        external_id=str(deployment_id),
                        made_at=_changed_at(folder),
                        made_for=deployment_id,
                        app_number=number,
                    )

    def _apps(self) -> Iterator[FoundResource]:
        """An app for each number that has a folder or a route, as old as the youngest of these."""
        changed: dict[int, datetime] = {}
        for kind in ("cache", "standby", "routes"):
            for path in self._layout.home.glob(f"{kind}/*"):
                name = path.name.removesuffix(".root")
                if name.isdecimal():
                    with contextlib.suppress(FileNotFoundError):
                        moment = _changed_at(path)
                        changed[int(name)] = max(moment, changed.get(int(name), moment))
        for number, moment in changed.items():
            yield FoundResource(
                kind=ResourceKind.APP,
                external_id=str(number),
                made_at=moment,
                app_number=number,
            )


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.lstat().st_mtime, UTC)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
