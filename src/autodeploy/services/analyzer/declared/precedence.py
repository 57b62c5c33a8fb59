"""Whose word counts: one table for all kinds of files, field by field.

``docs/declared-files.md`` shows it, and a test holds the two together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autodeploy.services.analyzer.declared.base import FILES, Declared, Said, Source
from autodeploy.services.analyzer.declared.commands import leaves_folder
from autodeploy.services.analyzer.evidence import SourceFiles

_RUNNERS = (Source.RAILWAY, Source.RENDER, Source.FLY, Source.RAILPACK, Source.NIXPACKS)
_BUILDERS = (Source.RAILPACK, Source.NIXPACKS, Source.RAILWAY, Source.RENDER, Source.VERCEL,
             Source.NETLIFY)  # fmt: skip

#: Field of ``Declared`` → who may say it, the one that is obeyed first. What stands behind
#: ``FOUND`` fills a gap: an image, or a network of containers, is another place than this.
PRECEDENCE: Mapping[str, tuple[Source, ...]] = {
    "kind": (Source.RENDER, Source.FOUND),
    "private": (Source.APP_FILE, Source.RENDER, Source.FOUND),
    "install": (Source.APP_FILE, *_BUILDERS, Source.FOUND),
    "build": (Source.APP_FILE, *_BUILDERS, Source.FOUND),
    "start": (Source.APP_FILE, Source.PROCFILE, *_RUNNERS, Source.FOUND, Source.DOCKERFILE,
              Source.COMPOSE),
    "release": (Source.APP_FILE, Source.PROCFILE, Source.RAILWAY, Source.RENDER, Source.FLY,
                Source.HEROKU, Source.FOUND),
    "workers": (Source.PROCFILE, Source.RENDER, Source.FLY, Source.FOUND),
    "more_workers": (Source.APP_FILE, Source.FOUND),
    "crons": (Source.APP_FILE, Source.RENDER, Source.FOUND),
    "output_directory": (Source.APP_FILE, Source.RENDER, Source.VERCEL, Source.NETLIFY,
                         Source.FOUND),
    "root_directory": (Source.FOUND, Source.RENDER, Source.NETLIFY),
    "spa_fallback": (Source.APP_FILE, Source.VERCEL, Source.NETLIFY, Source.RENDER, Source.FOUND),
    "health_path": (Source.APP_FILE, Source.RAILWAY, Source.RENDER, Source.FLY, Source.HEROKU,
                    Source.DOCKERFILE, Source.FOUND),
    "port": (Source.FLY, Source.DOCKERFILE, Source.COMPOSE, Source.FOUND),
    "language": (Source.FOUND, Source.DOCKERFILE),
    "image": (Source.APP_FILE, Source.RENDER, Source.FOUND, Source.DOCKERFILE),
    "runtimes": (Source.APP_FILE, Source.RAILPACK, Source.NIXPACKS, Source.RAILWAY, Source.RENDER,
                 Source.NETLIFY, Source.FOUND, Source.DOCKERFILE),
    "variables": (Source.APP_FILE, Source.FOUND, Source.HEROKU, Source.RENDER, Source.FLY,
                  Source.RAILPACK, Source.NIXPACKS, Source.RAILWAY, Source.NETLIFY, Source.VERCEL,
                  Source.DOCKERFILE, Source.COMPOSE),
    "services": (Source.FOUND, Source.HEROKU, Source.RENDER, Source.COMPOSE),
}  # fmt: skip

#: How the reason of a start command begins that outranks what the analyzer finds.
OWNERS = tuple(
    name
    for source in PRECEDENCE["start"][: PRECEDENCE["start"].index(Source.FOUND)]
    for name in FILES[source]
)

# Of these a contradiction is told: the plan does one thing, and someone wrote another.
_TOLD = ("install", "build", "start", "release", "output_directory", "health_path")


_ANY_VERSION = ("latest", "stable", "*")


@dataclass(frozen=True)
class Ranked:
    """What is said, by what ranks ``before`` the analyzer's own findings and ``after`` them."""

    before: Declared
    after: Declared


def rank(declared: Mapping[Source, Declared], files: SourceFiles) -> Ranked:
    """Of each field the word that counts, with a warning of each other that contradicts it."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for field, sources in PRECEDENCE.items():
        place = sources.index(Source.FOUND)
        first = _said(declared, field, sources[:place])
        last = _said(declared, field, sources[place + 1 :])
        if field in ("install", "build"):
            # The whole workspace's line is for where nobody builds its members one by one.
            last = [*last, *(one for one in first if _leaves(one))]
            first = [one for one in first if not _leaves(one)]
        if field in _TOLD:
            _warn_of_contradiction(first, files)
        before[field], after[field] = _chosen(field, first), _chosen(field, last)
    return Ranked(Declared(**before), Declared(**after))


def _said(
    declared: Mapping[Source, Declared], field: str, sources: Iterable[Source]
) -> list[object]:
    values = [getattr(declared[source], field) for source in sources if source in declared]
    return [value for value in values if value is not None]


def _leaves(said: object) -> bool:
    return isinstance(said, Said) and leaves_folder(str(said.value))


def _chosen(field: str, said: list[object]) -> object:
    """The first word; of tables and lists all, where the first word on each item counts."""
    if field == "runtimes":
        tables = [one for one in said if isinstance(one, dict)]
        return {
            key: value
            for one in reversed(tables)
            for key, value in one.items()
            if value.value not in _ANY_VERSION
        }
    if field == "root_directory":  # two folders for two platforms settle nothing
        folders = {one.value for one in said if isinstance(one, Said)}
        return said[0] if len(folders) == 1 else None
    if field in ("variables", "services"):
        return tuple(item for one in said if isinstance(one, tuple) for item in one)
    return said[0] if said else None


def _warn_of_contradiction(said: list[object], files: SourceFiles) -> None:
    words = [one for one in said if isinstance(one, Said)]
    for other in words[1:]:
        if _plain(words[0].value) != _plain(other.value):
            files.warn(
                f"{words[0].reason} is obeyed; {other.reason} says something else: "
                f"`{str(other.value)[:80]}`."
            )


def _plain(value: object) -> str:
    return " ".join(str(value).split()).removesuffix("/")
