"""Projects: finding the one that is meant, listing, opening and removing them."""

import webbrowser
from pathlib import Path
from uuid import UUID

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import ago, print_fields, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.sources import project_slug


def find_project(api: Api, name: str) -> Json | None:
    """The project whose slug, name or id is ``name``."""
    slug = project_slug(name)
    similar: Json | None = None
    for project in api.items("/projects"):
        if name in (project["slug"], project["name"], project["id"]):
            return project
        if project["slug"] == slug:
            similar = project
    return similar


def get_project(api: Api, name: str | None) -> Json:
    """The project called ``name``, by default like the current folder.

    Raises:
        CommandError: there is none.
    """
    wanted = name or project_slug(Path.cwd().name)
    project = find_project(api, wanted)
    if project is None:
        raise CommandError(
            f"There is no project {wanted!r}.",
            remedy="`autodeploy projects` lists them; `autodeploy deploy` makes one.",
        )
    return project


def get_environment(project: Json, name: str) -> Json:
    """The environment ``name`` of a project.

    Raises:
        CommandError: it has none of that name.
    """
    for environment in project["environments"]:
        if environment["name"] == name:
            found: Json = environment
            return found
    known = ", ".join(item["name"] for item in project["environments"]) or "none yet"
    raise CommandError(
        f"Project {project['name']} has no environment {name!r} (it has: {known}).",
        remedy="Deploy to it first, or name another with --environment.",
    )


def latest_deployment(api: Api, project: Json, environment: str) -> Json:
    """The newest deployment of an environment."""
    for deployment in api.items(f"/projects/{project['id']}/deployments"):
        if deployment["environment"] == environment:
            return deployment
    raise CommandError(
        f"Project {project['name']} has no deployment in {environment}.",
        remedy="`autodeploy deploy` makes one.",
    )


def get_deployment(api: Api, target: str | None, environment: str) -> Json:
    """The deployment whose id is ``target``, or the newest of the project that it names."""
    if target is not None and is_id(target):
        project = find_project(api, target)
        return (
            latest_deployment(api, project, environment)
            if project
            else api.get(f"/deployments/{target}")
        )
    return latest_deployment(api, get_project(api, target), environment)


def is_id(text: str) -> bool:
    """Whether ``text`` is a UUID."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def run(as_json: bool) -> None:
    """List the projects."""
    api = Api.connect()
    found = list(api.items("/projects"))
    if as_json:
        print_json({"items": found})
        return
    if not found:
        say("No projects yet. `autodeploy deploy` in a folder makes one.")
        return
    rows = [
        (
            project["slug"],
            environment["name"],
            "live" if environment["liveDeploymentId"] else "–",
            environment["url"] or "–",
            ago(project["updatedAt"]),
        )
        for project in found
        for environment in project["environments"] or [_NO_ENVIRONMENT]
    ]
    print_table(("PROJECT", "ENVIRONMENT", "STATE", "URL", "CHANGED"), rows)


_NO_ENVIRONMENT: Json = {"name": "–", "liveDeploymentId": None, "url": None}


def open_in_browser(name: str | None, environment_name: str, as_json: bool) -> None:
    """Open the app's URL, and print it, since not every machine has a browser."""
    api = Api.connect()
    environment = get_environment(get_project(api, name), environment_name)
    url = environment["url"]
    if not url or not environment["liveDeploymentId"]:
        raise CommandError(
            f"Nothing is live in {environment_name}.", remedy="Run `autodeploy deploy` first."
        )
    opened = webbrowser.open(url)
    if as_json:
        print_json({"url": url, "localUrl": environment["localUrl"], "opened": opened})
    else:
        print_fields({"URL": url, "LOCAL": environment["localUrl"] or "–"})


def destroy(name: str, *, yes: bool, as_json: bool) -> None:
    """Remove a project, after its name was typed again or with ``yes``."""
    api = Api.connect()
    project = get_project(api, name)
    if not yes:
        say(
            f"This removes the project {project['name']} with its releases, addresses, variables "
            "and databases. It cannot be undone."
        )
        if typer.prompt("Type the name of the project to go on", err=True) != project["name"]:
            raise CommandError(
                "That is not its name: nothing was removed.", exit_code=ExitCode.USAGE
            )
    api.delete(f"/projects/{project['id']}")
    if as_json:
        print_json({"id": project["id"], "name": project["name"], "destroyed": True})
    else:
        say(f"Removed {project['name']}.")
