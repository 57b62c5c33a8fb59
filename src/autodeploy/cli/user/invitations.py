"""Invitations to organizations: sending, listing, revoking and accepting them."""

import sys
from contextlib import closing

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import ask_unseen
from autodeploy.cli.terminal import clock, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.credentials import current_url, save_token
from autodeploy.cli.user.login import token_of_session
from autodeploy.cli.user.organizations import get_organization


def invite(email: str, role: str, organization: str | None, as_json: bool) -> None:
    """Invite a person by e-mail, or renew an invitation."""
    api = Api.connect()
    place = get_organization(api, organization)
    sent = api.post(_path(place), {"email": email, "role": role})
    if as_json:
        print_json(sent)
        return
    say(
        f"Invited {sent['email']} to {place['name']} as {sent['role']}, until "
        f"{clock(sent['expiresAt'])} UTC. The link is in the mail alone."
    )


def show(organization: str | None, as_json: bool) -> None:
    """List the invitations that wait for an answer."""
    api = Api.connect()
    place = get_organization(api, organization)
    found = list(api.items(_path(place)))
    if as_json:
        print_json({"items": found})
        return
    if not found:
        say(f"No invitation to {place['name']} waits for an answer.")
        return
    rows = [
        (
            each["email"],
            each["role"],
            clock(each["createdAt"]),
            "expired" if each["expired"] else clock(each["expiresAt"]),
        )
        for each in found
    ]
    print_table(("INVITED", "ROLE", "SENT (UTC)", "EXPIRES (UTC)"), rows)


def revoke(email: str, organization: str | None, as_json: bool) -> None:
    """End an invitation, named by its address, and the link that was sent."""
    api = Api.connect()
    place = get_organization(api, organization)
    invitation = _get_invitation(api, place, email)
    api.delete(f"{_path(place)}/{invitation['id']}")
    if as_json:
        print_json({"id": invitation["id"], "email": invitation["email"], "revoked": True})
    else:
        say(f"The invitation of {invitation['email']} to {place['name']} is revoked.")


def accept(link: str, name: str | None, as_json: bool) -> None:
    """Join by the link of an invitation; with ``name`` as a new account, which is signed in."""
    platform, token = _read_link(link)
    if name is None:
        answer = _connect_with_account().post("/invitations/accept", {"token": token})
        joined = answer["organization"]
    else:
        joined = _accept_as_newcomer(platform or current_url(), token, name)
    if as_json:
        print_json(joined)
    else:
        say(f"You are {joined['role']} of {joined['name']} ({joined['slug']}) now.")


def _connect_with_account() -> Api:
    """The platform and the token that the user chose: whatever a link names, it gets no token."""
    try:
        return Api.connect()
    except CommandError as failure:
        if failure.exit_code == ExitCode.NOT_PERMITTED:
            failure.remedy = f"{failure.remedy} Without an account, --name makes one."
        raise


def _accept_as_newcomer(url: str, token: str, name: str) -> Json:
    """Make an account for the invited address; the password is asked for and not kept."""
    password = ask_unseen(
        "your new password", remedy="Type it, or give it as the next line of standard input."
    )
    with closing(Api(url, None)) as api:
        body = {"token": token, "name": name, "password": password}
        accepted = api.post("/invitations/accept", body)
    path = save_token(url, token_of_session(url, accepted["session"], "write"))
    say(f"Your account is {accepted['session']['user']['email']}. Its token is in {path}.")
    joined: Json = accepted["organization"]
    return joined


def _read_link(link: str) -> tuple[str | None, str]:
    """The platform and the token of a link, or None and a token that was copied from one; ``-`` is
    a line of standard input, which no history of a shell keeps."""
    text = (sys.stdin.readline() if link == "-" else link).strip()
    platform, found, token = text.partition("/invitations#token=")
    return (platform, token) if found else (None, text)


def _get_invitation(api: Api, organization: Json, email: str) -> Json:
    wanted = email.strip().lower()
    for invitation in api.items(_path(organization)):
        if wanted in (invitation["email"], invitation["id"]):
            return invitation
    raise CommandError(
        f"No invitation of {email!r} to {organization['name']} waits for an answer.",
        remedy=f"`autodeploy org invitations {organization['slug']}` lists those that do.",
        code="not_found",
    )


def _path(organization: Json) -> str:
    return f"/organizations/{organization['id']}/invitations"
