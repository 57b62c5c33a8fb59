"""From the output of a failed command to the lines that matter and what to do about them."""

import re
from collections.abc import Sequence

TAIL_LINES = 20
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_NOISE = re.compile(r"npm (notice|warn)|A complete log of this run|\[notice\]|^\s*$", re.IGNORECASE)

_REMEDIES = (
    (
        r"npm error code EUSAGE",
        "package-lock.json does not fit package.json. Run `npm install`, commit the new "
        "package-lock.json, or set the install command to `npm install`.",
    ),
    (r"ERR_PNPM_OUTDATED_LOCKFILE", "Run `pnpm install` and commit pnpm-lock.yaml."),
    (
        r"ERESOLVE",
        "Packages ask for versions that exclude each other. Align them in package.json.",
    ),
    (
        r"npm error Missing script",
        "Add this script to package.json, or set another command for the project.",
    ),
    (
        r"No matching distribution found for",
        "Check the package's name and version, and that it supports this version of Python.",
    ),
    (r"heap out of memory|MemoryError", "The build needs more memory than it may have."),
    (
        r"ENOSPC|No space left on device",
        "The disk of this machine is full: remove what is not needed or add space.",
    ),
    (
        r"ENOTFOUND|EAI_AGAIN|Temporary failure in name resolution|Connection refused",
        "A package registry could not be reached: check this machine's network and proxy settings.",
    ),
    (
        r"\S+: (command )?not found",
        "The command needs a program that is not installed: add it to the app's dependencies.",
    ),
    (
        r"(ModuleNotFoundError|ImportError): ",
        "Add the missing package to the app's dependencies.",
    ),
    (
        r"Cannot find module '",
        "Add the missing package to package.json and to the lock file.",
    ),
)


def relevant_tail(lines: Sequence[str]) -> list[str]:
    """The last lines that say something, without colours and blank lines."""
    plain = (_ESCAPES.sub("", line) for line in lines)
    return [line for line in plain if not _NOISE.match(line)][-TAIL_LINES:]


def remedy_for(lines: Sequence[str]) -> str:
    """What to do next, from what the command said."""
    text = "\n".join(lines)
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, text):
            return remedy
    return "Read the last lines of the log; the same command should work on a fresh clone."
