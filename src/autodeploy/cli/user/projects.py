"""Projects: finding the one that is meant, listing, opening and removing them."""

import os
import sys
import webbrowser
from difflib import get_close_matches
from uuid import UUID

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import ago, print_fields, print_json, print_table, say
from autodeploy.cli.user.app_file import current_folder, read_app_file
from autodeploy.cli.user.client import Api, Json, segment
from autodeploy.cli.user.sources import project_slug

COMPLETION_SECONDS = 1.5
# The platform waits for its workers for half of this, and then lets them go on.
DELETION_SECONDS = 60.0


def find_project(api: Api, name: str, organization_id: str | None = None) -> Json | None:
    """The project whose slug, name or id is ``name``, of an organization or of any.

    Raises:
        CommandError: several organizations have one.
    """
    return _match(list_projects(api, organization_id), name)


def list_projects(api: Api, organization_id: str | None = None) -> list[Json]:
    """The projects of an organization, or all that the caller sees."""
    found = api.items("/projects")
    return [each for each in found if organization_id in (None, each["organizationId"])]


def this_project() -> str:
    """The name of the project that the current folder is: what its ``autodeploy.toml`` says, else
    the folder's own."""
    folder = current_folder()
    return read_app_file(folder).project or project_slug(folder.name)


def get_project(api: Api, name: str | None, organization_id: str | None = None) -> Json:
    """The project called ``name``, by default that of the current folder.

    Raises:
        CommandError: there is none, with the name that was probably meant, or there are several.
    """
    wanted = this_project() if name is None else _said(name)
    projects = list_projects(api, organization_id)
    found = _match(projects, wanted)
    if found is not None:
        return found
    meant = get_close_matches(project_slug(wanted), [each["slug"] for each in projects], n=1)
    question = f"Did you mean `{meant[0]}`? " if meant else ""
    of_folder = "" if name else " The folder has that name; another can be named."
    raise CommandError(
        f"There is no project {wanted!r}.{of_folder}",
        remedy=f"{question}`autodeploy projects` lists them; `autodeploy deploy` makes one.",
        code="not_found",
    )


def _said(name: str) -> str:
    """A name that was given. An empty one is a variable that is not set in somebody's script:
    nothing may be done to the folder's own project instead."""
    if not name.strip():
        raise CommandError(
            "The name of the project is empty.",
            remedy="Name it, or leave it out: then it is the current folder's.",
            exit_code=ExitCode.USAGE,
        )
    return name


def _match(projects: list[Json], name: str) -> Json | None:
    """The project that is meant. Slugs differ within an organization, so of the same one in two
    neither is taken: what was meant for one would be done to the other."""
    slug = project_slug(name)
    wanted = (("id", name), ("slug", name), ("name", name), ("slug", slug))
    for field, value in wanted:
        found = [project for project in projects if project[field] == value]
        if len({project["organizationId"] for project in found}) > 1:
            raise _ambiguous(name, found)
        if found:
            return found[0]
    return None


def _ambiguous(name: str, found: list[Json]) -> CommandError:
    ids = ", ".join(project["id"] for project in found)
    return CommandError(
        f"{len(found)} organizations have a project {name!r}.",
        remedy=f"Name one by its id: {ids}. `autodeploy projects --json` says whose each is; "
        "`deploy` takes --org.",
        exit_code=ExitCode.USAGE,
    )


def complete_project(incomplete: str) -> list[str]:
    """The projects whose name begins so, for the shell; none when the platform does not answer
    at once. It never prints or raises: the user is in the middle of a line."""
    try:
        api = Api.connect(timeout_seconds=COMPLETION_SECONDS)
        return [each["slug"] for each in api.items("/projects")
                if each["slug"].startswith(incomplete)]  # fmt: skip
    except Exception:
        return []


def get_environment(project: Json, name: str) -> Json:
    """The environment ``name`` of a project.

    Raises:
        CommandError: it has none of that name.
    """
    for environment in project["environments"]:
        if environment["name"] == name:
            found: Json = environment
            return found
    known = [str(item["name"]) for item in project["environments"]]
    meant = get_close_matches(name, known, n=1)
    question = f"Did you mean `{meant[0]}`? " if meant else ""
    raise CommandError(
        f"Project {project['name']} has no environment {name!r} "
        f"(it has: {', '.join(known) or 'none yet'}).",
        remedy=f"{question}Deploy to it first, or name another with --environment.",
        code="not_found",
    )


