"""Repositories: those that were added, and those that the caller's account at GitHub sees."""

from autodeploy.cli.terminal import ago, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json

_HEADINGS = ("REPOSITORY", "FROM", "READ BY", "BRANCH", "LANGUAGE", "ADDED")
_GITHUB_HEADINGS = ("REPOSITORY", "PRIVATE", "BRANCH", "LANGUAGE", "PUSHED", "ADDED")


def show(search: str | None, as_json: bool) -> None:
    """List what was added, newest first, or the best match first."""
    found = list(Api.connect().items("/repositories", q=search))
    if as_json:
        print_json({"items": found})
    elif not found:
        say(
            f"No repository is called like {search!r}. --github looks at GitHub."
            if search
            else "No repository was added yet. `autodeploy deploy` adds what it deploys; "
            "`autodeploy repositories list --github` shows what there is at GitHub."
        )
    else:
        print_table(_HEADINGS, [_row(each) for each in found])


def show_github(search: str | None, as_json: bool) -> None:
    """List what the account sees, pushed to last first."""
    found = list(Api.connect().items("/repositories/discover", q=search))
    if as_json:
        print_json({"items": found})
    elif not found:
        say(
            f"Your account at GitHub sees no repository with {search!r} in its name."
            if search
            else "Your account at GitHub sees no repository. An organization may have to allow "
            "this platform first."
        )
    else:
        print_table(_GITHUB_HEADINGS, [_github_row(each) for each in found])
        say("`autodeploy deploy OWNER/NAME` deploys one.")


def _row(each: Json) -> tuple[str, ...]:
    return (
        each["fullName"],
        each["kind"],
        _read_by(each["readBy"]),
        each["defaultBranch"],
        each["language"] or "–",
        ago(each["createdAt"]),
    )


def _read_by(reader: Json | None) -> str:
    """In a word; a repository that nobody reads, or an upload, has none."""
    if reader is None:
        return "–"
    if reader["by"] == "account":
        return str(reader["account"] or "an account")
    return "GitHub App" if reader["by"] == "installation" else str(reader["by"])


def _github_row(each: Json) -> tuple[str, ...]:
    return (
        each["fullName"],
        "yes" if each["private"] else "no",
        each["defaultBranch"],
        each["language"] or "–",
        ago(each["pushedAt"]),
        "yes" if each["repositoryId"] else "no",
    )
