"""The submodules of a commit: where each lies, and where its files come from."""

import re
from dataclasses import dataclass

from autodeploy.kernel.git.command import GitFailed
from autodeploy.kernel.git.session import RemoteSession

#: How many are fetched for one checkout, and how deep they may lie in each other.
MOST_SUBMODULES = 32
DEEPEST_SUBMODULE = 4

_GITLINK = b"160000"
_SECTION = re.compile(r"\s*\[\s*submodule\s", re.IGNORECASE)
_ENTRY = re.compile(r"\s*(path|url)\s*=\s*(.*?)\s*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Submodule:
    """One submodule. ``url`` is None when ``.gitmodules`` does not name it."""

    path: str
    commit: str
    url: str | None


async def find_submodules(session: RemoteSession) -> list[Submodule]:
    """The submodules in the session's index, which holds the commit that was written."""
    found = []
    for line in (await session.git("ls-files", "--stage", "-z")).split(b"\0"):
        description, _, path = line.partition(b"\t")
        if description.startswith(_GITLINK):
            commit = description.split()[1].decode()
            found.append((path.decode(errors="surrogateescape"), commit))
    urls = await _urls(session) if found else {}
    base = session.remote.text
    return [
        Submodule(path, commit, resolve_url(base, urls[path]) if path in urls else None)
        for path, commit in found
    ]


def resolve_url(base: str, url: str) -> str:
    """The URL of a submodule; a relative one is meant from its parent's, as git does.

    Source: gitsubmodules and git-submodule(1), git 2.39, January 2023.
    """
    if not url.startswith(("./", "../")):
        return url
    base = base.rstrip("/")
    separator = "/"
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            separator = "/" if "/" in base.partition("://")[2] or "/" in base else ":"
            base = base.rpartition(separator)[0]
        url = url.partition("/")[2]
    return f"{base}{separator}{url}"


def named_submodules(gitmodules: str) -> dict[str, str]:
    """From path to URL, as the text of a ``.gitmodules`` says; relative ones as they are."""
    named: list[dict[str, str]] = []
    for line in gitmodules.splitlines():
        if _SECTION.match(line):
            named.append({})
        elif named and (entry := _ENTRY.match(line)):
            named[-1][entry[1].lower()] = entry[2].strip('"')
    return {one["path"]: one["url"] for one in named if {"path", "url"} <= one.keys()}


async def _urls(session: RemoteSession) -> dict[str, str]:
    """From path to URL, as ``.gitmodules`` of the index says. Nothing that it includes counts."""
    try:
        content = await session.git(
            "config", "--blob", ":.gitmodules", "--no-includes", "-z",
            "--get-regexp", r"^submodule\..*\.(path|url)$",
        )  # fmt: skip
    except GitFailed:  # there is no such file, or it cannot be read
        return {}
    named: dict[str, dict[str, str]] = {}
    for entry in content.decode(errors="surrogateescape").split("\0"):
        key, _, value = entry.partition("\n")
        name, _, variable = key.rpartition(".")
        named.setdefault(name, {})[variable] = value
    return {one["path"]: one["url"] for one in named.values() if {"path", "url"} <= one.keys()}
