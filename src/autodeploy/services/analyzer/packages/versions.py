"""The version of a runtime that a repository asks for, in the words of where it asks."""

from collections.abc import Callable, Sequence

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.base import first_line, tool_version
from autodeploy.services.analyzer.plan import Runtime


def nothing_declared(place: SourceFiles) -> None:
    """For runtimes that no manifest names."""


def asked_runtime(
    files: SourceFiles,
    name: str,
    version_files: Sequence[str],
    declared: Callable[[SourceFiles], tuple[str, str] | None] = nothing_declared,
) -> Runtime:
    """The version asked for: exact version files first, then tool managers, then manifests.

    ``declared`` reads the manifests of one folder: (version, file). The folder of the app counts
    before those above it. Versions without a digit (``latest``, ``$VERSION``) ask for nothing.
    """
    for place in (files, *files.parents()):
        exact = ((first_line(place, path), path) for path in version_files)
        for found in (*exact, tool_version(place, name), declared(place)):
            version, path = found or (None, "")
            if version and any(sign.isdigit() for sign in version):
                version = version.removeprefix(f"{name}-").removeprefix("v")
                return Runtime(name=name, version_request=version, source=place.at(path))
    return Runtime(name=name)
