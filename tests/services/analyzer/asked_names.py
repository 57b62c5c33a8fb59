"""Every file name that the analyzer asks for, found by watching it.

So the tests with hostile content cover each manifest, also those that are read only from now on.
"""

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from unittest.mock import patch

from tests.services.analyzer.trees import MemoryTree

from autodeploy.services.analyzer import evidence
from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.frameworks import FRAMEWORKS
from autodeploy.services.analyzer.matcher import Content, File

EXAMPLES = Path(__file__).parents[3] / "examples"
ANALYZER = Path(evidence.__file__).parent
LARGEST_BYTES = 1 << 16


class _Watched(dict[str, bool]):
    """The names in a folder, which notes those that are looked up in it."""

    def __init__(self, names: Mapping[str, bool], folder: str, asked: set[str]):
        super().__init__(names)
        self.folder, self.asked = folder, asked

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
        self.asked.add(f"{self.folder}/{name}" if self.folder else name)
        return super().get(name, default)


class _WatchedTree(MemoryTree):
    def __init__(self, files: Mapping[str, bytes], asked: set[str]):
        super().__init__(files)
        self.asked = asked

    def entries(self, folder: str) -> Mapping[str, bool]:
        # What is looked up in a folder of the example could be in the root as well.
        shown = "" if folder in self.folders else folder
        return _Watched(super().entries(folder), shown, self.asked)


@cache
def example_files(folder: Path) -> Mapping[str, bytes]:
    """The files of an example, the large ones (lock files) shortened."""
    return {
        str(path.relative_to(folder)): path.read_bytes()[:LARGEST_BYTES]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def examples() -> list[Path]:
    return sorted(path for path in EXAMPLES.iterdir() if path.is_dir())


@cache
def asked_names() -> tuple[str, ...]:
    """Names that were looked up in any folder of any example, or match a pattern that was."""
    asked: set[str] = set()
    patterns = {one.path for one in _conditions() if isinstance(one, File | Content)}
    compiled = evidence._name_pattern

    def watched(pattern: str) -> object:
        patterns.add(pattern)
        return compiled(pattern)

    with patch.object(evidence, "_name_pattern", watched):
        for files in ({}, *map(example_files, examples())):
            analyze(_WatchedTree(files, asked))
    names = asked | {_matching(pattern) for pattern in patterns}
    return tuple(sorted(name for name in names if name and not name.startswith("..")))


@cache
def known_words() -> tuple[str, ...]:
    """The texts in the analyzer's code: the keys of manifests that mean something to it."""
    found = set()
    for path in ANALYZER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return tuple(sorted(word for word in found if re.fullmatch(r"[\w@./:*-]{1,40}", word)))


def _conditions() -> list[object]:
    return [
        condition
        for record in FRAMEWORKS.values()
        for way in record.ways
        for condition in (*way.conditions, *way.unless, *record.unless)
    ]


def _matching(pattern: str) -> str:
    """A path that the pattern matches."""
    return re.sub(r"\[(.)[^\]]*\]", r"\1", pattern).replace("*", "x").replace("?", "x")
