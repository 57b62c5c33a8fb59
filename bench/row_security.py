"""What row-level security costs: the same reads with policies and set caller, and without both.

The reads take turns, so that both kinds meet the same machine. ``deployments`` are stored for each
of two tenants; the figures are milliseconds, the median of ``--repeat`` reads.
"""

import asyncio
import secrets
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy import text
from tests.api.tenancy.world import World, make_world
from tests.conftest import make_home, make_resources

from autodeploy.kernel.db import Database
from autodeploy.kernel.embedded.postgres import EmbeddedPostgres
from autodeploy.kernel.embedded.valkey import EmbeddedValkey
from autodeploy.kernel.process import ensure_system_user
from autodeploy.kernel.resources import Resources
from autodeploy.migrations.upgrade import upgrade
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.deployer import history, projects
from bench.report import Record, arguments, show

DEPLOYMENTS = 50_000
_PAGE = 50

_FILL = """
INSERT INTO deployments
  (organization_id, project_id, branch, commit_sha, provider, status, created_at)
SELECT organization_id, project_id, branch, commit_sha, provider,
  'ready', now() - n * interval '1 s'
FROM deployments, generate_series(1, :count) n
"""

Read = Callable[[Resources], Awaitable[object]]


def main() -> None:
    options = arguments(__doc__, repeat=300)
    records = asyncio.run(_measure_all(options.repeat))
    show("Reads with and without row-level security", "reads", records, as_json=options.json)


async def _measure_all(repeat: int) -> list[Record]:
    home = make_home()
    user = ensure_system_user("autodeploy")
    password = home / "postgres.password"
    password.write_text(secrets.token_urlsafe(16))
    postgres = EmbeddedPostgres(
        home / "postgres", home / "run", password, home / "postgres.log", user, None, {}
    )
    valkey = EmbeddedValkey(
        home / "valkey", home / "run-valkey" / "valkey.sock", home / "valkey.log", user
    )
    await postgres.start()
    await valkey.start()
    try:
        await postgres.wait_ready()
        await valkey.wait_ready()
        await upgrade(postgres.url("bench"))
        return await _measure(postgres.url("bench"), valkey.url, home, repeat)
    finally:
        await valkey.stop()
        await postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


async def _measure(url: str, redis_url: str, home: Path, repeat: int) -> list[Record]:
    owner, app = Database(url), Database(url, role="autodeploy_app")
    async with make_resources(owner, redis_url, home) as free:
        world = await make_world(free)
        async with owner.transaction() as session:
            await session.execute(text(_FILL), {"count": DEPLOYMENTS})
            await session.execute(text("ANALYZE"))
        principal = _owner_of(world)
        bound = replace(free, db=app).acting_for(principal.tenancy)
        records = [
            await _compare(name, read, bound, free, repeat)
            for name, read in _reads(world, principal).items()
        ]
    await app.close()
    await owner.close()
    return records


def _reads(world: World, principal: Principal) -> dict[str, Read]:
    ours = world.ours
    return {
        "one project": lambda r: projects.get_project(r, principal, ours.project_id),
        "one deployment": lambda r: history.get_deployment(r, principal, ours.deployment_id),
        "a page of deployments": lambda r: history.list_deployments(
            r, principal, ours.project_id, limit=_PAGE
        ),
    }


def _owner_of(world: World) -> Principal:
    return Principal(
        account_id=world.ours.owner_id,
        email="",
        roles={world.ours.organization_id: Role.OWNER},
        scopes=frozenset(Scope),
    )


async def _compare(name: str, read: Read, bound: Resources, free: Resources, repeat: int) -> Record:
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(repeat):
        for secured, resources in ((True, bound), (False, free)):
            started = time.perf_counter()
            await read(resources)
            seconds[secured].append(time.perf_counter() - started)
    secured_ms, free_ms = (statistics.median(seconds[key]) * 1000 for key in (True, False))
    return {
        "name": name,
        "with_ms": round(secured_ms, 2),
        "without_ms": round(free_ms, 2),
        "ratio": round(secured_ms / free_ms, 2),
    }


if __name__ == "__main__":
    main()
