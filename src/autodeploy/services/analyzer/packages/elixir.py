"""Elixir: what ``mix.exs`` says, and the Elixir version."""

import re

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.stated import line, stated, tool
from autodeploy.services.analyzer.packages.toolchain import BuildTool, Dependencies, Language
from autodeploy.services.analyzer.plan import Member

# Without Hex and Rebar, Mix would ask whether to fetch them.
_INSTALL = "mix local.hex --force && mix local.rebar --force && mix deps.get --only prod"
_DEPENDENCY = re.compile(r"\{[ \t\n]*:(\w+)[ \t]*,([^{}]*)\}")
_REQUIREMENT = re.compile(r"\A\s*\"([^\"\n]*)\"")
_ONLY = re.compile(r"\bonly:[ \t]*(\[[^\[\]]*\]|:\w+)")


def _dependencies(files: SourceFiles) -> Dependencies:
    """The tuples of ``deps`` (https://hexdocs.pm/mix/Mix.Tasks.Deps.html, read 2026-11)."""
    found = Dependencies.none()
    for path in (*files.glob("mix.exs"), *files.glob("apps/*/mix.exs")):
        for name, details in _DEPENDENCY.findall(files.code(path)):
            version, only = _REQUIREMENT.search(details), _ONLY.search(details)
            develop = only is not None and ":prod" not in only.group(1)
            found.add(name, version.group(1) if version else None, path, develop=develop)
    return found


def _members(files: SourceFiles) -> tuple[Member, ...]:
    """The apps of an umbrella."""
    folders = [path.rpartition("/")[0] for path in files.glob("apps/*/mix.exs")]
    return tuple(
        Member(path=files.at(folder), name=folder.rpartition("/")[2], language="elixir")
        for folder in folders
    )


LANGUAGE = Language(
    slug="elixir",
    name="Elixir",
    tools=(BuildTool("mix", ("mix.exs",), _INSTALL, ("mix.lock",)),),
    sources=("*.exs",),
    versions=(
        line(".elixir-version"),
        stated("elixir_buildpack.config", r"^elixir_version=\(?[ \t]*[\"']?([^\s\"')]+)"),
        tool("elixir"),
        stated("mix.exs", r"\belixir:[ \t]*\"([^\"\n]+)\""),
    ),
    dependencies=_dependencies,
    members=_members,
)
