"""Five hundred live apps at providers elsewhere, looked after by one worker, in real minutes.

Vercel and Render are emulated on this machine, an account at each; Render takes as many reads a
minute as it documents, any minute long, and refuses those beyond. The worker is the platform's
own. Shown are of each provider the calls in its busiest minute, how many were refused, and how
long ago, at the end, the app was asked for that was not asked for longest; and the worker's CPU.
Beside it, by hand: one call of plain ``httpx`` for each app every 15 seconds, at no pace.
"""

import argparse
import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
import psutil
import uvloop
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.fakes.render_api import OWNER, FakeRenderApi
from tests.fakes.render_api import TOKEN as RENDER_TOKEN
from tests.fakes.render_state import FakeService
from tests.fakes.server import Faults
from tests.fakes.vercel_api import TEAM, FakeVercelApi
from tests.fakes.vercel_api import TOKEN as VERCEL_TOKEN
from tests.fakes.vercel_state import Deployment as FakeDeployment
from tests.fakes.vercel_state import Project as FakeProject

from autodeploy.client_settings import ProviderSettings
from autodeploy.kernel.http.timing import SystemTiming
from autodeploy.kernel.log import configure_logging
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer.live_state import RuntimeState
from autodeploy.services.deployer.models import Deployment, DeploymentStep, Environment, Project
from autodeploy.settings import Settings
from bench.report import Record, show
from bench.stage import Stage, elsewhere, open_stage, processes, work

APPS = 500
SECONDS = 420.0
BY_HAND_SECONDS = 60.0
BY_HAND_EVERY_SECONDS = 15.0
#: Reads a minute of an account, as the providers document them (2026-11). Vercel names none.
LIMITS = {"vercel": None, "render": 400}
_TOKENS = {"vercel": VERCEL_TOKEN, "render": RENDER_TOKEN}
_OWNERS = {"vercel": TEAM, "render": str(OWNER["id"])}
_BEFORE_SECONDS = 3600.0
_MINUTE = 60.0
_PATIENCE_SECONDS = 60.0


@dataclass
class Calls(Faults):
    """The calls of one account, each noted with its moment; those beyond the limit are refused.
    ``answered`` holds by path when it was answered last."""

    per_minute: int | None = None
    moments: list[float] = field(default_factory=list)
    answered: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    def next(self, method: str, path: str) -> str | None:
        moment = time.monotonic()
        is_over = self.per_minute is not None and self._since(moment) >= self.per_minute
        self.moments.append(moment)
        if is_over:
            self.refused += 1
            return "429"
        self.answered[path] = moment
        return super().next(method, path)

    def _since(self, moment: float) -> int:
        """The calls of the minute before."""
        return len(self.moments) - bisect_right(self.moments, moment - _MINUTE)

    def busiest(self) -> int:
        """The calls of the minute with the most of them."""
        counts = (
            number - bisect_right(self.moments, moment - _MINUTE)
            for number, moment in enumerate(self.moments, start=1)
        )
        return max(counts, default=0)

    def begin_anew(self) -> None:
        self.moments.clear()
        self.answered.clear()
        self.refused = 0


class _Clock:
    """The time of Vercel's emulation."""

    @property
    def seconds(self) -> float:
        return time.monotonic()


@dataclass
class Clouds:
    """Both providers: ``apps`` holds by provider the path that a look at each app begins with and
    what its release is made of there."""

    vercel: FakeVercelApi
    render: FakeRenderApi
    calls: dict[str, Calls]
    apps: dict[str, dict[str, dict[str, str]]]

    @property
    def urls(self) -> dict[str, str]:
        return {"vercel": self.vercel.url, "render": self.render.url}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--apps", type=int, default=APPS, help="how many, half at each provider")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long")
    options = parser.parse_args()
    configure_logging("error", json=False)
    records = uvloop.run(_measure(options.apps, options.seconds))
    show("Live apps at providers elsewhere", "polling", records, as_json=options.json)


