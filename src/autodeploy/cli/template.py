"""The ``autodeploy.toml`` that ``init`` writes: each key with what it means and what was found."""

import json

from autodeploy.services.analyzer.plan import AppKind, Command, EnvironmentVariable, Plan
from autodeploy.services.analyzer.variables.classify import PLATFORM

_HEAD = """\
# How AutoDeploy deploys this app. Everything here is optional: a line that begins with # says what
# AutoDeploy does by itself; take the # away and change the line to decide otherwise.
# Every key: docs/reference/autodeploy-toml.md
"""
_NO_START = " Nothing was found, so say it\n# (or say `output`, the folder of a static site)."
_VARIABLES = """\
# Variables that the code reads. Their values do not belong here: `autodeploy env set` keeps them.
"""
_MOST_VARIABLES = 30


def app_file_text(plan: Plan, *, project: str, root: str) -> str:
    """The file for a plan. ``root`` is the app's folder below that of the file, or empty."""
    parts = [_HEAD, _identity(plan, project, root), *_commands(plan)]
    parts += [_versions(plan), _docker(plan), _workers(plan), _crons(plan), *_variables(plan)]
    return "\n".join(part for part in parts if part)


def _identity(plan: Plan, project: str, root: str) -> str:
    apps = plan.apps
    example = f"# root = {_quoted(apps[0] if apps else 'apps/web')}"
    among = f" One of {_one_line(', '.join(apps))}." if apps else ""
    said = f"root = {_quoted(root)}" if root else example
    return (
        f"project = {_quoted(project)}\n"
        '# environment = "production"\n\n'
        f"# The app's folder, where it is not this one.{among}\n{said}\n"
    )


def _commands(plan: Plan) -> list[str]:
    is_static = plan.kind is AppKind.STATIC
    output = plan.output_directory if is_static else None
    served = plan.kind in (AppKind.SERVER, AppKind.SSR)
    return [
        _command("install", "Installs the dependencies.", plan.install_command, "make deps"),
        _command("build", "Builds the app.", plan.build_command, "make build"),
        ""
        if is_static
        else _command(
            "start",
            "Runs the server; it listens on the port in $PORT."
            + ("" if plan.start_command else _NO_START),
            plan.start_command,
            "python server.py",
        ),
        f"# How many processes of it run, behind one address.\n# replicas = {plan.replicas}\n"
        if served
        else "",
        f"# Whether only other apps reach it.\n# private = {_flag(plan.private)}\n"
        if served
        else "",
        _line("output", "The folder of the site after the build.", output, "dist")
        if is_static
        else "",
        f"# Whether unknown paths get the first page.\n# spa = {_flag(plan.spa_fallback)}\n"
        if is_static
        else "",
        _command(
            "release",
            "Runs before each new release, such as migrations.",
            plan.release_command,
            "python manage.py migrate",
        ),
        _line("health", "A path that answers when the app is well.", plan.health_path, "/healthz"),
    ]


def _command(key: str, meaning: str, found: Command | None, example: str) -> str:
    why = f" Found: {_one_line(found.reason)}." if found else ""
    return _line(key, f"{meaning}{why}", found.command if found else None, example)


def _line(key: str, meaning: str, found: str | None, example: str) -> str:
    said = meaning if found else f"{meaning} For example:"
    return f"# {said}\n# {key} = {_quoted(found or example)}\n"


def _versions(plan: Plan) -> str:
    runtime = plan.runtime
    if runtime is None or runtime.name not in ("node", "python"):
        return ""
    asked = runtime.version_request
    why = f" Found: {_one_line(runtime.source)}." if runtime.source else ""
    example = {"node": "22", "python": "3.12"}[runtime.name]
    return _line(runtime.name, f"The version to build and run with.{why}", asked, example)


def _docker(plan: Plan) -> str:
    """Empty where no Dockerfile lies in the app's folder, which is all that the file can name."""
    below = f"{plan.root_directory}/" if plan.root_directory else ""
    if plan.image is None or not plan.image.dockerfile.startswith(below):
        return ""
    return (
        "# Whether the image of its Dockerfile is built, where the provider builds images.\n"
        f"# [docker]\n# file = {_quoted(plan.image.dockerfile.removeprefix(below))}\n"
    )


def _workers(plan: Plan) -> str:
    lines = [f"# {name} = {_quoted(one.command)}" for name, one in plan.worker_commands.items()]
    lines = lines or ['# mail = "python mail.py"']
    return "\n".join(["# Processes beside the server.", "# [workers]", *lines]) + "\n"


def _crons(plan: Plan) -> str:
    if plan.kind is AppKind.STATIC:
        return ""
    lines = [
        f"# {name} = {{ schedule = {_quoted(one.schedule)}, command = {_quoted(one.command)} }}"
        for name, one in plan.cron_commands.items()
    ]
    example = '# nightly = { schedule = "0 3 * * *", command = "python clean.py" }'
    said = "# Commands that are run at their times (UTC): minute, hour, day, month, weekday."
    return "\n".join([said, "# [cron]", *(lines or [example])]) + "\n"


def _variables(plan: Plan) -> list[str]:
    """The variables that the code reads, those that it cannot do without first."""
    named = [each for each in plan.environment_variables if each.key not in PLATFORM]
    found = sorted(named, key=lambda each: (not each.required, each.key))
    blocks = [_variable(each) for each in found[:_MOST_VARIABLES]]
    if not blocks:
        return []
    head = (
        "# Variables that the code reads. Their values do not belong here: `autodeploy env set`.\n"
    )
    return [head, *blocks]


def _variable(variable: EnvironmentVariable) -> str:
    place = f"{_one_line(variable.file)}:{variable.line}"
    flags = {"required": variable.required, "secret": variable.secret, "build": variable.build_time}
    said = [f"# {name} = true" for name, value in flags.items() if value]
    said = said or ["# required = false"]
    return "\n".join([f"# [variables.{variable.key}]  # {place}", *said]) + "\n"


def _flag(value: bool) -> str:
    return str(value).lower()


def _quoted(text: str) -> str:
    """A TOML basic string; those of JSON are such (but for DEL, which no command holds)."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "")


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
