"""Where a repository states something, as data: a version, a name, a path.

A source looks into a folder and gives what is stated there with the file that does. Sources in a
tuple stand in the order of their precedence.
"""

import re
from collections.abc import Callable

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.base import first_line, tool_version
from autodeploy.services.analyzer.plan import Runtime

Source = Callable[[SourceFiles], tuple[str, str] | None]


def line(path: str) -> Source:
    """The first line of a file that holds nothing else."""

    def find(files: SourceFiles) -> tuple[str, str] | None:
        found = first_line(files, path)
        return (found, path) if found else None

    return find


def tool(*names: str) -> Source:
    """A version that a tool manager is asked for."""
    return lambda files: tool_version(files, *names)


def stated(path: str, pattern: str) -> Source:
    """The first group of a pattern in the code of the files at a path or glob; ``^`` is a line's
    start."""
    compiled = re.compile(pattern, re.MULTILINE)

    def find(files: SourceFiles) -> tuple[str, str] | None:
        for found in files.glob(path):
            match = compiled.search(files.code(found))
            if match:
                return match.group(1).strip(), found
        return None

    return find


def present(*patterns: str) -> Source:
    """The path, without its ending, of the first file at one of the paths or globs."""

    def find(files: SourceFiles) -> tuple[str, str] | None:
        for pattern in patterns:
            for found in files.glob(pattern):
                return found.rpartition(".")[0], found
        return None

    return find


def first(files: SourceFiles, sources: tuple[Source, ...]) -> tuple[str, str] | None:
    """What the first source states that states anything."""
    return next((found for source in sources if (found := source(files))), None)


def runtime(files: SourceFiles, name: str, sources: tuple[Source, ...]) -> Runtime:
    """The version asked for, in the folder or else in one above it."""
    for place in (files, *files.parents()):
        found = first(place, sources)
        if found:
            return Runtime(name=name, version_request=found[0], source=place.at(found[1]))
    return Runtime(name=name)
