"""Whether the process lives, whether it can serve, and what it measured."""

import asyncio
from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter, Response, status
from sqlalchemy import text

from autodeploy.api.deps import PrincipalDep, ResourcesDep
from autodeploy.kernel import telemetry
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Schema
from autodeploy.services.auth.permissions import require_operator
from autodeploy.services.auth.principal import Scope

CHECK_SECONDS = 2

router = APIRouter(tags=["operations"])

State = Literal["ok", "failing"]


class Health(Schema):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Schema):
    """Whether the process can serve, and the state of each part that it needs."""

    status: State
    database: State
    redis: State
    vault: State


@router.get("/healthz", operation_id="getHealth")
async def healthz() -> Health:
    """Whether the process lives. A supervisor restarts it when this does not answer."""
    return Health()


@router.get(
    "/readyz",
    operation_id="getReadiness",
    responses={503: {"model": Readiness, "description": "A part does not answer."}},
)
async def readyz(resources: ResourcesDep, response: Response) -> Readiness:
    """Whether the process can serve. A load balancer sends requests only where it can."""
    database, redis, vault = await asyncio.gather(
        _check(_ping_database(resources)),
        _check(resources.cache.ping()),
        _check(resources.vault.check()),
    )
    overall: State = "ok" if database == redis == vault == "ok" else "failing"
    if overall == "failing":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(status=overall, database=database, redis=redis, vault=vault)


@router.get("/metrics", operation_id="getMetrics", response_class=Response)
async def metrics(principal: PrincipalDep) -> Response:
    """This process's metrics in Prometheus' text format, for the platform's operators."""
    require_operator(principal, Scope.READ)
    return Response(telemetry.render(), media_type=telemetry.CONTENT_TYPE)


async def _ping_database(resources: Resources) -> None:
    async with resources.db.transaction() as session:
        await session.execute(text("SELECT 1"))


async def _check(attempt: Awaitable[None]) -> State:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await attempt
    except Exception:
        # Whatever the part failed with, the answer that is wanted here is that it failed.
        return "failing"
    return "ok"