async def _measure(count: int, seconds: float) -> list[Record]:
    async with _clouds(count // 2) as clouds, open_stage() as stage:
        addresses = {name: ProviderSettings(api_url=url) for name, url in clouds.urls.items()}
        settings = stage.settings.model_copy(update={"providers": addresses})
        await _connect(stage, settings)
        async with stage.owner.transaction() as session:
            for name, apps in clouds.apps.items():
                await _write(session, stage, name, apps)
        return [
            *await _by_hand(clouds, settings, min(seconds, BY_HAND_SECONDS)),
            *await _by_worker(clouds, settings, seconds),
            {"name": "known to run at the end", "apps": await _count_running(stage)},
        ]


@asynccontextmanager
async def _clouds(each: int) -> AsyncIterator[Clouds]:
    clock = _Clock()
    vercel, render = FakeVercelApi(clock), FakeRenderApi(SystemTiming())
    calls = {name: Calls(per_minute=limit) for name, limit in LIMITS.items()}
    vercel.faults, render.faults = calls["vercel"], calls["render"]
    at_vercel = dict(_at_vercel(vercel, clock, number) for number in range(each))
    at_render = dict(_at_render(render, number) for number in range(each))
    async with vercel.run(), render.run():
        yield Clouds(vercel, render, calls, {"vercel": at_vercel, "render": at_render})


def _at_vercel(vercel: FakeVercelApi, clock: _Clock, number: int) -> tuple[str, dict[str, str]]:
    project = FakeProject(TEAM, f"app-{number}")
    made = FakeDeployment(clock, project, {"target": "production"}, "ready", [], promoted=True)
    made.created -= _BEFORE_SECONDS
    project.current = made
    vercel.projects.append(project)
    vercel.deployments.append(made)
    return f"/v13/deployments/{made.id}", {"project": project.id, "deployment": made.id}


def _at_render(render: FakeRenderApi, number: int) -> tuple[str, dict[str, str]]:
    before = time.monotonic() - _BEFORE_SECONDS
    service = FakeService(
        {"name": f"app-{number}", "type": "web_service"}, before, {}, render.heads
    )
    deploy = service.start(before, render.heads["main"], "api")
    render.services[service.id] = service
    path = f"/services/{service.id}/deploys/{deploy.id}"
    return path, {"owner": _OWNERS["render"], "service": service.id, "deploy": deploy.id}


async def _connect(stage: Stage, settings: Settings) -> None:
    platform = stage.platform
    providers = Registry(elsewhere(settings))
    for name, token in _TOKENS.items():
        await connect_by_token(
            platform.resources,
            platform.principal,
            platform.principal.user_id,
            name,
            ProviderTokenInput(token=token, owner_id=_OWNERS[name]),
            providers=providers,
        )
    await providers.close()


async def _write(
    session: AsyncSession, stage: Stage, provider: str, apps: Mapping[str, dict[str, str]]
) -> None:
    """The rows of apps that are live at a provider since long ago."""
    [organization_id] = stage.platform.principal.roles
    connection_id = await session.scalar(
        select(ProviderIntegration.id).where(ProviderIntegration.provider == provider)
    )
    rows = [_rows(organization_id, connection_id, provider, made) for made in apps.values()]
    for of_one_kind in zip(*rows, strict=True):
        session.add_all(of_one_kind)
        await session.flush()


def _rows(
    organization_id: UUID, connection_id: UUID | None, provider: str, made: dict[str, str]
) -> tuple[Project, Deployment, DeploymentStep, Environment]:
    project_id, deployment_id, name = uuid4(), uuid4(), f"app-{uuid4().hex}"
    owned = {"organization_id": organization_id, "project_id": project_id}
    at = {"provider": provider, "connection_id": connection_id}
    return (
        Project(id=project_id, organization_id=organization_id, name=name, slug=name),
        Deployment(
            id=deployment_id, branch="main", commit_sha="a" * 40, status="ready", plan={},
            **owned, **at,
        ),
        DeploymentStep(
            organization_id=organization_id, deployment_id=deployment_id, position=0,
            name="deploy_to_provider", status="succeeded", estimated_seconds=1,
            estimated_seconds_p90=1, resources={"release": made},
        ),
        Environment(
            name="production", host=name, live_deployment_id=deployment_id, **owned, **at
        ),
    )  # fmt: skip


async def _by_hand(clouds: Clouds, settings: Settings, seconds: float) -> list[Record]:
    paths = {name: list(apps) for name, apps in clouds.apps.items()}
    async with processes(_ask_plainly, settings, paths, count=1) as [process]:
        return await _watch(clouds, process.pid, seconds, "by hand")


def _ask_plainly(settings: Settings, paths: Mapping[str, Sequence[str]]) -> None:
    async def ask_all(name: str) -> None:
        headers = {"Authorization": f"Bearer {_TOKENS[name]}"}
        query = {"teamId": TEAM} if name == "vercel" else None
        url = settings.providers[name].api_url or ""
        async with httpx.AsyncClient(base_url=url, headers=headers, params=query) as client:
            while True:
                await asyncio.gather(*(client.get(path) for path in paths[name]))
                await asyncio.sleep(BY_HAND_EVERY_SECONDS)

    async def ask() -> None:
        await asyncio.gather(*map(ask_all, paths))

    uvloop.run(ask())


async def _by_worker(clouds: Clouds, settings: Settings, seconds: float) -> list[Record]:
    async with processes(work, settings, count=1) as [process]:
        return await _watch(clouds, process.pid, seconds, "the worker")


async def _count_running(stage: Stage) -> int:
    running = Environment.runtime["state"].astext == RuntimeState.RUNNING
    async with stage.owner.transaction() as session:
        return await session.scalar(select(func.count()).where(running)) or 0


async def _watch(clouds: Clouds, pid: int | None, seconds: float, who: str) -> list[Record]:
    """What a process asks for and takes, from its first call."""
    for calls in clouds.calls.values():
        calls.begin_anew()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not any(calls.moments for calls in clouds.calls.values()):
            await asyncio.sleep(0.05)
    process, begun = psutil.Process(pid), time.monotonic()
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(seconds)
    cpu = sum(process.cpu_times()[:2]) - before
    ended = time.monotonic()
    return [
        *(_judge(clouds, name, who, begun, ended) for name in clouds.apps),
        {"name": f"{who}: CPU", "seconds": round(seconds, 1), "of_a_core": round(cpu / seconds, 3)},
    ]


def _judge(clouds: Clouds, name: str, who: str, begun: float, ended: float) -> Record:
    calls, apps = clouds.calls[name], clouds.apps[name]
    looks = [calls.answered.get(path, begun) for path in apps]
    return {
        "name": f"{who} at {name}",
        "apps": len(apps),
        "calls": len(calls.moments),
        "busiest_minute": calls.busiest(),
        "limit": LIMITS[name] or "none told",
        "refused": calls.refused,
        "oldest_look_seconds": round(ended - min(looks), 1),
        "never_looked_at": len(apps.keys() - calls.answered.keys()),
    }


if __name__ == "__main__":
    main()
