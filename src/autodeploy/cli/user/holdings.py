"""What the ``resources`` commands do."""

from autodeploy.cli.failures import CommandError
from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import ago, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.databases import size
from autodeploy.cli.user.projects import get_project

_ORPHANS = "/resources/orphans"


def list_held(
    project_name: str | None, *, kind: str | None, state: str | None, as_json: bool
) -> None:
    """Print what is held for the caller's projects, or for one."""
    api = Api.connect()
    project = get_project(api, project_name)["id"] if project_name else None
    found = list(api.items("/resources", project=project, kind=kind, state=state))
    if as_json:
        print_json({"items": found})
    elif not found:
        say("Nothing is held like that.")
    else:
        rows = [
            (
                each["kind"],
                each["state"].replace("_", " "),
                each["project"]["name"],
                each["environment"],
                each["provider"],
                *_last_columns(each, each["createdAt"]),
            )
            for each in found
        ]
        print_table(
            ("KIND", "STATE", "PROJECT", "ENVIRONMENT", "PROVIDER", "SIZE", "MADE", "NAME THERE"),
            rows,
        )


def list_orphans(*, as_json: bool) -> None:
    """Print what is nobody's."""
    found = list(Api.connect().items(_ORPHANS))
    if as_json:
        print_json({"items": found})
    elif not found:
        say("Nothing at the providers is nobody's.")
    else:
        rows = [
            (
                each["id"],
                each["kind"],
                "leaving" if each["removalRequestedAt"] else "orphan",
                each["provider"],
                *_last_columns(each, each["madeAt"]),
            )
            for each in found
        ]
        print_table(("ID", "KIND", "STATE", "PROVIDER", "SIZE", "MADE", "NAME THERE"), rows)


def remove(orphan_id: str, *, yes: bool, as_json: bool) -> None:
    """Ask for the removal of one, after its name at the provider was typed or with ``yes``."""
    api = Api.connect()
    if not yes:
        orphan = _find(api, orphan_id)
        say(
            f"This removes the {orphan['kind']} {orphan['externalId']} at {orphan['provider']} "
            "with all that it holds. It cannot be undone."
        )
        require_typed(orphan["externalId"], "name there")
    answer = api.delete(f"{_ORPHANS}/{orphan_id}")
    if as_json:
        print_json(answer)
    else:
        say(f"The {answer['kind']} {answer['externalId']} is being removed.")


def _find(api: Api, orphan_id: str) -> Json:
    found = next((each for each in api.items(_ORPHANS) if each["id"] == orphan_id), None)
    if found is not None:
        return found
    raise CommandError(
        f"There is no orphan {orphan_id}.",
        remedy="`autodeploy resources --orphans` lists those that there are.",
    )


def _last_columns(each: Json, made_at: str) -> tuple[str, str, str]:
    stored = each["sizeBytes"]
    return "–" if stored is None else size(stored), ago(made_at), each["externalId"] or "–"
