"""Where changes of one-off commands are told."""

from uuid import UUID

from autodeploy.services.deployer.announcements import Announcing

#: What workers listen to: there is a command to begin or to stop.
WORK_CHANNEL = "run.work"


def run_channel(run_id: UUID) -> str:
    """Where it is told that there is more to read of a command."""
    return f"run.{run_id}"


def announce_work(transaction: Announcing, run_id: UUID) -> None:
    transaction.announce(WORK_CHANNEL, {"type": "run.work", "runId": str(run_id)})


def announce_end(transaction: Announcing, run_id: UUID) -> None:
    transaction.announce(run_channel(run_id), {"type": "run.ended", "runId": str(run_id)})


def announce_news(transaction: Announcing, run_id: UUID) -> None:
    transaction.announce(run_channel(run_id), {"type": "run.news", "runId": str(run_id)})
