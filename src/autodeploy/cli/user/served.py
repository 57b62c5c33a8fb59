"""What the ``domains`` commands do."""

import time

from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import print_fields, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json, segment
from autodeploy.cli.user.projects import get_project

# How long a worker may take to learn the records of a domain, and how often it is looked for.
PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.5


def show_all(project_name: str | None, as_json: bool) -> None:
    """List the domains of a project."""
    api = Api.connect()
    project = get_project(api, project_name)
    found: list[Json] = api.get(f"/projects/{project['id']}/domains")["items"]
    if as_json:
        print_json({"items": found})
        return
    if not found:
        say(f"{project['name']} has no domains; `autodeploy domains add` adds one.")
        return
    rows = [
        (each["name"], each["environment"], each["provider"] or "–", each["state"])
        for each in found
    ]
    print_table(("DOMAIN", "ENVIRONMENT", "PROVIDER", "STATE"), rows)
    for each in found:
        _explain(each)


def add(
    project_name: str | None, environment: str, name: str, *, detach: bool, as_json: bool
) -> None:
    """Add a domain, and unless ``detach`` wait until its records are known."""
    api = Api.connect()
    project = get_project(api, project_name)
    path = f"/projects/{project['id']}/domains"
    asked = api.post(path, {"name": name, "environment": environment})
    _show(asked if detach else _looked_at(api, path, asked), as_json)


def verify(project_name: str | None, name: str, *, detach: bool, as_json: bool) -> None:
    """Have a domain looked at again, and unless ``detach`` wait for what is found."""
    api = Api.connect()
    project = get_project(api, project_name)
    path = f"/projects/{project['id']}/domains"
    asked = api.post(f"{path}/{segment(name)}/verify")
    _show(asked if detach else _looked_at(api, path, asked), as_json)


def remove(project_name: str | None, name: str, *, yes: bool, as_json: bool) -> None:
    """Remove a domain, after its name was typed again or with ``yes``."""
    api = Api.connect()
    project = get_project(api, project_name)
    if not yes:
        say(f"{project['name']} is not reached at {name} any more.")
        require_typed(name, "name of the domain")
    gone = api.delete(f"/projects/{project['id']}/domains/{segment(name)}")
    if as_json:
        print_json(gone)
    else:
        say(f"{gone['name']} is being removed.")


def _looked_at(api: Api, path: str, asked: Json) -> Json:
    """The domain once a worker has looked at it, or when that takes long."""
    if asked["nextCheckAt"] is None:
        return asked
    deadline = time.monotonic() + PATIENCE_SECONDS
    now = asked
    while now["nextCheckAt"] == asked["nextCheckAt"] and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
        found = [each for each in api.get(path)["items"] if each["id"] == asked["id"]]
        if not found:
            break
        now = found[0]
    return now


def _show(domain: Json, as_json: bool) -> None:
    if as_json:
        print_json(domain)
        return
    print_fields(
        {
            "DOMAIN": domain["name"],
            "ENVIRONMENT": domain["environment"],
            "PROVIDER": domain["provider"] or "–",
            "STATE": domain["state"],
        }
    )
    _explain(domain)


def _explain(domain: Json) -> None:
    """What is to be done for a domain, on standard error."""
    error = domain["error"]
    if error:
        say(f"{domain['name']}: {error['message']} ({error['code']})")
    if error and error["remedy"]:
        say(f"Next: {error['remedy']}")
    if domain["state"] == "pending" and not domain["records"] and not domain["error"]:
        say(f"{domain['name']} waits for the first deployment of {domain['environment']}.")
    if domain["records"]:
        say(f"Set these records where the DNS of {domain['name']} is kept:")
    for record in domain["records"]:
        say(f"  {record['name']}  {record['type']}  {record['value']}")
