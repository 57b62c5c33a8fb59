"""The versions of generators that are programs of their own, not packages of a language."""

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.versions import asked_runtime

_VERSION_FILES = {"hugo": (".hvm",), "zola": ()}


def read(files: SourceFiles) -> Packages | None:
    """The generator whose version is asked for; None when none is."""
    for name, version_files in _VERSION_FILES.items():
        runtime = asked_runtime(files, name, version_files)
        if runtime.version_request:
            return Packages("static", "HTML", runtime=runtime)
    return None
