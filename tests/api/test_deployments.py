from uuid import UUID

import httpx
import pytest
from tests.api.conftest import SignUp
from tests.api.deployer import User, make_runner

from autodeploy.kernel.resources import Resources


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


async def test_created_deployment_is_queued_with_its_steps(user: User) -> None:
    project = await user.project()
    made = await user.deployment(project)
    assert made["status"] == "queued"
    assert made["project"] == {"id": project["id"], "name": "My Shop"}
    assert made["estimatedDuration"] == sum(s["estimatedDuration"] for s in made["steps"])
    assert made["estimatedDurationP90"] > made["estimatedDuration"]
    assert [step["name"] for step in made["steps"]][:4] == [
        "analyze_repository", "provision_database", "build_application", "deploy_to_provider",
    ]  # fmt: skip
    assert {step["status"] for step in made["steps"]} == {"pending"}
    assert await user.call("GET", f"/deployments/{made['id']}", status=200) == made
    listed = await user.call("GET", f"/projects/{project['id']}/deployments", status=200)
    assert listed == {"items": [made], "nextCursor": None}
    status = await user.call("GET", f"/deployments/{made['id']}/status", status=200)
    assert (status["status"], status["progress"]) == ("queued", 0)


async def test_finished_deployment_has_addresses_and_logs(user: User, resources: Resources) -> None:
    project = await user.project()
    made = await user.deployment(project)
    await make_runner(resources).run(UUID(made["id"]))
    done = await user.call("GET", f"/deployments/{made['id']}", status=200)
    assert done["status"] == "ready", done["error"]
    assert done["url"]
    assert done["localUrl"]
    path = f"/deployments/{made['id']}/logs"
    logs = await user.call("GET", path, status=200)
    sequences = [line["sequence"] for line in logs["items"]]
    assert sequences == list(range(1, len(sequences) + 1))
    first = await user.call("GET", f"{path}?limit=2", status=200)
    rest = await user.call("GET", f"{path}?after={first['nextCursor']}", status=200)
    assert first["items"] + rest["items"] == logs["items"]
    last = await user.call("GET", f"{path}?last=2", status=200)
    assert last == {"items": logs["items"][-2:], "nextCursor": None}
    own = await user.call("GET", f"{path}?source=autodeploy&source=none&level=info", status=200)
    assert {line["source"] for line in own["items"]} == {"autodeploy"}
    since = logs["items"][-1]["timestamp"].replace("+", "%2B")
    late = await user.call("GET", f"{path}?since={since}", status=200)
    assert late["items"][-1] == logs["items"][-1]
    for wrong in ("level=loud", "since=yesterday", "since=2026-01-01T00:00:00", "last=0", "q=%00"):
        await user.call("GET", f"{path}?{wrong}", status=422)
    status = await user.call("GET", f"/deployments/{made['id']}/status", status=200)
    assert (status["progress"], status["eta"]) == (1, 0)


async def test_unknown_commit_and_branch_are_named(user: User) -> None:
    project = await user.project()
    path = f"/projects/{project['id']}/deployments"
    problem = await user.call("POST", path, {"commit": "0" * 40}, status=422)
    assert (problem["code"], problem["field"]) == ("ref_not_found", "commit")
    problem = await user.call("POST", path, {"branch": "none"}, status=422)
    assert (problem["code"], problem["field"]) == ("ref_not_found", "branch")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"provider": "nowhere"}, "provider"),
        ({"environment": "No Such!"}, "environment"),
        ({"commit": "-x"}, "commit"),
        ({"configuration": {"environmentVariables": {"X": "provision_new"}}}, "configuration"),
        ({"configuration": {"plan": "huge"}}, "configuration.plan"),
        ({"configuration": {"plan": ""}}, "configuration.plan"),
        ({"configuration": {"region": "north"}}, "configuration.region"),
        ({"configuration": {"database": {"region": "north"}}}, "configuration.database.region"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
async def test_unusable_request_names_the_field(
    user: User, body: dict[str, object], field: str
) -> None:
    project = await user.project()
    problem = await user.call("POST", f"/projects/{project['id']}/deployments", body, status=422)
    assert field in str(problem)


async def test_project_without_repository_says_what_to_do(user: User) -> None:
    project = await user.call("POST", "/projects", {"name": "empty"}, status=201)
    problem = await user.call("POST", f"/projects/{project['id']}/deployments", {}, status=409)
    assert "repositoryId" in problem["remedy"]


async def test_values_of_the_configuration_become_variables(user: User) -> None:
    project = await user.project()
    await user.deployment(
        project, configuration={"environmentVariables": {"COLOUR": "green", "A_TOKEN": "secret1"}}
    )
    items = (await user.call("GET", f"/projects/{project['id']}/env", status=200))["items"]
    assert {item["key"]: item["value"] for item in items} == {"COLOUR": "green", "A_TOKEN": None}


async def test_cancel_answers_202_and_again_when_repeated(user: User) -> None:
    made = await user.deployment(await user.project())
    for _ in range(2):
        answer = await user.call("POST", f"/deployments/{made['id']}/cancel", status=202)
        assert answer["status"] == "cancelled"


async def test_rollback_to_what_was_never_released_is_refused(user: User) -> None:
    made = await user.deployment(await user.project())
    problem = await user.call("POST", f"/deployments/{made['id']}/rollback", status=409)
    assert problem["code"] == "not_rollbackable"


async def test_rollback_answers_a_new_deployment(user: User, resources: Resources) -> None:
    made = await user.deployment(await user.project())
    await make_runner(resources).run(UUID(made["id"]))
    back = await user.call("POST", f"/deployments/{made['id']}/rollback", status=201)
    assert back["id"] != made["id"]
    assert (back["kind"], back["sourceDeploymentId"]) == ("rollback", made["id"])


async def test_deployments_of_others_do_not_exist(
    user: User, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    project = await user.project()
    made = await user.deployment(project)
    stranger = User(client, await sign_up())
    path = f"/deployments/{made['id']}"
    for method, where in [
        ("GET", path),
        ("GET", f"{path}/logs"),
        ("GET", f"{path}/status"),
        ("POST", f"{path}/cancel"),
        ("POST", f"{path}/rollback"),
        ("GET", f"/projects/{project['id']}/deployments"),
        ("POST", f"/projects/{project['id']}/deployments"),
    ]:
        body = {} if method == "POST" else None
        await stranger.call(method, where, body, status=404)
