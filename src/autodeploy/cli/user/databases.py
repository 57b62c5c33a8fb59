"""Databases of a project: make, show, measure, give another password, delete."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import ask
from autodeploy.cli.terminal import ago, print_fields, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.projects import get_project

_PAUSE_SECONDS = 0.5
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Wanted:
    """Which database, and how the answer is printed."""

    name: str
    project: str | None
    environment: str
    as_json: bool


def show_all(project_name: str | None, as_json: bool) -> None:
    """List the databases of a project."""
    api = Api.connect()
    project = get_project(api, project_name)
    found = list(api.items("/databases", project=project["id"]))
    if as_json:
        print_json({"items": found})
        return
    if not found:
        say(f"{project['name']} has no databases; `autodeploy db create` makes one.")
        return
    rows = [
        (
            item["name"],
            item["environment"],
            item["engine"],
            item["provider"],
            item["status"],
            ago(item["lastBackup"]["createdAt"]) if item["lastBackup"] else "none",
        )
        for item in found
    ]
    print_table(("NAME", "ENVIRONMENT", "ENGINE", "PROVIDER", "STATUS", "GOOD BACKUP"), rows)


def create(
    wanted: Wanted,
    *,
    engine: str,
    provider: str,
    plan: str,
    region: str | None,
    backup: str | None,
    ignore_budget: bool,
    detach: bool,
) -> None:
    """Make a database and wait until it is available."""
    api = Api.connect()
    project = get_project(api, wanted.project)
    made = api.post(
        "/databases",
        {
            "projectId": project["id"],
            "environment": wanted.environment,
            "name": wanted.name,
            "engine": engine,
            "provider": provider,
            "plan": plan,
            "ignoreBudget": ignore_budget,
            **({"backupId": backup} if backup else {}),
            **({"region": region} if region else {}),
        },
    )
    if not detach:
        path = f"/databases/{made['id']}"
        made = watch(lambda: api.get(path), until=lambda now: now["status"] != "provisioning")
        require_well(made)
    _print(made, wanted)


def show(wanted: Wanted) -> None:
    """Show one database, without its URL."""
    _print(find(Api.connect(), wanted), wanted)


def show_url(wanted: Wanted) -> None:
    """Show the URL with its password, alone on its line."""
    api = Api.connect()
    answer = api.get(f"/databases/{find(api, wanted)['id']}/credentials")
    if wanted.as_json:
        print_json(answer)
    else:
        print(answer["url"])  # noqa: T201 - the result


def metrics(wanted: Wanted) -> None:
    """Show how a database fares now."""
    api = Api.connect()
    found = api.get(f"/databases/{find(api, wanted)['id']}/metrics")
    if wanted.as_json:
        print_json(found)
        return
    sessions, ended = found["connections"], found["transactions"]
    ratio, server = found["cache"]["hitRatio"], found["server"]
    print_fields(
        {
            "SIZE": _told(found["sizeBytes"], size),
            "CONNECTIONS": _told(sessions["total"], lambda total: _connections(total, sessions)),
            "TRANSACTIONS": _told(
                ended["committed"],
                lambda committed: (
                    f"{committed} committed, {ended['rolledBack']} rolled back, "
                    f"{ended['deadlocks']} deadlocks"
                ),
            ),
            "CACHE": _told(ratio, lambda share: f"{share:.1%} of the pages read were in memory"),
            "CPU": _told(server["cpuCores"], lambda cores: f"{cores:.2f} cores"),
            "MEMORY": _told(server["memoryBytes"], size),
        }
    )
    rows = [
        (
            f"{item['totalMilliseconds']:.1f}",
            f"{item['meanMilliseconds']:.2f}",
            str(item["calls"]),
            " ".join(item["query"].split())[:100],
        )
        for item in found["slowestStatements"]
    ]
    if rows:
        print_table(("TOTAL MS", "MEAN MS", "CALLS", "STATEMENT"), rows)


def _connections(total: int, sessions: dict[str, Any]) -> str:
    if sessions["limit"] is None:
        return str(total)
    return (
        f"{total} of {sessions['limit']}, {sessions['active']} active, "
        f"{sessions['idleInTransaction']} idle in a transaction"
    )


def _told(value: Any, shown: Callable[[Any], str]) -> str:
    """What a provider measured; a dash for what it does not tell."""
    return "–" if value is None else shown(value)


def rotate(wanted: Wanted, *, revoke: bool, yes: bool) -> None:
    """Give a database another password and wait until its URL has it."""
    api = Api.connect()
    database = find(api, wanted)
    if revoke and not yes:
        say("The present password ends at once: what uses it fails until it is deployed again.")
        confirm(database["name"])
    path = f"/databases/{database['id']}"
    api.post(f"{path}/rotate", {"revoke": revoke})
    rotated = watch(
        lambda: api.get(path),
        until=lambda now: (now["rotation"] or {}).get("status") != "pending",
    )
    require_well(rotated)
    if wanted.as_json:
        print_json(rotated)
    else:
        say("The URL has another password. `autodeploy deploy` brings it to the app; the one")
        say("before ends then." if not revoke else "before has ended.")


def pause(wanted: Wanted, *, force: bool, detach: bool) -> None:
    """Pause a database and wait until it is."""
    _change(wanted, "pause", while_="pausing", detach=detach, force=force)


def resume(wanted: Wanted, *, detach: bool) -> None:
    """Bring a paused database back and wait until it answers."""
    _change(wanted, "resume", while_="provisioning", detach=detach)


def _change(wanted: Wanted, what: str, *, while_: str, detach: bool, force: bool = False) -> None:
    api = Api.connect()
    path = f"/databases/{find(api, wanted)['id']}"
    changed = api.post(f"{path}/{what}{'?force=true' if force else ''}")
    if not detach:
        changed = watch(lambda: api.get(path), until=lambda now: now["status"] != while_)
        require_well(changed)
    if wanted.as_json:
        print_json(changed)
    else:
        say(f"The database {changed['name']} is {changed['status']}.")


def delete(wanted: Wanted, *, force: bool, backup: bool, yes: bool, detach: bool) -> None:
    """Delete a database, after its name was typed again or with ``yes``."""
    api = Api.connect()
    database = find(api, wanted)
    if not yes:
        has_last = backup and database["engine"] == "postgresql"
        last = "A last backup is made and kept for 30 days." if has_last else "There is no backup."
        say(f"This deletes the database {wanted.name} of {wanted.environment}. {last}")
        confirm(database["name"])
    path = f"/databases/{database['id']}"
    api.delete(
        path,
        confirm=database["name"],
        force=str(force).lower(),
        backup=str(backup).lower(),
    )
    if not detach:
        _wait_until_gone(api, path)
    if wanted.as_json:
        print_json({"id": database["id"], "name": database["name"], "deleted": not detach})
    else:
        say(f"{'Deleting' if detach else 'Deleted'} {database['name']}.")


def find(api: Api, wanted: Wanted) -> Json:
    """The database that is meant. Raises ``CommandError`` with those that there are."""
    project = get_project(api, wanted.project)
    known = list(api.items("/databases", project=project["id"]))
    for database in known:
        if (database["name"], database["environment"]) == (wanted.name, wanted.environment):
            return database
    names = ", ".join(f"{each['name']} of {each['environment']}" for each in known)
    raise CommandError(
        f"{project['name']} has no database {wanted.name!r} in {wanted.environment} "
        f"(it has: {names or 'none'}).",
        remedy="Name one of those, or make one with `autodeploy db create`.",
        code="not_found",
    )


def watch(read: Callable[[], Json], *, until: Callable[[Json], bool]) -> Json:
    """Read again and again, telling each new status and notice, until it is over."""
    told: set[str] = set()
    while True:
        found = read()
        for each in (found["status"], found.get("notice")):
            if each and each not in told:
                told.add(each)
                say(f"  {each}")
        if until(found):
            return found
        time.sleep(_PAUSE_SECONDS)


def require_well(found: Json) -> None:
    """Raise ``CommandError`` with the error that a database, backup or restore ended with."""
    if found["error"]:
        raise CommandError(
            found["error"]["message"],
            code=found["error"]["code"],
            remedy=f"`autodeploy explain {found['error']['code']}` says more.",
        )


def confirm(name: str) -> None:
    """Raise ``CommandError`` unless the user types ``name``."""
    answer = ask("Type the name of the database to go on", remedy="Give --yes to go without.")
    if answer != name:
        raise CommandError(
            "That is not its name: nothing was changed.",
            remedy=f"Type {name} as it is written.",
            exit_code=ExitCode.USAGE,
        )


def size(count: int | None) -> str:
    """Bytes as people read them: ``7.5 MB``."""
    if count is None:
        return "–"
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.{1 if unit else 0}f} {_UNITS[unit]}"


def _wait_until_gone(api: Api, path: str) -> None:
    def read() -> Json:
        try:
            return api.get(path)
        except CommandError as failure:
            if failure.code != "not_found":
                raise
            return {"status": "deleted"}

    left = watch(read, until=lambda now: now["status"] != "deleting")
    if left["status"] != "deleted":
        require_well(left)


def _print(database: Json, wanted: Wanted) -> None:
    if wanted.as_json:
        print_json(database)
        return
    kept = database["backups"]
    last = database["lastBackup"]
    print_fields(
        {
            "DATABASE": f"{database['name']} of {database['project']['name']}, "
            f"{database['environment']}",
            "ENGINE": database["engine"],
            "STATUS": database["status"]
            + (f": {database['error']['message']}" if database["error"] else ""),
            "NOTICE": database["notice"] or "–",
            "PROVIDER": f"{database['provider']}, plan {database['plan']}"
            + (f", region {database['region']}" if database["region"] else ""),
            "BACKUPS": kept["schedule"]
            + ("" if kept["schedule"] == "off" else f" at {kept['hour']:02d}:00 UTC"),
            "GOOD BACKUP": f"{last['id']}, {ago(last['createdAt'])}" if last else "none",
        }
    )
