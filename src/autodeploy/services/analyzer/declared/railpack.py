"""``railpack.json`` (https://railpack.com/config/file, 2026-11)."""

from autodeploy.services.analyzer.declared.base import Declared, Said, SaidVariable, Source
from autodeploy.services.analyzer.declared.document import (
    Document,
    is_command,
    one_line,
    open_document,
)
from autodeploy.services.analyzer.evidence import SourceFiles

_LANGUAGES = ("node", "python", "go", "ruby", "php", "java", "rust", "elixir", "deno", "bun",
              "dotnet")  # fmt: skip
_LACKS = {"buildAptPackages": "system packages of apt"}
_STEPS = ("install", "build")


def declare(files: SourceFiles) -> Declared | None:
    document = open_document(files, Source.RAILPACK)
    if document is None:
        return None
    document.lacks(_LACKS)
    deploy, steps, packages = (document.part(key) for key in ("deploy", "steps", "packages"))
    deploy.lacks({"aptPackages": "system packages of apt"})
    for name in steps.values:
        if name not in _STEPS and not name.startswith("packages"):
            files.warn(f"{document.name}: steps.{name} is not run: AutoDeploy installs and builds.")
    asked = {name: packages.text(name) for name in _LANGUAGES if name in packages.values}
    return Declared(
        install=_commands(steps.part("install")),
        build=_commands(steps.part("build")),
        start=deploy.command("startCommand"),
        runtimes={name: version for name, version in asked.items() if version},
        variables=tuple(one for one in (*_variables(deploy), *_secrets(document)) if one),
    )


def _commands(step: Document) -> Said[str] | None:
    """The commands of a step: texts, or tables with ``cmd``; what copies files is no command."""
    found = []
    for command in step.elements("commands"):
        line = command.get("cmd") if isinstance(command, dict) else command
        if isinstance(line, str):
            found.append(one_line(line))
    joined = " && ".join(filter(None, found))
    return step.said(joined, "commands") if joined and is_command(joined) else None


def _variables(deploy: Document) -> list[SaidVariable | None]:
    variables = deploy.part("variables")
    return [variables.variable(key, default=value) for key, value in deploy.items("variables")]


def _secrets(document: Document) -> list[SaidVariable | None]:
    """Variables that the build is given."""
    names = [name for name in document.elements("secrets") if isinstance(name, str)]
    return [
        document.variable(name, at=("secrets", name), secret=True, build=True) for name in names
    ]
