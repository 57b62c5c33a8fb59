""".NET: projects and solutions, NuGet's packages, and the .NET version.

Sources: https://learn.microsoft.com/dotnet/core/project-sdk/overview,
https://learn.microsoft.com/dotnet/core/tools/global-json (read 2026-11).
"""

import re

from autodeploy.services.analyzer.evidence import SourceFiles, table, words
from autodeploy.services.analyzer.packages.stated import line, tool
from autodeploy.services.analyzer.packages.toolchain import BuildTool, Dependencies, Language
from autodeploy.services.analyzer.plan import Member

MOST_PROJECTS = 50
_ENDINGS = ("csproj", "fsproj", "vbproj")
_SOLUTION = ("*.sln", "*.slnx", "global.json", "Directory.Build.props")
_NAMES = {"csproj": "C#", "fsproj": "F#", "vbproj": "Visual Basic"}

WEB = "Microsoft.NET.Sdk.Web"
BLAZOR = "Microsoft.NET.Sdk.BlazorWebAssembly"
_WASM = "Microsoft.AspNetCore.Components.WebAssembly.DevServer"

# `net8.0`, `net8`, `netcoreapp3.1`, `net8.0-windows`; libraries alone are for `netstandard2.0`, and
# `net48` is the .NET Framework of Windows.
_FRAMEWORK = re.compile(r"net(?:coreapp)?(\d{1,3}\.\d{1,3}|[5-9](?!\d)|1\d(?!\d))")


class Project:
    """A project file: what it is made with, and what it makes."""

    def __init__(self, files: SourceFiles, path: str):
        self.path = path
        self.root = files.xml(path)
        folder, _, name = path.rpartition("/")
        self.folder = folder
        self.name = name.rpartition(".")[0]

    @property
    def sdk(self) -> str:
        """The SDK without its version, '' for projects of the .NET Framework."""
        named = self.root.find("Sdk")
        sdk = self.root.get("Sdk") or (named.get("Name") if named is not None else "") or ""
        return sdk.partition("/")[0]

    def value(self, name: str) -> str:
        return next(((one.text or "").strip() for one in self.root.iter(name)), "")

    @property
    def assembly(self) -> str:
        named = self.value("AssemblyName")
        return named if named and "$(" not in named else self.name

    @property
    def version(self) -> str | None:
        targets = f"{self.value('TargetFramework')};{self.value('TargetFrameworks')}"
        found = _FRAMEWORK.findall(targets)
        return max(found, key=lambda one: tuple(map(int, one.split(".")))) if found else None

    def references(self) -> list[tuple[str, str | None]]:
        found = [
            (one.get("Include") or one.get("Update") or "", one.get("Version") or
             one.findtext("Version"))
            for one in self.root.iter("PackageReference")
        ]  # fmt: skip
        return [(name, version) for name, version in found if name]

    def rank(self) -> int:
        """How likely it is the app: 3 a web app, 2 a client of one, 1 a program, 0 neither."""
        names = {name for name, _ in self.references()}
        is_test = self.value("IsTestProject") == "true" or "Microsoft.NET.Test.Sdk" in names
        output = self.value("OutputType").lower()
        if is_test or output == "library":
            return 0
        if self.is_client:
            return 2
        if self.sdk == WEB:
            return 3
        is_program = output in ("exe", "winexe") or self.sdk == "Microsoft.NET.Sdk.Worker"
        return 1 if is_program else 0

    @property
    def is_client(self) -> bool:
        """Whether it is WebAssembly: files for the browser, which another server may hold."""
        return self.sdk == BLAZOR or _WASM in {name for name, _ in self.references()}


def projects(files: SourceFiles) -> list[Project]:
    """The projects of the root, else those in folders below it, likeliest first."""
    # Far below are only those of a solution.
    is_solution = any(files.glob(path) for path in _SOLUTION)
    paths = _paths(files, "") or _paths(files, "*/", *(("*/*/",) if is_solution else ()))
    found = [Project(files, path) for path in sorted(paths)[:MOST_PROJECTS]]
    return sorted(found, key=lambda one: -one.rank())


def _paths(files: SourceFiles, *folders: str) -> list[str]:
    return [
        path
        for folder in folders
        for ending in _ENDINGS
        for path in files.glob(f"{folder}*.{ending}")
    ]


def _dependencies(files: SourceFiles) -> Dependencies:
    found = Dependencies.none()
    central = {
        one.get("Include"): one.get("Version")
        for one in files.xml("Directory.Packages.props").iter("PackageVersion")
    }
    for project in projects(files):
        if project.sdk and project.sdk != "Microsoft.NET.Sdk":
            found.add(project.sdk, None, project.path)
        for name, version in project.references():
            found.add(name, version or central.get(name), project.path)
    return found


def _sdk_asked(files: SourceFiles) -> tuple[str, str] | None:
    version = words(table(files.json("global.json"), "sdk").get("version"))
    return (version, "global.json") if version else None


def _target(files: SourceFiles) -> tuple[str, str] | None:
    """The version that the app, else any project, is built for."""
    for project in projects(files):
        if project.version:
            return project.version, project.path
    shared = files.xml("Directory.Build.props").findtext(".//TargetFramework") or ""
    found = _FRAMEWORK.search(shared)
    return (found.group(1), "Directory.Build.props") if found else None


def _published(files: SourceFiles) -> tuple[str, str] | None:
    """The version that what was published is run with."""
    for path in files.glob("*.runtimeconfig.json"):
        options = table(files.json(path), "runtimeOptions")
        target = _FRAMEWORK.match(words(options.get("tfm")) or "")
        version = words(table(options, "framework").get("version"))
        if target or version:
            return (target.group(1) if target else version or ""), path
    return None


def _members(files: SourceFiles) -> tuple[Member, ...]:
    return tuple(
        Member(path=files.at(one.folder), name=one.name, language="dotnet")
        for one in projects(files)
        if one.folder
    )


def _spoken(files: SourceFiles) -> str | None:
    found = projects(files)
    return _NAMES[found[0].path.rpartition(".")[2]] if found else None


LANGUAGE = Language(
    slug="dotnet",
    name=".NET",
    tools=(
        BuildTool(
            "nuget",
            (*(f"{folder}*.{ending}" for folder in ("", "*/") for ending in _ENDINGS), *_SOLUTION),
            "dotnet restore",
            ("packages.lock.json", "global.json", "Directory.Packages.props"),
        ),
    ),
    sources=("*.runtimeconfig.json", "*.cs", "*.fsx"),
    versions=(
        _sdk_asked,
        line(".dotnet-version"),
        tool("dotnet", "dotnet-core"),
        _target,
        _published,
    ),
    dependencies=_dependencies,
    members=_members,
    spoken=_spoken,
)
