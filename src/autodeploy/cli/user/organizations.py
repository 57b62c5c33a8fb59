"""Organizations: finding the one that is meant, listing, making, renaming and deleting them."""

from difflib import get_close_matches

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import require_typed
from autodeploy.cli.terminal import clock, print_fields, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.projects import COMPLETION_SECONDS


def get_organization(api: Api, name: str | None) -> Json:
    """The organization whose slug or id is ``name``; without one the only one of the caller.

    Among several none is guessed, not even the personal one: whoever makes somebody a member of
    another organization would change what that person's commands are about.

    Raises:
        CommandError: there is none, with the one that was probably meant, or none is named.
    """
    known = _organizations(api)
    slugs = [each["slug"] for each in known]
    if name is None:
        if len(known) == 1:
            return known[0]
        raise CommandError(
            f"Which organization is meant? You are in {', '.join(slugs)}.",
            remedy="Name one, as ORG or with --org; `autodeploy org list` says more about each.",
            exit_code=ExitCode.USAGE,
        )
    for each in known:
        if name in (each["slug"], each["id"]):
            return each
    meant = get_close_matches(name.lower(), slugs, n=1)
    question = f"Did you mean `{meant[0]}`? " if meant else ""
    raise CommandError(
        f"You are in no organization {name!r}.",
        remedy=f"{question}`autodeploy org list` lists yours by their slugs.",
        code="not_found",
    )


def complete_organization(incomplete: str) -> list[str]:
    """The organizations whose slug begins so, for the shell; as quiet as ``complete_project``."""
    try:
        known = _organizations(Api.connect(timeout_seconds=COMPLETION_SECONDS))
        return [each["slug"] for each in known if each["slug"].startswith(incomplete)]
    except Exception:
        return []


def show_all(as_json: bool) -> None:
    """List the caller's organizations."""
    known = _organizations(Api.connect())
    if as_json:
        print_json({"items": known})
        return
    rows = [
        (
            each["slug"],
            each["name"],
            each["role"],
            "personal" if each["personal"] else "",
            clock(each["createdAt"]),
        )
        for each in known
    ]
    print_table(("ORGANIZATION", "NAME", "YOUR ROLE", "KIND", "MADE (UTC)"), rows)


def show(name: str | None, as_json: bool) -> None:
    """Show one organization."""
    organization = get_organization(Api.connect(), name)
    if as_json:
        print_json(organization)
        return
    print_fields(
        {
            "ORGANIZATION": organization["slug"],
            "NAME": organization["name"],
            "ID": organization["id"],
            "YOUR ROLE": organization["role"],
            "KIND": "personal" if organization["personal"] else "shared",
            "PLAN": organization["plan"],
            "BILLING": organization["billingEmail"] or "–",
            "MADE (UTC)": clock(organization["createdAt"]),
        }
    )


def create(name: str, slug: str | None, as_json: bool) -> None:
    """Make an organization that the caller owns."""
    body = {"name": name, "slug": slug} if slug is not None else {"name": name}
    made = Api.connect().post("/organizations", body)
    if as_json:
        print_json(made)
    else:
        say(f"Made the organization {made['name']} ({made['slug']}); you own it.")


def rename(organization: str, name: str, slug: str | None, as_json: bool) -> None:
    """Give an organization another name, and with ``slug`` another slug."""
    api = Api.connect()
    known = get_organization(api, organization)
    body = {"name": name, "slug": slug} if slug is not None else {"name": name}
    renamed = api.put(f"/organizations/{known['id']}", body)
    if as_json:
        print_json(renamed)
    else:
        say(f"{known['name']} is called {renamed['name']} ({renamed['slug']}) now.")


def delete(organization: str, *, yes: bool, as_json: bool) -> None:
    """Delete an organization that holds nothing, after its slug was typed or with ``yes``."""
    api = Api.connect()
    known = get_organization(api, organization)
    if not yes:
        say(
            f"This deletes the organization {known['name']} with its memberships and "
            "invitations. It cannot be undone."
        )
        require_typed(known["slug"], "slug of the organization")
    api.delete(f"/organizations/{known['id']}", confirm=known["slug"])
    if as_json:
        print_json({"id": known["id"], "slug": known["slug"], "deleted": True})
    else:
        say(f"Deleted {known['name']}.")


def _organizations(api: Api) -> list[Json]:
    items: list[Json] = api.get("/organizations")["items"]
    return items
