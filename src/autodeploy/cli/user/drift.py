"""What ``drift`` does: show what is otherwise at a provider than declared, and set it again."""

from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.deploy import finish
from autodeploy.cli.user.projects import get_project

_WORDS = {
    "app": "the app is not there",
    "release": "another release has the traffic",
    "variable_missing": "the variable is not set there",
    "variable_changed": "the variable has another value there",
    "variable_extra": "the variable is set there alone",
    "plan": "it is of another plan",
    "region": "it is in another region",
    "health_path": "its health is asked at another path",
    "runtime": "it is built and run by another runtime",
}


def run(project_name: str | None, environment: str, *, fix: bool, yes: bool, as_json: bool) -> None:
    """Show the drift of an environment; with ``fix`` set what was declared again."""
    api = Api.connect()
    project = get_project(api, project_name)
    path = f"/projects/{project['id']}/drift"
    found = api.get(path, environment=environment)
    if not fix:
        print_json(found) if as_json else _show(project, found)
        return
    if not as_json:
        _show(project, found)
    if not yes:
        say(
            f"This deploys what is live in {environment} of {project['name']} once more, and "
            f"overwrites what was changed at {found['provider']}."
        )
        require_typed(project["name"], "name of the project")
    deployment = api.post(f"{path}/reconcile", {"environment": environment})
    finish(api, deployment, detach=False, as_json=as_json)


def _show(project: Json, found: Json) -> None:
    where, provider = found["environment"], found["provider"]
    if found["items"]:
        rows = [
            (
                each["name"] or each["kind"],
                _WORDS.get(each["kind"], each["kind"]),
                each["declared"] or "–",
                each["found"] or "–",
                "" if each["reconcilable"] else "change it there",
            )
            for each in found["items"]
        ]
        print_table(("WHAT", "HOW IT DIFFERS", "DECLARED", "THERE", ""), rows)
        say("`autodeploy drift --fix` sets what was declared again.")
    else:
        say(f"{project['name']} in {where} is at {provider} as it was declared.")
    if found["unread"]:
        say(f"{provider} does not tell the values of {', '.join(found['unread'])}.")
    if found["pending"]:
        say(f"Changed here since the release, and set by the next: {', '.join(found['pending'])}.")
