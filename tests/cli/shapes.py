"""What docs/cli.md says that each command prints with ``--json``."""

import re
from pathlib import Path
from typing import Any

DOCUMENT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text().partition("\n## JSON\n")[2]
_KEY = re.compile(r"`(\w+)`( list of)?(?: \[(\w+)\])?")


def documented(name: str) -> str:
    """The second cell of the row that describes a command or a shape."""
    for first, second in re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", DOCUMENT, re.MULTILINE):
        if name in re.findall(r"[`\[]([^`\]]+)[`\]]", first):
            return str(second)
    raise AssertionError(f"{name} is not described in docs/cli.md")


def check(value: dict[str, Any], description: str) -> None:
    """That ``value`` has the keys of the description, and so has what it holds."""
    if shape := re.fullmatch(r"an? \[(\w+)\]", description):
        check(value, documented(shape[1]))
        return
    keys = re.sub(r"\([^)]*\)", "", description)  # in brackets are the values of a key
    described = {key: (shape, bool(many)) for key, many, shape in _KEY.findall(keys)}
    assert set(value) == set(described)
    for key, (shape, many) in described.items():
        if shape and value.get(key) is not None:
            inner = value[key] if many else [value[key]]
            for each in inner:
                check(each, documented(shape))
