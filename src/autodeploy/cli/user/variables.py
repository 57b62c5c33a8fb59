"""Environment variables of a project: list, set, unset, import, copy, and their history."""

import re
import sys
from pathlib import Path

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.questions import ask_unseen
from autodeploy.cli.terminal import ago, print_json, print_table, say
from autodeploy.cli.user.client import Api, Json, segment
from autodeploy.cli.user.projects import get_project

KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$", re.DOTALL)
_SCOPES = {"build": "build", "runtime": "run", "both": "build, run"}
_DOUBLE_QUOTED_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def show(project_name: str | None, environment: str, as_json: bool) -> None:
    """List the variables of an environment."""
    api = Api.connect()
    project = get_project(api, project_name)
    found = _stored(api, project, environment)
    if as_json:
        print_json({"items": found})
        return
    if not found:
        say(f"{project['name']} has no variables in {environment}.")
        return
    rows = [
        (
            item["key"],
            "(secret)" if item["isSecret"] else item["value"] or "",
            _SCOPES[item["scope"]],
            ago(item["updatedAt"]),
        )
        for item in found
    ]
    print_table(("KEY", "VALUE", "FOR", "CHANGED"), rows)


def put(
    pairs: list[str],
    project_name: str | None,
    environment: str,
    *,
    secret: bool | None,
    scope: str | None,
    as_json: bool,
) -> None:
    """Set ``KEY=VALUE`` pairs; a bare ``KEY`` asks for its value, so that it is in no history."""
    values: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not KEY.match(key):
            raise CommandError(
                f"{key!r} cannot be the name of a variable.",
                remedy="Use letters, digits and underscores.",
                exit_code=ExitCode.USAGE,
            )
        values[key] = (
            value
            if equals
            else ask_unseen(
                key, remedy=f"Give {key}=VALUE, or the value as a line of standard input."
            )
        )
    _save(values, project_name, environment, secret=secret, scope=scope, as_json=as_json)


def import_file(
    file: Path,
    project_name: str | None,
    environment: str,
    *,
    secret: bool | None,
    scope: str | None,
    as_json: bool,
) -> None:
    """Set what a ``.env`` file says."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{file} cannot be read: {error.strerror}.",
            remedy="Name a .env file, or - for standard input.",
            exit_code=ExitCode.USAGE,
        ) from None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CommandError(
            f"{file} is not UTF-8 text (line {line}).",
            remedy="Save it as UTF-8 and import it again.",
            exit_code=ExitCode.USAGE,
        ) from None
    values = parse_dotenv(text)
    _save(values, project_name, environment, secret=secret, scope=scope, as_json=as_json)


def unset(keys: list[str], project_name: str | None, environment: str, as_json: bool) -> None:
    """Remove variables."""
    api = Api.connect()
    project = get_project(api, project_name)
    for key in keys:
        api.delete(f"/projects/{project['id']}/env/{segment(key)}", environment=environment)
    if as_json:
        print_json({"removed": keys, "environment": environment})
    else:
        say(f"Removed {', '.join(keys)}. The next deployment runs without.")


def parse_dotenv(text: str) -> dict[str, str]:
    """The assignments of a ``.env`` file: comments, ``export``, quotes, values over several lines.

    Raises:
        CommandError: a line is no assignment; the message names the line, never its value.
    """
    values: dict[str, str] = {}
    lines = text.removeprefix("\ufeff").splitlines()
    number = 0
    while number < len(lines):
        line, start = lines[number], number + 1
        number += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.match(line)
        if match is None:
            raise _bad_line(start)
        key, raw = match[1], match[2]
        if raw[:1] in ("'", '"'):
            while (value := _quoted(raw)) is None:
                if number >= len(lines):
                    raise _bad_line(start)
                raw = f"{raw}\n{lines[number]}"
                number += 1
            values[key] = value
        else:
            values[key] = re.split(r"\s+#", raw, maxsplit=1)[0].strip()
    return values


def _quoted(raw: str) -> str | None:
    """The value of a quoted text, or None while its closing quote is missing."""
    quote, value, position = raw[0], "", 1
    while position < len(raw):
        letter = raw[position]
        if letter == quote:
            return value
        if letter == "\\" and quote == '"' and position + 1 < len(raw):
            position += 1
            following = raw[position]
            letter = _DOUBLE_QUOTED_ESCAPES.get(following, f"\\{following}")
        value += letter
        position += 1
    return None


def _save(
    values: dict[str, str],
    project_name: str | None,
    environment: str,
    *,
    secret: bool | None,
    scope: str | None,
    as_json: bool,
) -> None:
    """Set them as one change: all, or with an error none."""
    api = Api.connect()
    project = get_project(api, project_name)
    if values:
        body: Json = {"values": values, "environment": environment}
        body |= {} if secret is None else {"isSecret": secret}
        body |= {} if scope is None else {"scope": scope}
        api.post(f"/projects/{project['id']}/env/import", body)
    if as_json:
        print_json({"set": sorted(values), "environment": environment})
    else:
        say(f"Set {', '.join(sorted(values)) or 'nothing'}. The next deployment uses it.")


def copy(
    source: str, target: str, project_name: str | None, *, overwrite: bool, as_json: bool
) -> None:
    """Copy the variables of one environment to another."""
    api = Api.connect()
    project = get_project(api, project_name)
    body: Json = {"from": source, "to": target, "overwrite": overwrite}
    copied = [
        item["key"] for item in api.post(f"/projects/{project['id']}/env/copy", body)["items"]
    ]
    if as_json:
        print_json({"copied": copied, "from": source, "to": target})
    else:
        say(f"Copied {', '.join(copied) or 'nothing'} from {source} to {target}.")


def history(project_name: str | None, environment: str, as_json: bool) -> None:
    """List who changed which variables when, newest first."""
    api = Api.connect()
    project = get_project(api, project_name)
    found = list(api.items(f"/projects/{project['id']}/env/versions", environment=environment))
    if as_json:
        print_json({"items": found})
        return
    if not found:
        say(f"No variable of {project['name']} was changed in {environment}.")
        return
    rows = [
        (
            str(item["number"]),
            ago(item["createdAt"]),
            (item["createdBy"] or {}).get("name", "–"),
            _signed(item),
        )
        for item in found
    ]
    print_table(("VERSION", "CHANGED", "BY", "VARIABLES"), rows)


def compare(
    before: int, after: int, project_name: str | None, environment: str, as_json: bool
) -> None:
    """Show by names what changed from one version to the other."""
    api = Api.connect()
    project = get_project(api, project_name)
    path = f"/projects/{project['id']}/env/versions/diff"
    found = api.get(path, **{"from": before, "to": after}, environment=environment)
    if as_json:
        print_json(found)
        return
    lines = _signed(found).split(" ") if _signed(found) else []
    if not lines:
        say(f"Versions {before} and {after} have the same variables.")
    for line in lines:
        typer.echo(line)


def _signed(change: Json) -> str:
    """The names of a change: ``+`` added, ``~`` changed, ``-`` removed."""
    signs = (("+", "added"), ("~", "changed"), ("-", "removed"))
    return " ".join(f"{sign}{key}" for sign, kind in signs for key in change[kind])


def _stored(api: Api, project: Json, environment: str) -> list[Json]:
    items: list[Json] = api.get(f"/projects/{project['id']}/env", environment=environment)["items"]
    return items


def _bad_line(number: int) -> CommandError:
    return CommandError(
        f"Line {number} of the file is not KEY=value.",
        remedy="Fix that line; nothing was changed.",
        exit_code=ExitCode.USAGE,
    )
