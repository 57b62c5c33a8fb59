"""The audit log of an organization, or of the caller's account: who changed what, from where."""

import itertools
import json
from dataclasses import dataclass

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import clock, paint, print_json, printable, say, table_lines
from autodeploy.cli.times import moment
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.members import get_member
from autodeploy.cli.user.organizations import get_organization
from autodeploy.cli.user.projects import is_id

DEFAULT_LIMIT = 50
_HEADINGS = ("WHEN (UTC)", "WHO", "BY", "WHAT", "ON", "FROM")
_CREDENTIALS = {"user": "session", "anonymous": "no credential"}


@dataclass(frozen=True)
class AuditOptions:
    """The arguments of ``autodeploy audit``. ``limit`` None: 50, or with ``since`` all."""

    organization: str | None
    since: str | None = None
    action: str | None = None
    user: str | None = None
    limit: int | None = None
    with_changes: bool = False
    as_json: bool = False


def run(options: AuditOptions) -> None:
    """Print the newest entries that are asked for."""
    since = None if options.since is None else moment(options.since, "--since").isoformat()
    api = Api.connect()
    place = None
    if options.organization is not None:
        place = get_organization(api, options.organization)
    path = f"/organizations/{place['id']}/audit-log" if place else "/auth/audit-log"
    found = api.items(
        path, since=since, action=options.action, userId=_user_id(api, place, options.user)
    )
    limit = options.limit or (None if since else DEFAULT_LIMIT)
    entries = list(itertools.islice(found, limit))
    if options.as_json:
        print_json({"items": entries})
    elif not entries:
        say("No entry is like that.")
    else:
        _print(entries, with_changes=options.with_changes)


def _user_id(api: Api, organization: Json | None, user: str | None) -> str | None:
    """Entries name accounts by their ids. An address is looked for among those who are members
    by now, so of others the id has to be given."""
    if user is None or is_id(user):
        return user
    if organization is None:
        raise CommandError(
            "An e-mail address can be found among the members of an organization alone.",
            remedy="Give --org too, or the id of the account.",
            exit_code=ExitCode.USAGE,
        )
    member_id: str = get_member(api, organization, user)["userId"]
    return member_id


def _print(entries: list[Json], *, with_changes: bool) -> None:
    head, *lines = table_lines(_HEADINGS, [_row(entry) for entry in entries])
    paint(head, bold=True)
    for line, entry in zip(lines, entries, strict=True):
        paint(line)
        for change in _changes(entry) if with_changes else ():
            paint(f"    {printable(change)}", dim=True)


def _row(entry: Json) -> tuple[str, ...]:
    token = f" {entry['tokenId'][:8]}" if entry["tokenId"] else ""
    actor = entry["actor"]
    return (
        clock(entry["createdAt"]),
        entry["user"] or entry["userId"] or "–",
        _CREDENTIALS.get(actor, actor.replace("_", " ")) + token,
        entry["action"],
        f"{entry['objectType'].replace('_', ' ')} {entry['objectId'] or ''}".strip(),
        entry["address"] or "–",
    )


def _changes(entry: Json) -> list[str]:
    """Each field that changed, and the program that it came from."""
    lines = [
        f"{each['field']}: changed, and not shown"
        if each["hidden"]
        else f"{each['field']}: {_value(each['before'])} → {_value(each['after'])}"
        for each in entry["changes"]
    ]
    return [*lines, f"with {entry['userAgent']}"] if entry["userAgent"] else lines


def _value(value: object) -> str:
    return "–" if value is None else json.dumps(value, ensure_ascii=False)
