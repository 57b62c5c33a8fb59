"""Go: modules and workspaces, and the Go version."""

import re

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.stated import line, stated, tool
from autodeploy.services.analyzer.packages.toolchain import BuildTool, Dependencies, Language
from autodeploy.services.analyzer.plan import Member

# A requirement of a module (https://go.dev/ref/mod#go-mod-file-require, read 2026-11); what only
# other modules need is marked as indirect, in a comment that has to be read.
_REQUIRED = re.compile(r"(?m)^[ \t]*(?:require[ \t]+)?([\w~-][\w.~/-]*)[ \t]+(v\d[\w.+-]*)(.*)$")
_MAJOR = re.compile(r"(/v\d+|\.v\d+)$")
_USED = re.compile(r"(?m)^[ \t]*(?:use[ \t]+)?(\.[\w./-]*)[ \t]*$")
_MODULE = re.compile(r"(?m)^module[ \t]+\"?([^\s\"]+)")


def workspace_folders(files: SourceFiles) -> list[str]:
    """The folders of the modules that ``go.work`` uses, '' being the root."""
    used = _USED.findall(files.code("go.work"))
    return [path.removeprefix(".").strip("/") for path in used]


def _dependencies(files: SourceFiles) -> Dependencies:
    found = Dependencies.none()
    for folder in ("", *workspace_folders(files)):
        path = f"{folder}/go.mod" if folder else "go.mod"
        for name, version, rest in _REQUIRED.findall(files.text(path) or ""):
            if "// indirect" not in rest:
                found.add(_MAJOR.sub("", name), version, path)
    return found


def _members(files: SourceFiles) -> tuple[Member, ...]:
    found = []
    for folder in workspace_folders(files):
        name = _MODULE.search(files.text(f"{folder}/go.mod") or "") if folder else None
        if name:
            found.append(Member(path=files.at(folder), name=name.group(1), language="go"))
    return tuple(found)


LANGUAGE = Language(
    slug="go",
    name="Go",
    tools=(BuildTool("go", ("go.mod", "go.work"), "go mod download", ("go.sum", "go.work.sum")),),
    sources=("*.go", "cmd/*.go", "cmd/*/*.go", "*/*.go"),
    versions=(
        line(".go-version"),
        tool("go", "golang"),
        stated("go.mod", r"^toolchain[ \t]+go(\S+)"),
        stated("go.mod", r"^go[ \t]+(\S+)"),
        stated("go.work", r"^go[ \t]+(\S+)"),
    ),
    dependencies=_dependencies,
    members=_members,
)
