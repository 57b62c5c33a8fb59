"""What ``drift`` does: show what is otherwise at a provider than declared, and set it again."""

from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import print_json, print_table, printable, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.deploy import finish
from autodeploy.cli.user.projects import get_project

_WORDS = {
    "app": "the app is not there",
    "release": "another release has the traffic",
    "suspended": "it is switched off there",
    "variable_missing": "the variable is not set there",
    "variable_changed": "the variable has another value there",
    "variable_extra": "the variable is set there alone",
    "plan": "it is of another plan",
    "region": "it is in another region",
    "instances": "another number of processes runs",
    "health_path": "its health is asked at another path",
    "repository": "it is built from another repository",
    "branch": "it is built from another branch",
    "root_directory": "it is built in another folder",
    "runtime": "it is built for another runtime",
    "build_command": "another command builds it",
    "dockerfile": "another Dockerfile builds it",
    "docker_context": "its Dockerfile is built from another folder",
    "pre_deploy_command": "another command is run before a release",
    "start_command": "another command starts it",
    "output_directory": "another folder is served",
    "schedule": "it is run at other times",
    "auto_deploy": "pushes are deployed there, beside AutoDeploy",
    "auto_promote": "builds get the traffic before they are checked",
    "protection": "visitors are asked to sign in there",
    "domain": "the domain is not there",
    "domain_records": "what verifies the domain is not there any more",
    "database": "the database is not there",
    "database_state": "the database does not run",
    "database_plan": "the database is of another plan",
    "database_allow_list": "others are let in to the database",
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
        for each in _databases_to_set(found["items"]):
            say(printable(f"It also sets again: {each}."))
        require_typed(project["name"], "name of the project")
    deployment = api.post(f"{path}/reconcile", {"environment": environment})
    finish(api, deployment, detach=False, as_json=as_json)


def _show(project: Json, found: Json) -> None:
    where, provider, items = found["environment"], found["provider"], found["items"]
    if items:
        rows = [
            (
                each["name"] or each["kind"],
                _WORDS.get(each["kind"], each["kind"]),
                each["declared"] or "–",
                each["found"] or "–",
                _what_helps(each),
            )
            for each in items
        ]
        print_table(("WHAT", "HOW IT DIFFERS", "DECLARED", "THERE", ""), rows)
        for each in items:
            if each["remedy"]:
                say(printable(f"{each['name'] or each['kind']}: {each['remedy']}"))
        if any(each["reconcilable"] for each in items):
            say("`autodeploy drift --fix` sets what was declared again.")
    else:
        say(f"{project['name']} in {where} is at {provider} as it was declared.")
    if found["unread"]:
        say(f"{provider} does not tell the values of {', '.join(found['unread'])}.")
    for each in found["unasked"]:
        name, at, why = each["name"], each["provider"], each["reason"]
        say(printable(f"{at} does not tell how the database {name} is: {why}"))
    if found["pending"]:
        say(f"Changed here since the release, and set by the next: {', '.join(found['pending'])}.")


def _databases_to_set(items: list[Json]) -> list[str]:
    """What is changed of databases, which may be elsewhere than the app."""
    return [
        f"the database {each['name']} at {each['provider']} ({_WORDS.get(each['kind'], '')}: "
        f"{each['found'] or 'nothing'}, declared as {each['declared'] or 'nothing'})"
        for each in items
        if each["kind"].startswith("database") and each["reconcilable"]
    ]


def _what_helps(item: Json) -> str:
    if item["reconcilable"]:
        return ""
    return "see below" if item["remedy"] else "change it there"
