"""Push to deploy and previews: switched on and off, shown, approved."""

from collections.abc import Sequence

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import ago, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.projects import get_project

_SHOWN_DIGITS = 12


def switch_on(
    project_name: str | None,
    *,
    branches: Sequence[str] | None,
    paths: Sequence[str] | None,
    wait_for_ci: bool | None,
    previews: bool | None,
    as_json: bool,
) -> None:
    """Switch it on, with what is given; what is None stays."""
    given: Json = {
        "branches": dict(map(_branch, branches)) if branches else None,
        "paths": list(paths) if paths else None,
        "waitForCi": wait_for_ci,
        "previews": previews,
    }
    api = Api.connect()
    project = get_project(api, project_name)
    body = {name: value for name, value in given.items() if value is not None}
    settings = api.put(_path(project), body)
    if as_json:
        print_json(settings)
        return
    for branch, environment in settings["branches"].items():
        say(f"What is pushed to {branch} is deployed to {environment} of {project['name']}.")
    if settings["previews"]:
        say("Each open pull request gets an environment of its own.")
    say(f"`autodeploy push-to-deploy status {project['slug']}` shows how far it is.")


def switch_off(project_name: str | None, *, as_json: bool) -> None:
    api = Api.connect()
    project = get_project(api, project_name)
    api.delete(_path(project))
    if as_json:
        print_json({"project": project["id"], "enabled": False})
    else:
        say(f"Pushes do not deploy {project['name']} any more. What is live stays live.")


def show(project_name: str | None, *, as_json: bool) -> None:
    """How far each branch is, and whether GitHub calls."""
    api = Api.connect()
    project = get_project(api, project_name)
    status = api.get(f"{_path(project)}/status")
    if as_json:
        print_json(status)
        return
    if not status["enabled"]:
        say(f"Pushes do not deploy {project['name']}. `autodeploy push-to-deploy on` has them do.")
        return
    headings = ("BRANCH", "ENVIRONMENT", "HEAD", "DEPLOYED", "NOTE")
    print_table(headings, [_branch_row(each) for each in status["branches"]])
    say(_words_for(status["webhook"]))
    if status["previewsNote"]:
        say(f"Pull requests: {status['previewsNote']}")


def list_previews(project_name: str | None, *, as_json: bool) -> None:
    api = Api.connect()
    project = get_project(api, project_name)
    found = api.get(f"/projects/{project['id']}/previews")["items"]
    if as_json:
        print_json({"items": found})
    elif not found:
        say(
            f"{project['name']} has no previews. `autodeploy push-to-deploy on --previews` makes "
            "one of each open pull request."
        )
    else:
        headings = ("PULL", "TITLE", "BY", "COMMIT", "STATE", "URL")
        print_table(headings, [_preview_row(each) for each in found])


def approve(number: int, project_name: str | None, *, yes: bool, as_json: bool) -> None:
    """Approve the commit that the pull request has now, after a question or with ``yes``.

    Raises:
        CommandError: there is no such preview, or it is of no fork.
    """
    api = Api.connect()
    project = get_project(api, project_name)
    path = f"/projects/{project['id']}/previews"
    preview = _find(api.get(path)["items"], number, project)
    if not yes:
        say(
            f"{preview['commit']} by {preview['author'] or 'somebody'} ({preview['title']}) is "
            "built and run on your machines. Look at what it changes before."
        )
        require_typed(str(number), "number of the pull request")
    approved = api.post(f"{path}/{number}/approve", {"commit": preview["commit"]})
    if as_json:
        print_json(approved)
    else:
        say(f"{preview['commit'][:_SHOWN_DIGITS]} is deployed to {preview['environment']}.")


def _find(previews: Sequence[Json], number: int, project: Json) -> Json:
    found = next((each for each in previews if each["number"] == number), None)
    if found is None or found["commit"] is None:
        raise CommandError(
            f"{project['name']} has no preview of pull request {number}.",
            remedy="`autodeploy previews list` shows those that there are.",
            code="not_found",
        )
    if found["approved"]:
        raise CommandError(
            f"Pull request {number} needs no approval.",
            remedy="Nothing has to be done: `autodeploy previews list` shows how it fares.",
        )
    return found


def _path(project: Json) -> str:
    return f"/projects/{project['id']}/push-to-deploy"


def _branch(text: str) -> tuple[str, str]:
    branch, separator, environment = text.rpartition("=")
    if not separator or not branch or not environment:
        raise CommandError(
            f"{text!r} does not say where a branch is deployed.",
            remedy="Write BRANCH=ENVIRONMENT, such as --branch main=production.",
            exit_code=ExitCode.USAGE,
        )
    return branch, environment


def _branch_row(each: Json) -> tuple[str, ...]:
    commits = [(each[name] or "–")[:_SHOWN_DIGITS] for name in ("head", "deployed")]
    return (each["branch"], each["environment"], *commits, each["note"] or "")


def _preview_row(each: Json) -> tuple[str, ...]:
    state = each["status"] or "–"
    if not each["approved"]:
        state = "waits for approval"
    return (
        str(each["number"]),
        each["title"],
        each["author"] or "–",
        (each["commit"] or "–")[:_SHOWN_DIGITS],
        each["note"] or state,
        each["url"] or "–",
    )


def _words_for(webhook: Json) -> str:
    match webhook["state"]:
        case "registered" if webhook["deliveredAt"]:
            return f"GitHub calls at each push, last {ago(webhook['deliveredAt'])}."
        case "registered":
            return "GitHub calls at each push."
        case "unavailable":
            return f"GitHub does not call, so branches are looked at: {webhook['note']}"
        case _:
            return "The webhook is being registered at GitHub."
