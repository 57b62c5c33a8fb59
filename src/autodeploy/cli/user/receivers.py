"""What webhooks and notification channels have in common on the command line."""

import time
from dataclasses import dataclass

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import ago, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.organizations import get_organization
from autodeploy.cli.user.projects import get_project

_PAUSE_SECONDS = 0.5
_LONGEST_SECONDS = 30.0


@dataclass(frozen=True)
class Kind:
    """``command`` is the group of commands, ``path`` that of the API, ``target`` the field that
    says where something is, ``test`` the call that tries it out."""

    noun: str
    command: str
    path: str
    target: str
    test: str


WEBHOOKS = Kind("webhook", "webhooks", "webhooks", "url", "ping")
CHANNELS = Kind("channel", "notifications", "notification-channels", "target", "test")


def list_path(api: Api, kind: Kind, organization: str | None) -> str:
    """Where the API lists those of an organization."""
    return f"/organizations/{get_organization(api, organization)['id']}/{kind.path}"


def wanted_body(api: Api, organization: str | None, events: list[str], projects: list[str]) -> Json:
    """What is to be told, as the API takes it: nothing where nothing was said of it."""
    body: Json = {}
    if events:
        body["events"] = events
    if projects:
        place = get_organization(api, organization)["id"]
        body["projects"] = [get_project(api, name, place)["id"] for name in projects]
    return body


def show(kind: Kind, organization: str | None, as_json: bool) -> None:
    """List those of an organization."""
    api = Api.connect()
    found = list(api.items(list_path(api, kind, organization)))
    if as_json:
        print_json({"items": found})
    elif not found:
        say(f"There is no {kind.noun}. `autodeploy {kind.command} add` makes one.")
    else:
        rows = [
            (
                each["id"],
                each.get("kind") or "webhook",
                each["name"],
                each[kind.target],
                _events(each),
                _state(each),
            )
            for each in found
        ]
        print_table(("ID", "KIND", "NAME", "TO", "EVENTS", "STATE"), rows)


def remove(kind: Kind, name: str, organization: str | None, *, yes: bool, as_json: bool) -> None:
    """Remove one, after its name was typed or with ``yes``."""
    api = Api.connect()
    path, found = get_receiver(api, kind, name, organization)
    if not yes:
        say(f"Nothing is sent to {found[kind.target]} any more, also not what waits.")
        require_typed(found["name"], f"name of the {kind.noun}")
    api.delete(path)
    if as_json:
        print_json({"id": found["id"], "name": found["name"], "removed": True})
    else:
        say(f"The {kind.noun} {found['name']} is removed.")


def switch(kind: Kind, name: str, organization: str | None, *, active: bool, as_json: bool) -> None:
    """Switch one on or off."""
    api = Api.connect()
    path, _ = get_receiver(api, kind, name, organization)
    changed = api.put(path, {"active": active})
    if as_json:
        print_json(changed)
    else:
        say(f"The {kind.noun} {changed['name']} is {'on' if active else 'off'}.")


def test(kind: Kind, name: str, organization: str | None, as_json: bool) -> None:
    """Send something there and wait for what comes of it."""
    api = Api.connect()
    path, found = get_receiver(api, kind, name, organization)
    tried = wait_for_try(api, path, api.post(f"{path}/{kind.test}"))
    if as_json:
        print_json(tried)
    require_delivered(kind, found, tried)
    if not as_json:
        say(f"{found['name']} has it{_answered(tried)}.")


def wait_for_try(api: Api, path: str, delivery: Json) -> Json:
    """The delivery after it was tried once; as it is where no worker gets to it in time."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while delivery["status"] == "pending" and not _was_tried(delivery):
        if time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE_SECONDS)
        listed = api.items(f"{path}/deliveries")
        delivery = next((each for each in listed if each["id"] == delivery["id"]), delivery)
    return delivery


def require_delivered(kind: Kind, receiver: Json, delivery: Json) -> None:
    """Raise ``CommandError`` unless it was delivered."""
    if delivery["status"] == "delivered":
        return
    if not _was_tried(delivery):
        raise CommandError(
            "No worker has sent it yet.",
            remedy=f"`autodeploy {kind.command} list` shows later whether it fails; the "
            "platform's worker may be busy or stopped.",
            exit_code=ExitCode.TRY_AGAIN,
        )
    later = " It is tried again later." if delivery["status"] == "pending" else ""
    raise CommandError(
        f"{receiver['name']} did not get it: {delivery['error']}{later}",
        remedy=f"Check that {receiver[kind.target]} is right, and what its log says.",
    )


def get_receiver(api: Api, kind: Kind, name: str, organization: str | None) -> tuple[str, Json]:
    """The path and the answer of the one with this id, name or target.

    Raises:
        CommandError: there is none, or there are several of that name.
    """
    path = list_path(api, kind, organization)
    found = [
        each for each in api.items(path) if name in (each["id"], each["name"], each[kind.target])
    ]
    if len(found) == 1:
        return f"{path}/{found[0]['id']}", found[0]
    if not found:
        raise CommandError(
            f"There is no {kind.noun} {name!r}.",
            remedy=f"`autodeploy {kind.command} list` lists them.",
            code="not_found",
        )
    raise CommandError(
        f"{len(found)} {kind.noun}s are called {name!r}.",
        remedy=f"Name one by its id: {', '.join(each['id'] for each in found)}.",
        exit_code=ExitCode.USAGE,
    )


def _was_tried(delivery: Json) -> bool:
    """Whether the end of a try is known."""
    return bool(delivery["error"] or delivery["answerStatus"])


def _answered(delivery: Json) -> str:
    return f" (HTTP {delivery['answerStatus']})" if delivery["answerStatus"] else ""


def _events(each: Json) -> str:
    return "all" if each["events"] is None else ", ".join(each["events"])


def _state(each: Json) -> str:
    if each["offReason"]:
        return f"off ({each['offReason'].replace('_', ' ')})"
    return f"failing for {ago(each['failingSince'])}" if each["failingSince"] else "on"
