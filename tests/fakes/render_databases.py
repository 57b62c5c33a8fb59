"""What the emulated Render holds of databases: PostgreSQL and Key Value, whose calls are alike."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, Response
from tests.fakes.render_faults import error_answer
from tests.fakes.render_state import Json, Shapes, new_id

_PASSWORD = "s3cret"


@dataclass
class FakeDatabase:
    """``statuses`` are what it goes through, each for five seconds; the last one stays."""

    sent: Json
    created: float
    statuses: list[str] = field(default_factory=lambda: ["unknown", "creating", "available"])
    id: str = ""

    def status(self, now: float) -> str:
        return self.statuses[min(int((now - self.created) / 5), len(self.statuses) - 1)]

    def shown(self, shapes: Shapes, owner: Json) -> Json:
        sent = self.sent
        return {
            "id": self.id, "name": sent["name"], "ipAllowList": sent["ipAllowList"] or None,
            "createdAt": shapes.time(self.created), "updatedAt": shapes.time(shapes.now),
            "owner": owner, "plan": sent["plan"], "region": sent["region"],
            "status": self.status(shapes.now),
        }  # fmt: skip

    @abstractmethod
    def connection(self) -> Json:
        """How it is reached."""


@dataclass
class FakePostgres(FakeDatabase):
    """``highly_available`` and ``replicas`` are set in the dashboard."""

    highly_available: bool = False
    replicas: int = 0
    id: str = field(default_factory=lambda: f"{new_id('dpg')}-a")

    @property
    def database(self) -> str:
        """Render adds to the name of every database."""
        return f"{self.sent['name'].replace('-', '_')[:40]}_2mfb"

    def shown(self, shapes: Shapes, owner: Json) -> Json:
        expiry = shapes.clock(self.created) + timedelta(days=30)
        return {
            **super().shown(shapes, owner),
            "databaseName": self.database, "databaseUser": f"{self.database}_user",
            "highAvailabilityEnabled": self.highly_available, "role": "primary",
            "readReplicas": [{"id": f"{self.id}-{n}", "name": "r"} for n in range(self.replicas)],
            "version": self.sent["version"], "suspended": "not_suspended", "suspenders": [],
            "diskAutoscalingEnabled": False, "connectionPool": "none",
            "dashboardUrl": "https://dashboard.render.com/d/x",
            **({"expiresAt": expiry.isoformat()} if self.sent["plan"] == "free" else {}),
        }  # fmt: skip

    def connection(self) -> Json:
        path = f"{self.database}_user:{_PASSWORD}@{self.id}"
        outside = f"postgresql://{path}.oregon-postgres.render.com/{self.database}"
        return {
            "password": _PASSWORD, "psqlCommand": f"psql {outside}",
            "internalConnectionString": f"postgresql://{path}/{self.database}",
            "externalConnectionString": outside,
        }  # fmt: skip


@dataclass
class FakeKeyValue(FakeDatabase):
    id: str = field(default_factory=lambda: new_id("red"))

    def shown(self, shapes: Shapes, owner: Json) -> Json:
        return {
            **super().shown(shapes, owner),
            "options": {"maxmemoryPolicy": "allkeys_lru"}, "version": "8.1.4",
        }  # fmt: skip

    def connection(self) -> Json:
        """Within Render it has no password."""
        outside = f"rediss://{self.id}:{_PASSWORD}@oregon-keyvalue.render.com:6379"
        return {
            "internalConnectionString": f"redis://{self.id}:6379",
            "externalConnectionString": outside,
            "cliCommand": f"redis-cli --tls -u {outside}",
        }  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """What holds for every kind: who owns what is made, the answer where no more may be made for
    now, a page of a list, and how things are shown at this moment."""

    owner: Json
    limited: Callable[[], JSONResponse | None]
    page: Callable[[Request, str, list[Json]], list[Json]]
    shapes: Callable[[], Shapes]


Kind = TypeVar("Kind", bound=FakeDatabase)


class DatabaseShelf(Generic[Kind]):
    """The databases of one kind by their ids, and the calls for them below ``path``.

    Args:
        item: what one is called in lists.
        listed: what lists tell of one beside what it tells of itself.
    """

    def __init__(
        self, path: str, item: str, kind: type[Kind], rules: Rules, listed: Json | None = None
    ):
        self.held: dict[str, Kind] = {}
        #: What those that are made from now on go through.
        self.statuses: list[str] | None = None
        self.path = path
        self._item = item
        self._kind = kind
        self._rules = rules
        self._listed = listed or {}

    def routes(self) -> Iterator[tuple[str, str, Callable[..., object]]]:
        one = f"{self.path}/{{database_id}}"
        yield "GET", self.path, self._list
        yield "POST", self.path, self._create
        yield "GET", one, self._show
        yield "PATCH", one, self._change
        yield "GET", f"{one}/connection-info", self._connection_info
        yield "DELETE", one, self._delete

    def _shown(self, database: Kind) -> Json:
        return database.shown(self._rules.shapes(), self._rules.owner)

    def _of(self, database_id: str) -> Kind:
        if database_id not in self.held:
            raise HTTPException(404, "not found")
        return self.held[database_id]

    async def _list(self, request: Request) -> list[Json]:
        name = request.query_params.get("name")
        found = [
            {**self._shown(each), **self._listed}
            for each in self.held.values()
            if name in (None, each.sent["name"])
        ]
        return self._rules.page(request, self._item, found)

    async def _create(self, request: Request) -> Response:
        limited = self._rules.limited()
        if limited:
            return limited
        sent = await request.json()
        free = [each for each in self.held.values() if each.sent["plan"] == "free"]
        if sent["plan"] == "free" and free:
            return error_answer(400, "cannot have more than one active free tier database")
        database = self._kind(sent, self._rules.shapes().now)
        database.statuses = self.statuses or database.statuses
        self.held[database.id] = database
        return JSONResponse(self._shown(database), 201)

    async def _show(self, database_id: str) -> Json:
        return self._shown(self._of(database_id))

    async def _change(self, database_id: str, request: Request) -> Json:
        database = self._of(database_id)
        database.sent = {**database.sent, **await request.json()}
        return self._shown(database)

    async def _connection_info(self, database_id: str) -> Json:
        return self._of(database_id).connection()

    async def _delete(self, database_id: str) -> Response:
        del self.held[self._of(database_id).id]
        return Response(status_code=204)
