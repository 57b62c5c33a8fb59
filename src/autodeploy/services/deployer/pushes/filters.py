"""Which pushes are deployed: by the words in a commit's message, and by the files that changed."""

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

_SKIPPING = ("[skip deploy]", "[deploy skip]", "[skip ci]", "[ci skip]", "[no ci]")
_ANY_FOLDERS = "**"


def find_skip(message: str) -> str | None:
    """What in a commit's message asks not to deploy it; None where nothing does."""
    said = message.casefold()
    return next((each for each in _SKIPPING if each in said), None)


def patterns_of(paths: Sequence[str] | None, root_directory: str) -> Sequence[str]:
    """The patterns of the files that count: those that were named, else those below the project's
    root directory; none where all files do."""
    if paths is not None:
        return paths
    return [root_directory] if root_directory else []


def concern(patterns: Sequence[str], paths: Collection[str]) -> bool:
    """Whether one of the paths is meant: by the last pattern that matches it, unless that begins
    with ``!``.

    A pattern is a file or a folder with all that is below it; ``*`` stands for part of a name,
    ``**`` for any folders.
    """
    return any(_is_meant(patterns, path) for path in paths)


def _is_meant(patterns: Iterable[str], path: str) -> bool:
    meant = False
    for pattern in patterns:
        if _matches(pattern.removeprefix("!"), path):
            meant = not pattern.startswith("!")
    return meant


def _matches(pattern: str, path: str) -> bool:
    """In time that grows with the product of both lengths, whatever the pattern: the last ``**``
    alone is tried again."""
    wanted = [*filter(None, pattern.split("/")), _ANY_FOLDERS]
    names = path.split("/")
    at = name = 0
    again: tuple[int, int] | None = None
    while name < len(names):
        if at < len(wanted) and wanted[at] == _ANY_FOLDERS:
            again = (at, name)
            at += 1
        elif at < len(wanted) and fnmatchcase(names[name], wanted[at]):
            at, name = at + 1, name + 1
        elif again is not None:
            again = (again[0], again[1] + 1)
            at, name = again[0] + 1, again[1]
        else:
            return False
    return all(each == _ANY_FOLDERS for each in wanted[at:])
