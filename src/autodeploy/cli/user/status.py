"""``status`` and ``cancel``: what is live, what is under way, and how to stop it."""

import itertools
from pathlib import Path

from autodeploy.cli.terminal import ago, print_fields, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.projects import find_project, get_deployment, get_project
from autodeploy.cli.user.projects import run as list_projects
from autodeploy.cli.user.sources import project_slug

RECENT = 10


def run(name: str | None, as_json: bool) -> None:
    """Show one project, or all of them when none is named and this folder is none."""
    api = Api.connect()
    if name is None and find_project(api, project_slug(Path.cwd().name)) is None:
        list_projects(as_json)
        return
    project = get_project(api, name)
    recent = list(itertools.islice(api.items(f"/projects/{project['id']}/deployments"), RECENT))
    if as_json:
        print_json({"project": project, "deployments": recent})
        return
    for environment in project["environments"]:
        print_fields(_environment_fields(project, environment))
        say("")
    live = {item["liveDeploymentId"] for item in project["environments"]}
    print_table(
        ("DEPLOYMENT", "ENVIRONMENT", "STATUS", "COMMIT", "STARTED"),
        [_deployment_row(item, live) for item in recent],
    )


def cancel(target: str | None, environment: str, as_json: bool) -> None:
    """Ask for the end of a deployment; its build stops within seconds."""
    api = Api.connect()
    deployment = get_deployment(api, target, environment)
    answer = api.post(f"/deployments/{deployment['id']}/cancel")
    if as_json:
        print_json(answer)
    elif answer["status"] == "cancelled":
        say(f"Deployment {answer['id']} is cancelled.")
    else:
        say(f"Deployment {answer['id']} is being cancelled.")


def _environment_fields(project: Json, environment: Json) -> dict[str, str]:
    return {
        "PROJECT": project["name"],
        "ENVIRONMENT": environment["name"],
        "PROVIDER": environment["provider"],
        "LIVE": environment["liveDeploymentId"] or "nothing yet",
        "URL": environment["url"] or "–",
        "LOCAL": environment["localUrl"] or "–",
    }


def _deployment_row(deployment: Json, live: set[str | None]) -> tuple[str, ...]:
    mark = " (live)" if deployment["id"] in live else ""
    return (
        deployment["id"],
        deployment["environment"],
        f"{deployment['status']}{mark}",
        deployment["commit"][:12],
        ago(deployment["createdAt"]),
    )
