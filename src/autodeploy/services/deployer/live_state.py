"""How the live release of an environment fares, as its row tells it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import update

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Database
from autodeploy.providers.base import CronStatus, ReplicaCount, RuntimeStatus
from autodeploy.services.deployer.models import Environment


class RuntimeState(StrEnum):
    """``crashed`` is one that does not stay up and is tried again only now and then; ``stopped``
    one that its provider does not have, or not yet again. ``replaced`` is one at a provider
    elsewhere where somebody gave the traffic to another; ``unknown`` one that it does not tell
    of."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    CRASHED = "crashed"
    STOPPED = "stopped"
    REPLACED = "replaced"
    UNKNOWN = "unknown"


_STATES = {
    "starting": RuntimeState.STARTING,
    "running": RuntimeState.RUNNING,
    "backoff": RuntimeState.RESTARTING,
    "crashed": RuntimeState.CRASHED,
    "replaced": RuntimeState.REPLACED,
}


@dataclass(frozen=True)
class LiveState:
    """``process`` is the worker or replica that this is about; None for the app itself. ``reason``
    is ``out_of_memory``, ``removed_at_provider``, ``stopped_at_provider``, or the code of the error
    that kept the release from being started or told of.
    ``crons`` are the commands that are run at their times, as the row holds them. ``replicas`` is
    None for what has none."""

    state: RuntimeState
    restarts: int = 0
    exit_code: int | None = None
    reason: str | None = None
    process: str | None = None
    crons: tuple[dict[str, Any], ...] = ()
    replicas: ReplicaCount | None = None


def state_of(status: RuntimeStatus) -> LiveState:
    """What a provider's answer means for people."""
    state = _STATES.get(status.state, RuntimeState.STOPPED)
    if state is RuntimeState.STARTING and status.restarts:
        state = RuntimeState.RESTARTING
    return LiveState(
        state,
        status.restarts,
        status.exit_code,
        "out_of_memory" if status.out_of_memory else None,
        status.process,
        tuple(_cron_row(cron) for cron in status.crons),
        status.replicas,
    )


def _cron_row(cron: CronStatus) -> dict[str, Any]:
    return {
        "name": cron.name,
        "next_at": _moment(cron.next_at),
        "last_at": None if cron.last_at is None else _moment(cron.last_at),
        "last_exit_code": cron.last_exit_code,
    }


def _moment(unix_time: float) -> str:
    return datetime.fromtimestamp(unix_time, UTC).isoformat()


def as_row(state: LiveState, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the row holds: the state, and since when it has been the same."""
    if before is not None and before["state"] == state.state:
        return {**_plain(state), "since": before["since"]}
    return {**_plain(state), "since": now().isoformat()}


def _plain(state: LiveState) -> dict[str, Any]:
    """As JSON gives it back, so that the two can be compared."""
    return {**asdict(state), "crons": list(state.crons)}


async def record_state(
    db: Database,
    environment_id: UUID,
    deployment_id: UUID,
    before: dict[str, Any] | None,
    state: LiveState,
) -> None:
    """Write the state where it differs from ``before``, which the environment's row held."""
    row = as_row(state, before)
    if row == before:
        return
    # Nobody changed the environment itself, so the time of its last change stays.
    async with db.transaction() as session:
        await session.execute(
            update(Environment)
            .where(
                Environment.id == environment_id,
                Environment.live_deployment_id == deployment_id,
            )
            .values(runtime=row, updated_at=Environment.updated_at)
        )