def latest_deployment(api: Api, project: Json, environment: str) -> Json:
    """The newest deployment of an environment."""
    for deployment in api.items(f"/projects/{project['id']}/deployments"):
        if deployment["environment"] == environment:
            return deployment
    raise CommandError(
        f"Project {project['name']} has no deployment in {environment}.",
        remedy="`autodeploy deploy` makes one.",
        code="not_found",
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


def run(search: str | None, as_json: bool) -> None:
    """List the projects, or those that match ``search``, the best match first."""
    api = Api.connect()
    found = list(api.items("/projects", q=search))
    if as_json:
        print_json({"items": found})
        return
    if not found and search:
        say(f"No project matches {search!r}. `autodeploy projects` lists all.")
        return
    if not found:
        say("No projects yet. `autodeploy deploy` in a folder makes one.")
        return
    rows = [
        (
            project["slug"],
            environment["name"],
            _state_word(environment),
            _address(environment),
            ago(project["updatedAt"]),
        )
        for project in found
        for environment in project["environments"] or [_NO_ENVIRONMENT]
    ]
    print_table(("PROJECT", "ENVIRONMENT", "STATE", "URL", "CHANGED"), rows)


def address_fields(shown: Json) -> dict[str, str]:
    """Where a deployment or what is live in an environment is reached: by everybody and by programs
    of its machine, or where it is private, by other apps alone."""
    if shown.get("private"):
        return {"PRIVATE": shown["url"] or "–"}
    return {"URL": shown["url"] or "–", "LOCAL": shown["localUrl"] or "–"}


def _address(environment: Json) -> str:
    """The same in one cell of a table."""
    url: str = environment["url"] or "–"
    return f"{url} (private)" if environment.get("private") else url


def _state_word(environment: Json) -> str:
    """How an environment fares, in a word; what runs as it should is live."""
    if not environment["liveDeploymentId"]:
        return "–"
    state = (environment.get("runtime") or {}).get("state")
    return "live" if state in (None, "running") else str(state)


def warn_of_trouble(environment: Json) -> None:
    """Where a live app does not run as it should, say so and where its reasons are."""
    runtime = environment.get("runtime") or {}
    state, reason = runtime.get("state"), runtime.get("reason")
    if state in ("restarting", "crashed"):
        name, live = environment["name"], environment["liveDeploymentId"]
        say(f"The app in {name} is {state}: `autodeploy logs {live}` shows what it printed.")
    elif state == "replaced":
        say(
            f"Another release has the traffic of {environment['name']}: somebody gave it that at "
            f"{environment['provider']}. `autodeploy deploy` takes it back."
        )
    elif reason == "removed_at_provider":
        say(
            f"{environment['provider']} does not have the app in {environment['name']} any more. "
            "`autodeploy deploy` brings it back."
        )
    elif state == "unknown":
        say(
            f"{environment['provider']} does not tell how the app in {environment['name']} fares "
            f"({reason}): `autodeploy explain {reason}`."
        )


_NO_ENVIRONMENT: Json = {"name": "–", "liveDeploymentId": None, "url": None}


def open_in_browser(name: str | None, environment_name: str, as_json: bool) -> None:
    """Open the app's URL, and print it, since not every machine has a browser. A private app is
    for other apps: it is not opened."""
    api = Api.connect()
    environment = get_environment(get_project(api, name), environment_name)
    url = environment["url"]
    if not url or not environment["liveDeploymentId"]:
        raise CommandError(
            f"Nothing is live in {environment_name}.", remedy="Run `autodeploy deploy` first."
        )
    warn_of_trouble(environment)
    opened = not environment.get("private") and _has_display() and webbrowser.open(url)
    if as_json:
        print_json({"url": url, "localUrl": environment["localUrl"], "opened": opened})
    else:
        print_fields(address_fields(environment))


def _has_display() -> bool:
    """Whether a browser would have a window. Without, one for terminals would take the screen."""
    known = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in known)


def list_environments(name: str | None, as_json: bool) -> None:
    """List the environments of a project."""
    api = Api.connect()
    project = get_project(api, name)
    found: list[Json] = api.get(f"/projects/{project['id']}/environments")["items"]
    if as_json:
        print_json({"items": found})
        return
    rows = [(each["name"], each["provider"], _state_word(each), _address(each)) for each in found]
    print_table(("ENVIRONMENT", "PROVIDER", "STATE", "URL"), rows)


def create_environment(
    project_name: str | None, name: str, copy_from: str | None, as_json: bool
) -> None:
    """Make an environment, with the variables of another one where ``copy_from`` names it."""
    api = Api.connect()
    project = get_project(api, project_name)
    body = {"name": name, "copyFrom": copy_from}
    made = api.post(f"/projects/{project['id']}/environments", body)
    if as_json:
        print_json(made)
    else:
        say(f"Made {name}. `autodeploy deploy --environment {name}` deploys to it.")


def delete_environment(
    project_name: str | None, name: str, *, backup: bool, yes: bool, as_json: bool
) -> None:
    """Delete an environment, after its name was typed again or with ``yes``."""
    api = Api.connect(DELETION_SECONDS)
    project = get_project(api, project_name)
    get_environment(project, name)
    if not yes:
        last = (
            "Last backups of databases are kept for 30 days."
            if backup
            else "There are no last backups of databases."
        )
        say(
            f"This takes down what is live in {name} of {project['name']}, and deletes its "
            f"variables and databases. It cannot be undone. {last}"
        )
        require_typed(name, "name of the environment")
    path = f"/projects/{project['id']}/environments/{segment(name)}"
    api.delete(path, confirm=name, backup=str(backup).lower())
    if as_json:
        print_json({"name": name, "deleted": True})
    else:
        say(f"Deleted {name}.")


def remove_kept(
    project_name: str | None, name: str, provider: str, *, yes: bool, as_json: bool
) -> None:
    """Remove what an earlier provider keeps, after its name was typed again or with ``yes``."""
    api = Api.connect()
    project = get_project(api, project_name)
    get_environment(project, name)
    if not yes:
        say(
            f"This removes what {provider} keeps of {name} of {project['name']}: it cannot be "
            "rolled back to any more. What is live elsewhere stays."
        )
        require_typed(provider, "name of the provider")
    api.delete(f"/projects/{project['id']}/environments/{segment(name)}/kept/{segment(provider)}")
    if as_json:
        print_json({"name": name, "provider": provider, "removing": True})
    else:
        say(f"What {provider} keeps of {name} is being removed.")


def destroy(name: str, *, yes: bool, as_json: bool) -> None:
    """Remove a project, after its name was typed again or with ``yes``."""
    api = Api.connect(DELETION_SECONDS)
    project = get_project(api, name)
    if not yes:
        say(
            f"This removes the project {project['name']} with its releases, addresses, variables "
            "and databases. It cannot be undone."
        )
        require_typed(project["name"], "name of the project")
    api.delete(f"/projects/{project['id']}")
    if as_json:
        print_json({"id": project["id"], "name": project["name"], "destroyed": True})
    else:
        say(f"Removed {project['name']}.")
