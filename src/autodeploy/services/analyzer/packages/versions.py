"""The version of a runtime that a repository asks for, in the words of where it asks."""

from collections.abc import Callable, Iterator, Sequence

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.base import first_request
from autodeploy.services.analyzer.packages.stated import line, tool
from autodeploy.services.analyzer.plan import Runtime

# What the manifests of one folder ask for, in their precedence: (version, file).
Declared = Callable[[SourceFiles], Iterator[tuple[str, str]]]


def asked_runtime(
    files: SourceFiles, name: str, version_files: Sequence[str], declared: Declared | None = None
) -> Runtime:
    """The version asked for: exact version files first, then tool managers, then manifests.

    The folder of the app counts before those above it. What has no digit (``latest``,
    ``$VERSION``) asks for nothing.
    """
    requests = (
        (version.removeprefix(f"{name}-").removeprefix("v"), path)
        for version, path in _requests(files, name, version_files, declared)
        if any(sign.isdigit() for sign in version)
    )
    return first_request(files, name, requests, parts=2)


def _requests(
    files: SourceFiles, name: str, version_files: Sequence[str], declared: Declared | None
) -> Iterator[tuple[str, str]]:
    sources = (*map(line, version_files), tool(name))
    for place in (files, *files.parents()):
        for version, path in filter(None, (source(place) for source in sources)):
            yield version, place.at(path)
        if declared:
            yield from ((version, place.at(path)) for version, path in declared(place))
