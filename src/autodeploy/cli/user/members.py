"""Members of organizations: who they are, their roles and limits, and how they go."""

from difflib import get_close_matches

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import clock, print_fields, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.organizations import get_organization
from autodeploy.cli.user.projects import get_project, list_projects


def show(organization: str | None, as_json: bool) -> None:
    """List the members of an organization."""
    api = Api.connect()
    found = list(api.items(_members_path(get_organization(api, organization))))
    if as_json:
        print_json({"items": found})
        return
    rows = [(each["email"], each["name"], each["role"], clock(each["joinedAt"])) for each in found]
    print_table(("MEMBER", "NAME", "ROLE", "JOINED (UTC)"), rows)


def give_role(user: str, role: str, organization: str | None, as_json: bool) -> None:
    """Give a member another role."""
    api = Api.connect()
    place = get_organization(api, organization)
    member = get_member(api, place, user)
    changed = api.put(_member_path(place, member), {"role": role})
    if as_json:
        print_json(changed)
    else:
        say(f"{changed['email']} is {changed['role']} of {place['name']} now.")


def limit(
    user: str, names: list[str], *, lift: bool, organization: str | None, as_json: bool
) -> None:
    """Limit a member to some projects, lift the limit, or without either show it."""
    if names and lift:
        raise CommandError(
            "--project sets a limit, and --no-limit lifts it.",
            remedy="Give one of them.",
            exit_code=ExitCode.USAGE,
        )
    api = Api.connect()
    place = get_organization(api, organization)
    member = get_member(api, place, user)
    path = f"{_member_path(place, member)}/projects"
    if names or lift:
        ids = [get_project(api, name, place["id"])["id"] for name in names]
        limited = api.put(path, {"projects": None if lift else ids})
    else:
        limited = api.get(path)
    if as_json:
        print_json({"userId": member["userId"], "projects": limited["projects"]})
    else:
        print_fields({"MEMBER": member["email"], "PROJECTS": _in_words(api, place, limited)})


def _in_words(api: Api, organization: Json, limited: Json) -> str:
    if limited["projects"] is None:
        return f"all of {organization['name']}"
    slugs = {each["id"]: each["slug"] for each in list_projects(api, organization["id"])}
    return ", ".join(slugs.get(each, each) for each in limited["projects"]) or "none"


def remove(user: str, organization: str | None, *, yes: bool, as_json: bool) -> None:
    """End somebody's membership, after the address was typed again or with ``yes``."""
    api = Api.connect()
    place = get_organization(api, organization)
    member = get_member(api, place, user)
    if not yes:
        say(f"This removes {member['name']} ({member['email']}) from {place['name']}.")
        require_typed(member["email"], "e-mail address of the member")
    api.delete(_member_path(place, member))
    if as_json:
        print_json({"userId": member["userId"], "email": member["email"], "removed": True})
    else:
        say(f"Removed {member['email']} from {place['name']}.")


def leave(organization: str, *, yes: bool, as_json: bool) -> None:
    """End the caller's own membership, after the slug was typed again or with ``yes``."""
    api = Api.connect()
    place = get_organization(api, organization)
    if not yes:
        say(f"You will not see {place['name']} and its projects until you are invited again.")
        require_typed(place["slug"], "slug of the organization")
    me = api.get("/auth/me")["id"]
    api.delete(f"{_members_path(place)}/{me}")
    if as_json:
        print_json({"id": place["id"], "slug": place["slug"], "left": True})
    else:
        say(f"You left {place['name']}.")


def transfer(user: str, organization: str | None, *, yes: bool, as_json: bool) -> None:
    """Make a member an owner in the caller's place, after the address was typed or with ``yes``."""
    api = Api.connect()
    place = get_organization(api, organization)
    member = get_member(api, place, user)
    if not yes:
        say(
            f"This makes {member['name']} ({member['email']}) an owner of {place['name']}, and you "
            "an admin. Only an owner can undo it."
        )
        require_typed(member["email"], "e-mail address of the new owner")
    handed_over = api.post(f"/organizations/{place['id']}/transfer", {"userId": member["userId"]})
    if as_json:
        print_json(handed_over)
    else:
        say(f"{member['email']} owns {place['name']} now; you are {handed_over['role']}.")


def get_member(api: Api, organization: Json, who: str) -> Json:
    """The member whose e-mail address or id is ``who``.

    Raises:
        CommandError: there is none; with the address that was probably meant.
    """
    members = list(api.items(_members_path(organization)))
    wanted = who.strip().lower()
    for member in members:
        if wanted in (member["email"], member["userId"]):
            return member
    meant = get_close_matches(wanted, [each["email"] for each in members], n=1)
    question = f"Did you mean {meant[0]}? " if meant else ""
    raise CommandError(
        f"{organization['name']} has no member {who!r}.",
        remedy=f"{question}`autodeploy org members {organization['slug']}` lists them.",
        code="not_found",
    )


def _members_path(organization: Json) -> str:
    return f"/organizations/{organization['id']}/members"


def _member_path(organization: Json, member: Json) -> str:
    return f"{_members_path(organization)}/{member['userId']}"
