"""Git LFS pointers: small text files that stand for large ones, which git itself does not fetch."""

import os
from collections.abc import Iterator
from pathlib import Path

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md, 2026-11: the first line, and
# "pointer files must be less than 1024 bytes in size".
_FIRST_LINE = b"version https://git-lfs.github.com/spec/v1\n"
_LARGEST_BYTES = 1024
_ATTRIBUTES_BYTES = 1 << 20

#: The file that says which files are kept elsewhere, and the attribute that says it.
ATTRIBUTES = ".gitattributes"
ATTRIBUTE = ("filter", "lfs")
_NAMED = 3


def warn_of_pointers(folder: Path) -> str | None:
    """What to tell of a tree that holds pointers in the place of files; None when it has none."""
    if not uses_pointers(folder):
        return None
    found = sorted(_pointers(folder))
    if not found:
        return None
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    names = ", ".join(found[:_NAMED])
    return (
        f"Git LFS files are not fetched, so these hold a pointer and not their content: {names}"
        f"{more}. Deploy a checkout that has them (`git lfs pull`, then `autodeploy deploy .`)."
    )


def uses_pointers(folder: Path) -> bool:
    """Whether the tree says of some files that they are kept elsewhere."""
    return "=".join(ATTRIBUTE).encode() in _beginning(folder / ATTRIBUTES, _ATTRIBUTES_BYTES)


def _pointers(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        for name in names:
            file = Path(place, name)
            if _beginning(file, len(_FIRST_LINE), _LARGEST_BYTES) == _FIRST_LINE:
                yield str(file.relative_to(folder))


def _beginning(file: Path, size_bytes: int, largest_bytes: int | None = None) -> bytes:
    """The first bytes of a file, none of a link, of what is no file, or of a larger one."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        if largest_bytes is not None and os.fstat(handle).st_size >= largest_bytes:
            return b""
        return os.read(handle, size_bytes)
    except OSError:  # a folder
        return b""
    finally:
        os.close(handle)
