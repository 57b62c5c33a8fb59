"""The runtime agent: a process of its own that owns the apps, their routes and databases.

When it dies, everything that it started dies with it; the deployer starts again what is live.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from autodeploy.kernel.heap import keep_from_collections
from autodeploy.kernel.process import SystemUser
from autodeploy.kernel.sandbox import Limits, open_sandbox
from autodeploy.kernel.sandbox.orphans import end_orphans
from autodeploy.providers.local.agent.api import AgentApi
from autodeploy.providers.local.agent.cluster import AppCluster
from autodeploy.providers.local.agent.database_api import DatabaseApi
from autodeploy.providers.local.agent.databases import AppDatabases
from autodeploy.providers.local.agent.dumps import Dumps
from autodeploy.providers.local.agent.instances import Instances
from autodeploy.providers.local.agent.proxy import Proxy
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.runtime import APP_LIMITS

_ORPHANS_SECONDS = 10.0


async def run_agent(
    *,
    home: Path,
    proxy_port: int,
    user: SystemUser | None,
    allow_unsandboxed: bool = False,
    limits: Limits = APP_LIMITS,
) -> None:
    """Serve until SIGINT or SIGTERM, then stop every app and the apps' databases.

    Args:
        home: AUTODEPLOY_HOME.
        proxy_port: the loopback port where Caddy serves all apps by host name.
        user: who Caddy and PostgreSQL run as when we are root.
        allow_unsandboxed: whether apps may run on a machine that allows no sandbox.
        limits: what each process of an app may use, with all that it starts.
    """
    layout = Layout(home)
    layout.ensure_folders()
    layout.remove_abandoned()
    end_orphans()  # before any release is started again, and takes its port
    sandbox = await open_sandbox(home, allow_unsandboxed=allow_unsandboxed)
    proxy = Proxy(layout, proxy_port, user)
    instances = Instances(layout, sandbox, limits, proxy.follow)
    cluster = AppCluster(home, user)
    cluster.check()  # within the server a failure would end in a traceback
    databases = DatabaseApi(AppDatabases(cluster), Dumps(cluster, user))
    api = AgentApi(layout, sandbox, instances, proxy, databases)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with proxy.running():
            ending = asyncio.create_task(_keep_ending_orphans())
            try:
                cluster.start_existing()
                keep_from_collections()
                yield
            finally:
                ending.cancel()
                await instances.close()
                await cluster.close()

    await _serve(api.application(lifespan), layout.agent_socket)


async def _keep_ending_orphans() -> None:
    """Those of workers that were killed, too."""
    while True:
        await asyncio.sleep(_ORPHANS_SECONDS)
        await asyncio.to_thread(end_orphans)


async def _serve(application: Starlette, socket: Path) -> None:
    socket.parent.mkdir(parents=True, exist_ok=True)
    socket.parent.chmod(0o700)
    socket.unlink(missing_ok=True)  # of an agent that was killed
    config = uvicorn.Config(
        application,
        uds=str(socket),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    await uvicorn.Server(config).serve()
    socket.unlink(missing_ok=True)
