"""``autodeploy.toml``: what an app's owner says of it, for the command line and the analyzer.

Everything is optional, and what is said outranks every guess. TOML 1.0 (https://toml.io/en/v1.0.0).
"""

import re
import tomllib
from difflib import get_close_matches
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from autodeploy.kernel.cron import parse_schedule
from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.toml_text import load_toml

APP_FILE = "autodeploy.toml"
MAXIMUM_REPLICAS = 8
_LONGEST_COMMAND = 8192
_ENVIRONMENT = r"[a-z][a-z0-9-]{0,18}[a-z0-9]"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,254}"
_STATUSES = r"^[1-5]\d\d(-[1-5]\d\d)?$"
_WORKER = r"[A-Za-z0-9_-]{1,40}"
_TABLE = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*["']?([\w.-]+?)["']?\s*=""")
_TOML_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class AutodeployTomlInvalid(DeploymentFailed):
    """``autodeploy.toml`` cannot be used; the message names its line and key."""

    code = "autodeploy_toml_invalid"


def _one_line(value: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise ValueError("holds a line break or another control character")
    return value


def _inside(value: str) -> str:
    parts = value.split("/")
    if value.startswith(("/", "-")) or ".." in parts or "\\" in value:
        raise ValueError("is not a folder inside the repository, such as apps/web")
    return "/".join(part for part in parts if part not in ("", "."))


def _relative(value: str) -> str:
    if value.startswith(("/", "-")) or "\\" in value:
        raise ValueError("is not a folder relative to the app's, such as . or ../..")
    return value or "."


def _request_path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError("is not a path that begins with /, such as /healthz")
    return value


def _statuses(value: str) -> str:
    first, _, last = value.partition("-")
    if not re.fullmatch(_STATUSES, value) or int(first) > int(last or first):
        raise ValueError('is not a status or a range of them, such as "200" or "200-299"')
    return value


def environment_name(value: str) -> str:
    """The value, where it can name an environment; raises ``ValueError``."""
    if not re.fullmatch(_ENVIRONMENT, value):
        raise ValueError("is not 2 to 20 lower-case letters, digits and hyphens")
    return value


def _variable_name(value: str) -> str:
    if not re.fullmatch(_VARIABLE, value):
        raise ValueError("is not the name of a variable: letters, digits and underscores")
    return value


def _schedule(value: str) -> str:
    parse_schedule(value)
    return value


def _worker_name(value: str) -> str:
    if not re.fullmatch(_WORKER, value) or value in ("web", "release"):
        raise ValueError("cannot be the name of a process: letters, digits, - and _")
    return value


_Text = Annotated[str, Field(strict=True, max_length=_LONGEST_COMMAND), AfterValidator(_one_line)]
_Words = Annotated[_Text, StringConstraints(min_length=1, max_length=100)]
_Command = Annotated[_Text, StringConstraints(min_length=1)]
_Folder = Annotated[_Text, StringConstraints(max_length=1024), AfterValidator(_inside)]
_Flag = Annotated[bool, Field(strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeclaredVariable(_Part):
    """What is said of one environment variable. None: what the code shows decides."""

    required: _Flag | None = Field(None, description="A deployment warns while it is not set.")
    secret: _Flag | None = Field(None, description="Its value is never shown again.")
    build: _Flag | None = Field(None, description="The build needs it too.")
    description: _Text | None = Field(None, description="What it is, and where it comes from.")


class HealthCheck(_Part):
    """When a release counts as well, beyond the path that is asked. None: the platform's own.

    ``timeout``, ``interval`` and ``watch`` are in seconds: how long a release may take to answer
    well, how long after one question the next is asked, and how long one that went live is watched.
    """

    status: Annotated[_Text, AfterValidator(_statuses)] | None = Field(
        None,
        description='Statuses of an app that is well, such as "200" or "200-299".',
        json_schema_extra={"pattern": _STATUSES},
    )
    timeout: Annotated[int, Field(strict=True, ge=1, le=3600)] | None = Field(
        None, description="Seconds that a new release may take to answer well."
    )
    interval: Annotated[float, Field(ge=0.1, le=60)] | None = Field(
        None, description="Seconds from one question to the next."
    )

    watch: Annotated[int, Field(strict=True, ge=0, le=3600)] | None = Field(
        None, description="Seconds in which a release that turns out bad is taken back; 0: never."
    )

    def statuses(self, default: range) -> range:
        """The statuses that are well."""
        if self.status is None:
            return default
        first, _, last = self.status.partition("-")
        return range(int(first), int(last or first) + 1)


class DeclaredCron(_Part):
    """A command that is run at its times."""

    schedule: Annotated[_Words, AfterValidator(_schedule)] = Field(
        description='When, in UTC: minute, hour, day, month and weekday, such as "0 3 * * *".'
    )
    command: _Command = Field(description="Command that is run then.")


class DeclaredImage(_Part):
    """That the app is to be built as the image of a Dockerfile, where its provider builds any.

    Both are relative to the app's folder; ``context`` may lie above it.
    """

    file: Annotated[_Folder, StringConstraints(min_length=1)] = Field(
        "Dockerfile", description="The Dockerfile, relative to the app's folder."
    )
    context: Annotated[_Text, StringConstraints(max_length=1024), AfterValidator(_relative)] = (
        Field(".", description="Folder that it is built from, relative to the app's folder.")
    )


class AppFile(_Part):
    """The content of ``autodeploy.toml``.

    ``project`` and ``environment`` are for the command line, the others for the analyzer.
    ``root`` is relative to the folder of the file. An empty ``install`` or ``build`` says that
    there is nothing to do.
    """

    project: _Words | None = Field(
        None, description="Name of the project; the folder's by default."
    )
    environment: Annotated[_Text, AfterValidator(environment_name)] | None = Field(
        None,
        description="Environment to deploy to; `production` by default.",
        json_schema_extra={"pattern": f"^{_ENVIRONMENT}$"},
    )
    root: _Folder | None = Field(
        None, description="Folder of the app, relative to this file; this folder by default."
    )
    install: _Text | None = Field(
        None, description='Command that installs the dependencies; "" for none.'
    )
    build: _Text | None = Field(None, description='Command that builds; "" for none.')
    start: _Command | None = Field(
        None, description="Command that runs the server; it listens on $PORT."
    )
    replicas: Annotated[int, Field(strict=True, ge=1, le=MAXIMUM_REPLICAS)] | None = Field(
        None, description="How many processes of the server run, behind one address."
    )
    private: _Flag | None = Field(
        None, description="Only other apps reach it, not the internet; servers only."
    )
    release: _Command | None = Field(
        None, description="Command that runs before each new release, such as migrations."
    )
    output: _Folder | None = Field(
        None, description="Folder of a static site after the build; not with `start`."
    )
    spa: _Flag | None = Field(
        None, description="Whether a static site answers unknown paths with its first page."
    )
    health: Annotated[_Text, AfterValidator(_request_path)] | None = Field(
        None,
        description="Path that answers below 400 when the app is well.",
        json_schema_extra={"pattern": "^/"},
    )
    health_check: HealthCheck | None = Field(
        None, description="How `health` is asked, and what is a good answer."
    )
    node: _Words | None = Field(None, description='Version of Node, such as "22".')
    python: _Words | None = Field(None, description='Version of Python, such as ">=3.11".')
    docker: DeclaredImage | None = Field(
        None, description="Built as an image, where the provider builds images."
    )
    workers: dict[Annotated[str, AfterValidator(_worker_name)], _Command] = Field(
        {},
        description="Processes beside the server, by name.",
        json_schema_extra={"propertyNames": {"pattern": f"^{_WORKER}$"}},
    )
    cron: dict[Annotated[str, AfterValidator(_worker_name)], DeclaredCron] = Field(
        {},
        description="Commands that are run at their times beside the server, by name.",
        json_schema_extra={"propertyNames": {"pattern": f"^{_WORKER}$"}},
    )
    variables: dict[Annotated[str, AfterValidator(_variable_name)], DeclaredVariable] = Field(
        {},
        description="Environment variables, by name; their values do not belong here.",
        json_schema_extra={"propertyNames": {"pattern": f"^{_VARIABLE}$"}},
    )

    @model_validator(mode="after")
    def _served_in_one_way(self) -> "AppFile":
        if self.start is not None and self.output is not None:
            raise ValueError(
                "`start` runs a server and `output` is the folder of a static site: name one"
            )
        if self.spa is not None and self.start is not None:
            raise ValueError("`spa` is for static sites, and `start` runs a server")
        if self.output is not None and self.replicas is not None:
            raise ValueError("`replicas` are of a server, and `output` is a static site")
        if self.output is not None and self.private:
            raise ValueError("`private` is of a server, and `output` is a static site")
        if self.output is not None and self.docker is not None:
            raise ValueError("`docker` builds a server or worker, and `output` is a static site")
        if self.output is not None and self.cron:
            raise ValueError("`cron` runs beside a server, and `output` is a static site")
        if both := sorted(self.cron.keys() & self.workers.keys()):
            raise ValueError(f"`{both[0]}` is the name of a worker and of a cron command")
        return self


_PARTS: dict[str, type[_Part]] = {
    "variables": DeclaredVariable,
    "cron": DeclaredCron,
    "docker": DeclaredImage,
    "health_check": HealthCheck,
}


def parse_app_file(text: str, path: str = APP_FILE) -> AppFile:
    """The file's content. ``path`` is how messages call it.

    Raises ``AutodeployTomlInvalid`` that names the line, the key, and what was probably meant.
    """
    try:
        loaded = load_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, text, path) from None
    try:
        return AppFile.model_validate(loaded)
    except ValidationError as error:
        first, *others = error.errors(include_url=False, include_input=False)
        keys = tuple(str(part) for part in first["loc"] if part != "[key]")
        raise _wrong_key(keys, first["type"], first["msg"], text, path, len(others)) from None


def _not_toml(error: tomllib.TOMLDecodeError, text: str, path: str) -> AutodeployTomlInvalid:
    message = str(error)
    found = _TOML_LINE.search(message)
    number = (found[1] or len(text.splitlines())) if found else None
    line = f" line {number}" if number else ""
    return AutodeployTomlInvalid(
        f"{path}{line} is not TOML: {_TOML_LINE.sub('', message)}.",
        field=APP_FILE,
        remedy='Write text in quotes, such as start = "node server.js"; `autodeploy init` writes '
        "a file with every key explained.",
    )


def _wrong_key(
    keys: tuple[str, ...], kind: str, message: str, text: str, path: str, others: int
) -> AutodeployTomlInvalid:
    number = line_of_key(text, keys)
    place = f"{path} line {number}" if number else path
    more = f" ({others} more after it)" if others else ""
    if kind == "extra_forbidden":
        said, remedy = f"there is no key `{keys[-1]}`", _nearest(keys)
    else:
        reason = message.removeprefix("Value error, ")
        reason = reason.removeprefix("Input should be ").removeprefix("String should ")
        said = f"`{'.'.join(keys)}`: {_EXPECTED.get(kind, reason)}" if keys else reason
        remedy = "docs/reference/autodeploy-toml.md describes each key."
    return AutodeployTomlInvalid(
        f"{place}: {said}{more}.", field=".".join(keys) or APP_FILE, remedy=remedy
    )


_EXPECTED = {
    "string_type": "is not text; write it in quotes",
    "missing": "is missing",
    "bool_type": "is neither true nor false",
    "dict_type": "is not a table",
    "model_type": "is not a table",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "too_long": "is too long",
    "string_too_long": "is too long",
}


def _nearest(keys: tuple[str, ...]) -> str:
    """What to write instead of a key that is none."""
    part = _PARTS.get(keys[0], AppFile) if len(keys) > 1 else AppFile
    known = list(part.model_fields)
    near = get_close_matches(keys[-1].lower(), known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"The keys are {', '.join(known)}."


def line_of_key(text: str, keys: tuple[str, ...]) -> int | None:
    """The line, from 1, where a key stands; as far as one can tell without a position of it."""
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = [part.strip().strip("\"'") for part in header[1].split(".")]
            if tuple(table) == keys:
                return number
        elif (named := _KEY.match(line)) and (*table, *named[1].split(".")) == keys:
            return number
    return line_of_key(text, keys[:-1]) if len(keys) > 1 else None
