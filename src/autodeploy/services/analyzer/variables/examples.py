"""Example files such as ``.env.example``: names, comments and example values."""

import re
from dataclasses import dataclass

from autodeploy.services.analyzer.evidence import SourceFiles

PATTERNS = (".env.example", ".env.sample", ".env.template", ".env.dist", "env.example",
            "example.env", "sample.env", ".env.*.example", ".env.example.*")  # fmt: skip

# Files of this kind that hold values, which an app's libraries load by themselves.
KEPT = (".env", ".env.production", ".env.local", ".env.production.local")

# Longer lines are cut: no description is as long.
MOST_CHARACTERS = 2_000

_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$")


@dataclass(frozen=True)
class Example:
    key: str
    file: str
    line: int
    value: str | None
    description: str | None


def find_examples(files: SourceFiles) -> dict[str, Example]:
    """What the example files say of each variable; the first file that names one counts."""
    found: dict[str, Example] = {}
    for pattern in PATTERNS:
        for path in files.glob(pattern):
            for example in parse(files.text(path) or "", files.at(path)):
                found.setdefault(example.key, example)
    return found


def find_kept(files: SourceFiles) -> frozenset[str]:
    """The variables that files of the repository set."""
    return frozenset(
        one.key
        for name in KEPT
        if files.has(name)
        for one in parse(files.text(name) or "", name)
        if one.value is not None
    )


def parse(text: str, file: str) -> list[Example]:
    """The assignments of one file, each with the comment above it or behind it."""
    found, comment = [], list[str]()
    for number, whole in enumerate(text.splitlines(), 1):
        line = whole[:MOST_CHARACTERS]
        assigned = _LINE.match(line)
        if assigned:
            value, behind = _value(assigned.group(2))
            description = behind or " ".join(comment) or None
            found.append(Example(assigned.group(1), file, number, value, description))
            comment = []
        elif line.lstrip().startswith("#"):
            words = line.strip().strip("#=- ").strip()
            comment = [*comment, words] if words else comment
        else:
            comment = []
    return found


def _value(text: str) -> tuple[str | None, str | None]:
    quoted = re.match(r"""(['"])(.*?)\1\s*(?:#\s*(.*))?$""", text.strip())
    if quoted:
        return quoted.group(2) or None, quoted.group(3)
    value, _, behind = text.partition(" #") if not text.startswith("#") else ("", "", text[1:])
    return value.strip() or None, behind.strip() or None
