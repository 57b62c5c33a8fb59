"""Which app is reached where: the table of routed apps, their target files, and Caddy."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import httpx
import structlog

from autodeploy.kernel.embedded.parts import write_for
from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.sockets import socket_transport
from autodeploy.kernel.ports import is_free
from autodeploy.kernel.process import SystemUser
from autodeploy.providers.base import Traffic
from autodeploy.providers.local.agent.caddy import (
    RoutedApp,
    caddy_configuration,
    target_file,
    target_text,
)
from autodeploy.providers.local.agent.metrics import count_traffic
from autodeploy.providers.local.agent.ports import STABLE_PORTS, free_port
from autodeploy.providers.local.agent.rates import Rates
from autodeploy.providers.local.layout import Layout

log = structlog.get_logger(__name__)

_BATCH_SECONDS = 0.05
_RETRY_SECONDS = 0.5
_WAIT_SECONDS = 15.0


@dataclass(frozen=True)
class Promotion:
    """To whom an app's traffic is to be given: the folder ``root`` of static files, or where that
    is None a release that listens. One that is ``private`` is served at its own port alone."""

    number: int
    slug: str
    environment: str
    local_port: int | None
    spa_fallback: bool
    private: bool
    root: str | None

    @property
    def kind(self) -> str:
        return "server" if self.root is None else "static"


class Serving(Protocol):
    """A release that listens, as the proxy looks at it whenever it has changed."""

    def ready_ports(self) -> list[int]:
        """Where those of its processes listen that take requests; never empty."""
        ...


class Proxy:
    """The routed apps. Survives restarts by its files; Caddy may come and go meanwhile."""

    def __init__(self, layout: Layout, proxy_port: int, user: SystemUser | None):
        self._layout = layout
        self._proxy_port = proxy_port
        self._user = user
        self.rates = Rates(self)
        self._table = layout.routes / "apps.json"
        self._apps: dict[int, RoutedApp] = {}
        self._serving: dict[int, Serving] = {}
        self._moved: set[int] = set()
        self._move = asyncio.Event()
        self._taken: set[int] = set()
        self._wanted = 0
        self._applied = 0
        self._change = asyncio.Event()
        self._done = asyncio.Condition()

    @property
    def apps(self) -> dict[int, RoutedApp]:
        return self._apps

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the table, keep Caddy's configuration as it says and routes as releases do, and look
        now and then what Caddy has answered."""
        self._layout.routes.mkdir(exist_ok=True)
        self._layout.routes.chmod(0o755)
        self._apps = {app.number: app for app in self._stored()}
        self._want()
        tasks = [
            asyncio.create_task(each)
            for each in (self._apply_changes(), self._follow_moves(), self.rates.keep())
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _stored(self) -> list[RoutedApp]:
        """The apps of an earlier life. A damaged table is set aside: apps are routed again when
        their release is started again, static sites with their next deployment."""
        try:
            return [RoutedApp(**row) for row in json.loads(self._table.read_text())]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            log.error("proxy.table_damaged", table=str(self._table), error=type(error).__name__)
            self._table.replace(self._table.with_suffix(".damaged"))
            return []

    async def promote(self, promotion: Promotion, serving: Serving | None) -> RoutedApp:
        """Switch the app's traffic, to ``serving`` where it is no static files. Returns once Caddy
        knows the app. Raises ``Unavailable``."""
        app = self._route_for(promotion)
        known = self._apps.get(app.number)
        if known is not None and app.private and not known.private:
            # Before it has the traffic: what is private is not served to all for a moment, either.
            await self._route(replace(known, private=True))
        if serving is None:
            self._serving.pop(app.number, None)
            target = Path(target_file(self._layout, app.number, "static"))
            _replace(target, promotion.root or "", 0o644)
        else:
            self._serving[app.number] = serving
            self._point(app.number, serving)
        await self._route(app)
        return app

    async def _route(self, app: RoutedApp) -> None:
        """Have an app in the table as it is here, and return once Caddy knows."""
        if self._apps.get(app.number) != app:
            self._apps[app.number] = app
            self._save()
            self._want()
        await self._settled()

    def follow(self, number: int) -> None:
        """Have the route of an app follow its release, whose replicas are others than before."""
        self._moved.add(number)
        self._move.set()

    async def _follow_moves(self) -> None:
        while True:
            await self._move.wait()
            self._move.clear()
            for number in [*self._moved]:
                self._moved.discard(number)
                try:
                    await self._follow(number)
                except OSError as error:  # a full disk
                    log.error("proxy.route_not_written", error=type(error).__name__)
                    self.follow(number)
                    await asyncio.sleep(_RETRY_SECONDS)

    @fault_point("proxy.follow")
    async def _follow(self, number: int) -> None:
        serving = self._serving.get(number)
        if serving is not None:
            self._point(number, serving)

    def _point(self, number: int, serving: Serving) -> None:
        """Point the app's route to the replicas of its release that take requests now."""
        target = Path(target_file(self._layout, number, "server"))
        _replace(target, target_text(serving.ready_ports()), 0o644)

    async def remove(self, number: int) -> None:
        """Forget an app. Idempotent."""
        self._serving.pop(number, None)
        if self._apps.pop(number, None) is not None:
            self._save()
            self._want()
            await self._settled()
        for kind in ("server", "static"):
            Path(target_file(self._layout, number, kind)).unlink(missing_ok=True)

    async def traffic(self) -> dict[int, Traffic]:
        """What Caddy has answered for each app since it took its configuration, by number. Raises
        ``Unavailable``."""
        if not self._apps:
            return {}
        try:
            answer = (await self._call_caddy("GET", "/metrics")).raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable("The proxy of this machine does not tell its counts.") from error
        return count_traffic(answer.text, self._apps.values())

    def _route_for(self, promotion: Promotion) -> RoutedApp:
        known = self._apps.get(promotion.number)
        others = [app for app in self._apps.values() if app.number != promotion.number]
        ports = {app.local_port for app in others} | {self._proxy_port}
        port = promotion.local_port or (known.local_port if known else None)
        if port is None or port in ports | self._taken:
            port = free_port(STABLE_PORTS, ports)
        name = promotion.slug
        if promotion.environment != "production":
            name += f"-{promotion.environment}"
        # Two organizations may use the same name; the first one has it.
        if any(app.host == f"{name}.localhost" for app in others):
            name += f"-{promotion.number}"
        return RoutedApp(
            promotion.number,
            f"{name}.localhost",
            port,
            promotion.kind,
            promotion.spa_fallback,
            promotion.private,
        )

    def _save(self) -> None:
        rows = [asdict(app) for app in self._apps.values()]
        _replace(self._table, json.dumps(rows, indent=1), 0o600)

    def _want(self) -> None:
        self._wanted += 1
        self._change.set()

    async def _settled(self) -> None:
        wanted = self._wanted
        try:
            async with asyncio.timeout(_WAIT_SECONDS), self._done:
                await self._done.wait_for(lambda: self._applied >= wanted)
        except TimeoutError:
            raise Unavailable(
                "The proxy of this machine does not take its configuration.",
                remedy="See logs/caddy.log and `autodeploy doctor`.",
            ) from None

    async def _apply_changes(self) -> None:
        while True:
            await self._change.wait()
            await asyncio.sleep(_BATCH_SECONDS)  # several apps often come together
            self._change.clear()
            wanted = self._wanted
            await self._note_taken_ports()
            apps = self._apps.values()
            text = json.dumps(
                caddy_configuration(self._layout, self._proxy_port, apps, self._taken)
            )
            self._write_for_caddy(text)
            if not await self._load(text):
                # Caddy reads the file when it starts; until it answers we ask again.
                self._change.set()
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            async with self._done:
                self._applied = wanted
                self._done.notify_all()

    def _write_for_caddy(self, text: str) -> None:
        self._layout.caddy_config.parent.mkdir(exist_ok=True)
        write_for(self._user, self._layout.caddy_config, text)

    async def _note_taken_ports(self) -> None:
        """Which apps' ports other programs have: Caddy would refuse the whole configuration. Such
        an app keeps its host name, and gets another port when it is next made live."""
        try:
            answer = await self._call_caddy("GET", "/config/apps/http/servers")
            servers = answer.json() if answer.is_success else None
        except httpx.HTTPError:
            return  # it takes no configuration now either
        listening = [address for server in (servers or {}).values() for address in server["listen"]]
        served = {int(address.rpartition(":")[2]) for address in listening}
        ports = {app.local_port for app in self._apps.values()}
        self._taken = {port for port in ports - served if not is_free(port)}
        if self._taken:
            log.error("proxy.ports_taken", ports=sorted(self._taken))

    @fault_point("proxy.load")
    async def _load(self, text: str) -> bool:
        try:
            answer = await self._call_caddy("POST", "/load", text)
        except httpx.HTTPError as error:
            log.info("proxy.waiting_for_caddy", error=str(error))
            return False
        if answer.status_code != 200:
            log.error("proxy.configuration_refused", answer=answer.text)
        return answer.status_code == 200

    async def _call_caddy(
        self, method: str, path: str, content: str | None = None
    ) -> httpx.Response:
        transport = socket_transport(self._layout.caddy_admin)
        headers = {"Content-Type": "application/json"}
        async with httpx.AsyncClient(transport=transport, timeout=20) as client:
            url = f"http://localhost{path}"
            return await client.request(method, url, content=content, headers=headers)


def _replace(path: Path, text: str, mode: int) -> None:
    """Write a file so that a reader sees the old or the new content, never a part."""
    part = path.with_name(f".{path.name}.new")
    part.write_text(text)
    part.chmod(mode)
    part.replace(path)
