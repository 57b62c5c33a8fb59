"""The ``queue`` commands, for who operates the platform: what waits, runs and failed.

The client is imported when a command runs: every other command starts without it.
"""

from enum import StrEnum
from typing import Annotated

import typer

from autodeploy.cli.options import Json
from autodeploy.cli.terminal import ago, print_json, print_table, say


class Queue(StrEnum):
    """The queues of the platform."""

    DEPLOYMENT = "deployment"
    ANALYSIS = "analysis"
    PROVISIONING = "provisioning"


class State(StrEnum):
    """Where a job is; one that will be tried again is delayed."""

    WAITING = "waiting"
    DELAYED = "delayed"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"


QueueArgument = Annotated[Queue, typer.Argument(help="Which queue.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Id of the job.")]

queue_app = typer.Typer(name="queue", invoke_without_command=True)


@queue_app.callback()
def queue(context: typer.Context, as_json: Json = False) -> None:
    """Show how many jobs wait, run and have ended in each queue, and try failed jobs again."""
    if context.invoked_subcommand is None:
        _show(as_json)


def _show(as_json: bool) -> None:
    from autodeploy.cli.user.client import Api

    answer = Api.connect().get("/queues")
    if as_json:
        print_json(answer)
        return
    columns = [state.value for state in State]
    rows = [
        [each["name"], str(each["concurrency"]), *(str(each[state]) for state in columns)]
        for each in answer["items"]
    ]
    print_table(["QUEUE", "AT A TIME", *(state.upper() for state in columns)], rows)


@queue_app.command("jobs")
def queue_jobs(
    queue: QueueArgument,
    state: Annotated[State, typer.Option(help="Jobs in this state.")] = State.FAILED,
    limit: Annotated[int, typer.Option(min=1, max=200, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the jobs of a queue: the latest first where they have ended, else the next."""
    from autodeploy.cli.user.client import Api

    answer = Api.connect().get(f"/queues/{queue.value}/jobs", state=state.value, limit=limit)
    if as_json:
        print_json(answer)
    elif not answer["items"]:
        say(f"No job of {queue.value} is {state.value}.")
    else:
        rows = [
            [each["id"], each["priority"], str(each["attempts"]), ago(each["createdAt"]),
             each["failure"] or "–"]
            for each in answer["items"]
        ]  # fmt: skip
        print_table(["JOB", "PRIORITY", "ATTEMPTS", "QUEUED", "FAILURE"], rows)


@queue_app.command("retry")
def queue_retry(queue: QueueArgument, job: JobArgument, as_json: Json = False) -> None:
    """Try a failed job again, with all its attempts."""
    from autodeploy.cli.user.client import Api

    answer = Api.connect().post(f"/queues/{queue.value}/jobs/{job}/retry")
    if as_json:
        print_json(answer)
    else:
        say(f"Job {job} is queued again.")


@queue_app.command("drop")
def queue_drop(queue: QueueArgument, job: JobArgument, as_json: Json = False) -> None:
    """Remove a job that has ended, or of an analysis that waits."""
    from autodeploy.cli.user.client import Api

    Api.connect().delete(f"/queues/{queue.value}/jobs/{job}")
    if as_json:
        print_json({"id": job, "dropped": True})
    else:
        say(f"Job {job} is removed.")
