"""What the manifests of one language say, in one shape for all languages."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.plan import Command, Dependencies, Member, Runtime


@dataclass(frozen=True)
class Packages:
    """The packages of one language: its manager, what to install, and which runtime.

    ``production`` and ``development`` map a package to the version asked for (None: any);
    ``manifests`` maps it to the file that names it. ``lock_files`` are paths relative to the
    repository. ``scripts`` are the commands that the manifest names.
    """

    language: str
    language_name: str
    manager: str | None = None
    manager_version: str | None = None
    install: Command | None = None
    runtime: Runtime | None = None
    production: Mapping[str, str | None] = field(default_factory=dict)
    development: Mapping[str, str | None] = field(default_factory=dict)
    manifests: Mapping[str, str] = field(default_factory=dict)
    lock_files: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    members: tuple[Member, ...] = ()

    def has(self, *names: str) -> bool:
        return any(name in self.production or name in self.development for name in names)

    def dependencies(self) -> Dependencies:
        return Dependencies(
            production=tuple(sorted(self.production)), development=tuple(sorted(self.development))
        )


def first_line(files: SourceFiles, path: str) -> str | None:
    """The first line that says something: what version files hold."""
    for line in (files.text(path) or "").splitlines() if files.has(path) else ():
        content = line.split("#")[0].strip()
        if content:
            return content
    return None


def tool_version(files: SourceFiles, *tools: str) -> tuple[str, str] | None:
    """The version that ``.tool-versions`` or mise asks for, with its file."""
    for line in (files.text(".tool-versions") or "").splitlines():
        words = line.split("#")[0].split()
        if len(words) >= 2 and words[0] in tools:
            return words[1], ".tool-versions"
    for path in ("mise.toml", ".mise.toml"):
        asked = files.toml(path).get("tools")
        if not isinstance(asked, dict):
            continue
        for tool in tools:
            version = asked.get(tool)
            if isinstance(version, list) and version:
                version = version[0]
            if isinstance(version, dict):
                version = version.get("version")
            if isinstance(version, str | int | float):
                return str(version), path
    return None


# A number or a range of them, or a name: `lts/*`, `latest`.
_VERSION = re.compile(r"[\d^~<>=!*\[(].*|[A-Za-z][\w/*.-]*")


def first_request(
    files: SourceFiles, language: str, requests: Iterable[tuple[str, str]], *, parts: int
) -> Runtime:
    """The runtime in the version of the first of ``requests``, which come in their precedence.

    Each is a version and the file that asks for it. Where another one names another release, the
    plan says which is followed; ``parts`` is how many numbers tell releases apart (Node 1,
    Python 2). Ranges contradict nothing.
    """
    asked = [request for request in requests if _VERSION.fullmatch(request[0])]
    if not asked:
        return Runtime(name=language)
    version, source = asked[0]
    release = _release(version, parts)
    for other, place in asked[1:]:
        if release and _release(other, parts) not in (None, release):
            files.warn(f"{source} asks for {version} and {place} for {other}: {source} counts.")
    return Runtime(name=language, version_request=version, source=source)


def _release(version: str, parts: int) -> tuple[str, ...] | None:
    """The first numbers of a version that names one release; None for a range or a name."""
    found = re.fullmatch(r"v?(\d+(?:\.\d+)*)(?:\.[x*])?", version)
    numbers = found.group(1).split(".") if found else []
    return tuple(numbers[:parts]) if len(numbers) >= parts else None
