"""One-off commands over HTTP: asked for, watched and stopped."""

from typing import Any

import httpx
import pytest
from tests.api.conftest import SignUp
from tests.api.deployer import User, deploy_server, make_engine

from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.runs.schemas import LONGEST_TIMEOUT_SECONDS
from autodeploy.services.deployer.runs.worker import RunWorker


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
async def runs(user: User, resources: Resources) -> str:
    """Where commands are asked for, of a project whose live app is a server."""
    project_id = await deploy_server(user, resources)
    return f"/projects/{project_id}/environments/production/runs"


async def see_through(resources: Resources) -> None:
    """As a worker does."""
    worker = RunWorker(make_engine(resources))
    await worker.tick()
    await worker.settle()


async def test_command_is_accepted_watched_and_ends(
    user: User, runs: str, resources: Resources
) -> None:
    begun = await user.call("POST", runs, {"command": ["ls", "-l"]}, status=202)
    assert (begun["status"], begun["command"], begun["timeoutSeconds"]) == (
        "queued", ["ls", "-l"], 3600,
    )  # fmt: skip
    path = f"/runs/{begun['id']}"
    assert await user.call("GET", f"{path}/logs", status=200) == {
        "items": [], "next": 0, "ended": False,
    }  # fmt: skip
    await see_through(resources)
    output = await user.call("GET", f"{path}/logs?wait=20", status=200)
    assert [(line["stream"], line["message"]) for line in output["items"]] == [("stdout", "ls -l")]
    assert (output["next"], output["ended"]) == (1, True)
    assert await user.call("GET", f"{path}/logs?after=1", status=200) == {
        "items": [], "next": 1, "ended": True,
    }  # fmt: skip
    ended = await user.call("GET", path, status=200)
    assert (ended["status"], ended["exitCode"]) == ("succeeded", 0)
    assert ended["createdBy"]["type"] == "user"


async def test_repeated_request_runs_it_once(user: User, runs: str, resources: Resources) -> None:
    body, key = {"command": ["ls"]}, {"Idempotency-Key": "once"}
    first = await user.call("POST", runs, body, status=202, **key)
    again = await user.call("POST", runs, body, status=202, **key)
    assert first == again


async def test_waiting_ends_after_its_time(user: User, runs: str) -> None:
    begun = await user.call("POST", runs, {"command": ["ls"]}, status=202)
    output = await user.call("GET", f"/runs/{begun['id']}/logs?wait=1", status=200)
    assert (output["items"], output["ended"]) == ([], False)


async def test_cancelled_once(user: User, runs: str) -> None:
    begun = await user.call("POST", runs, {"command": ["ls"]}, status=202)
    stopped = await user.call("POST", f"/runs/{begun['id']}/cancel", status=202)
    assert stopped["status"] == "cancelled"
    refused = await user.call("POST", f"/runs/{begun['id']}/cancel", status=409)
    assert refused["code"] == "run_ended"


async def test_listed_newest_first_by_page_and_environment(
    user: User, runs: str, resources: Resources
) -> None:
    project = runs.removesuffix("/environments/production/runs")
    nothing = await user.call("GET", f"{project}/runs", status=200)
    assert nothing == {"items": [], "nextCursor": None}
    begun = [
        await user.call("POST", runs, {"command": ["ls", str(number)]}, status=202)
        for number in range(3)
    ]
    await see_through(resources)
    first = await user.call("GET", f"{project}/runs?limit=2", status=200)
    rest = await user.call(
        "GET", f"{project}/runs?limit=2&cursor={first['nextCursor']}", status=200
    )
    listed = first["items"] + rest["items"]
    assert [run["id"] for run in listed] == [run["id"] for run in reversed(begun)]
    assert rest["nextCursor"] is None
    assert listed[0] == await user.call("GET", f"/runs/{begun[2]['id']}", status=200)
    await user.call("POST", f"{project}/environments", {"name": "staging"}, status=201)
    of = {
        name: await user.call("GET", f"{project}/runs?environment={name}", status=200)
        for name in ("production", "staging")
    }
    assert [len(page["items"]) for page in of.values()] == [3, 0]
    await user.call("GET", f"{project}/runs?environment=nowhere", status=404)


async def test_nothing_live(user: User) -> None:
    project = await user.project()
    path = f"/projects/{project['id']}/environments"
    refused = await user.call("POST", f"{path}/production/runs", {"command": ["ls"]}, status=409)
    assert refused["code"] == "nothing_live"
    await user.call("POST", f"{path}/nowhere/runs", {"command": ["ls"]}, status=404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"command": "ls -l"},
        {"command": []},
        {"command": [""]},
        {"command": ["ls", "a\x00b"]},
        {"command": ["x" * 65_537]},
        {"command": ["ls"], "timeoutSeconds": 0},
        {"command": ["ls"], "timeoutSeconds": LONGEST_TIMEOUT_SECONDS + 1},
        {"command": ["ls"], "shell": True},
    ],
)
async def test_unusable_command_is_refused(user: User, runs: str, body: dict[str, Any]) -> None:
    refused = await user.call("POST", runs, body, status=422)
    fields = [error["field"] for error in refused.get("errors") or [refused]]
    assert fields[0].split(".")[0] in {"command", "timeoutSeconds", "shell"}
