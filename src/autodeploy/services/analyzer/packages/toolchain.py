"""Languages whose manifests differ in words alone: what is looked for is data, read in one way."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.stated import Source, runtime
from autodeploy.services.analyzer.plan import Command, Member


@dataclass(frozen=True)
class BuildTool:
    """A build tool: its slug as package manager, and the files (globs) that say it is used.

    ``install`` gets the dependencies alone, ``lock_files`` (globs) decide which.
    """

    manager: str | None
    manifests: tuple[str, ...]
    install: str | None = None
    lock_files: tuple[str, ...] = ()


@dataclass
class Dependencies:
    """What manifests name: package → version, for running and for development alone."""

    production: dict[str, str | None]
    development: dict[str, str | None]
    manifests: dict[str, str]

    @classmethod
    def none(cls) -> "Dependencies":
        return cls({}, {}, {})

    def add(self, name: str, version: str | None, path: str, *, develop: bool = False) -> None:
        kind = self.development if develop else self.production
        kind[name] = version or kind.get(name)
        self.manifests.setdefault(name, path)


def by_pattern(patterns: Mapping[str, str]) -> Callable[[SourceFiles], Dependencies]:
    """Dependencies by path or glob → pattern with groups ``name``, ``version`` and ``dev``."""
    compiled = {path: re.compile(one, re.MULTILINE) for path, one in patterns.items()}

    def read(files: SourceFiles) -> Dependencies:
        found = Dependencies.none()
        for path, pattern in compiled.items():
            for place in files.glob(path):
                for match in pattern.finditer(files.code(place)):
                    groups = match.groupdict()
                    develop = bool(groups.get("dev"))
                    found.add(match["name"], groups.get("version"), place, develop=develop)
        return found

    return read


@dataclass(frozen=True)
class Language:
    """A language as its manifests show it.

    ``tools`` stand in the order in which they are preferred; ``sources`` (globs) are code that
    tells the language where no tool does. ``runtime`` names what runs it, and ``versions`` where
    its version is asked for. ``spoken`` gives another name than ``name`` where one fits better.
    """

    slug: str
    name: str
    tools: tuple[BuildTool, ...]
    sources: tuple[str, ...] = ()
    runtime: str | None = None
    versions: tuple[Source, ...] = ()
    dependencies: Callable[[SourceFiles], Dependencies] = lambda _: Dependencies.none()
    members: Callable[[SourceFiles], tuple[Member, ...]] = lambda _: ()
    spoken: Callable[[SourceFiles], str | None] = lambda _: None

    def read(self, files: SourceFiles) -> Packages | None:
        """What the manifests say; None when there is neither a manifest nor code."""
        if not self._is_here(files):
            return None
        tool = self._tool(files)
        found = self.dependencies(files)
        return Packages(
            language=self.slug,
            language_name=self.spoken(files) or self.name,
            manager=tool.manager if tool else None,
            install=_install(tool, files),
            runtime=runtime(files, self.runtime or self.slug, self.versions),
            production=found.production,
            development=found.development,
            manifests=found.manifests,
            lock_files=_locks(tool, files),
            members=self.members(files),
        )

    def _is_here(self, files: SourceFiles) -> bool:
        return not self._in_root.isdisjoint(files.signs()) or any(
            files.glob(path) for path in self._below if _is_possible(path, files)
        )

    @cached_property
    def _signs(self) -> tuple[str, ...]:
        return (*(path for tool in self.tools for path in tool.manifests), *self.sources)

    @cached_property
    def _in_root(self) -> frozenset[str]:
        return frozenset(path for path in self._signs if "/" not in path)

    @cached_property
    def _below(self) -> tuple[str, ...]:
        return tuple(path for path in self._signs if "/" in path)

    def _tool(self, files: SourceFiles) -> BuildTool | None:
        for tool in self.tools:
            for path in tool.manifests:
                if files.glob(path):
                    return tool
        return None


def _is_possible(path: str, files: SourceFiles) -> bool:
    """Whether the first folder of the path is there: most are not, and need no further look."""
    folder = path.partition("/")[0]
    return "*" in folder or folder in files.entries()


def _install(tool: BuildTool | None, files: SourceFiles) -> Command | None:
    if tool is None or tool.install is None:
        return None
    manifest = next(found for path in tool.manifests for found in files.glob(path))
    return Command(command=tool.install, reason=f"{manifest}: what it names")


def _locks(tool: BuildTool | None, files: SourceFiles) -> tuple[str, ...]:
    paths = (*tool.lock_files, *tool.manifests) if tool else ()
    return tuple(dict.fromkeys(files.at(found) for path in paths for found in files.glob(path)))
