"""Backups of databases: make, list, restore."""

from autodeploy.cli.failures import CommandError
from autodeploy.cli.terminal import ago, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.databases import (
    Wanted,
    confirm,
    find,
    require_well,
    size,
    watch,
)
from autodeploy.cli.user.projects import get_project

_LATEST = "latest"


def back_up(wanted: Wanted, *, detach: bool) -> None:
    """Make a backup and wait until it was restored and compared."""
    api = Api.connect()
    path = f"/databases/{find(api, wanted)['id']}/backups"
    made = api.post(path)
    if not detach:
        made = watch(
            lambda: api.get(f"{path}/{made['id']}"),
            until=lambda now: now["status"] in ("verified", "failed"),
        )
        require_well(made)
    if wanted.as_json:
        print_json(made)
    else:
        print(made["id"])  # noqa: T201 - the result


def show_all(wanted: Wanted, *, everything: bool) -> None:
    """List backups, the newest first."""
    api = Api.connect()
    if everything:
        path = f"/projects/{get_project(api, wanted.project)['id']}/database-backups"
    else:
        path = f"/databases/{find(api, wanted)['id']}/backups"
    found = list(api.items(path))
    if wanted.as_json:
        print_json({"items": found})
        return
    if not found:
        say("There are no backups yet; `autodeploy db backup` makes one.")
        return
    rows = [
        (
            item["id"],
            item["databaseName"],
            item["kind"],
            item["status"],
            size(item["sizeBytes"]),
            "–" if item["rows"] is None else str(item["rows"]),
            ago(item["createdAt"]),
        )
        for item in found
    ]
    print_table(("ID", "DATABASE", "KIND", "STATUS", "SIZE", "ROWS", "MADE"), rows)


def restore(wanted: Wanted, backup: str, *, into: str | None, yes: bool, detach: bool) -> None:
    """Restore a backup and wait until the database holds it."""
    api = Api.connect()
    database = find(api, wanted)
    backup_id = _latest(database) if backup == _LATEST else backup
    body: dict[str, object] = {"backupId": backup_id}
    if into is not None:
        body["name"] = into
    else:
        if not yes:
            say(
                f"This replaces what the database {wanted.name} of {wanted.environment} holds, "
                "and ends its connections. What it holds is backed up first."
            )
            confirm(database["name"])
        body["confirm"] = database["name"]
    asked = api.post(f"/databases/{database['id']}/restore", body)
    if not detach:
        asked = watch(
            lambda: _find_restore(api, asked), until=lambda now: now["status"] != "pending"
        )
        require_well(asked)
    if wanted.as_json:
        print_json(asked)
    else:
        say(f"{'Restoring' if detach else 'Restored'} {backup_id} into {into or wanted.name}.")


def _latest(database: Json) -> str:
    if database["lastBackup"] is None:
        raise CommandError(
            f"{database['name']} has no backup that is verified.",
            remedy="`autodeploy db backups` lists all; name one by its id.",
            code="not_found",
        )
    return str(database["lastBackup"]["id"])


def _find_restore(api: Api, asked: Json) -> Json:
    path = f"/databases/{asked['databaseId']}/restores"
    return next((each for each in api.items(path) if each["id"] == asked["id"]), asked)
