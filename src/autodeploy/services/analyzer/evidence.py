"""Evidence: everything read from a source tree, parsed once, with the facts that were found.

A file that is broken is a warning and reads as absent; it never ends an analysis.
"""

import configparser
import fnmatch
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import TypeVar

import yaml

from autodeploy.services.analyzer.plan import Evidence
from autodeploy.services.analyzer.tree import SourceTree, normal_path

Parsed = TypeVar("Parsed")

# Nesting beyond this is no manifest; parsers that recurse are not asked to read it.
MAXIMUM_NESTING = 500

_LINE_COMMENT = re.compile(r"(?m)^[ \t]*//.*$")
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


class SourceFiles:
    """A source tree seen from one root directory, with parsed files and noted facts.

    Paths are relative to ``root`` unless a method says otherwise; facts hold paths relative to
    the repository.
    """

    def __init__(self, tree: SourceTree, root: str = ""):
        self.tree = tree
        self.root = normal_path(root) or ""
        self.facts: list[Evidence] = []
        self.warnings: list[str] = []
        self._texts: dict[str, str | None] = {}
        self._parsed: dict[str, Mapping[str, object]] = {}
        self._parents: list[SourceFiles] | None = None

    def at(self, path: str) -> str:
        """The path as seen from the repository."""
        return f"{self.root}/{path}" if self.root and path else self.root or path

    def parents(self) -> list["SourceFiles"]:
        """The folders above the root directory, nearest first: where a workspace is declared.

        What is noted of them is noted here.
        """
        if self._parents is None:
            parts = self.root.split("/") if self.root else []
            self._parents = [
                SourceFiles(self.tree, "/".join(parts[:n])) for n in range(len(parts) - 1, -1, -1)
            ]
            for above in self._parents:
                above.facts, above.warnings = self.facts, self.warnings
        return self._parents

    def entries(self, folder: str = "") -> Mapping[str, bool]:
        return self.tree.entries(self.at(folder))

    def has(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        return self.entries(folder).get(name) is True

    def glob(self, pattern: str) -> list[str]:
        """Files whose path matches; ``*`` stands for a part of one name, not for ``/``."""
        folder, _, name = pattern.rpartition("/")
        folders = self._folders(folder)
        return [
            f"{found}/{entry}" if found else entry
            for found in folders
            for entry, is_file in self.entries(found).items()
            if is_file and fnmatch.fnmatchcase(entry, name)
        ]

    def _folders(self, pattern: str) -> list[str]:
        if not any(sign in pattern for sign in "*?["):
            return [pattern]
        above, _, name = pattern.rpartition("/")
        return [
            f"{found}/{entry}" if found else entry
            for found in self._folders(above)
            for entry, is_file in self.entries(found).items()
            if not is_file and fnmatch.fnmatchcase(entry, name)
        ]

    def text(self, path: str) -> str | None:
        """The file as text: UTF-8 or UTF-16 by its mark; None when absent, binary or too large."""
        if path not in self._texts:
            content = self.tree.read(self.at(path))
            self._texts[path] = None if content is None else decode(content)
        return self._texts[path]

    def json(self, path: str) -> Mapping[str, object]:
        return self._parse(path, _load_json)

    def toml(self, path: str) -> Mapping[str, object]:
        return self._parse(path, tomllib.loads)

    def yaml(self, path: str) -> Mapping[str, object]:
        return self._parse(path, _load_yaml)

    def ini(self, path: str) -> Mapping[str, object]:
        return self._parse(path, _load_ini)

    def note(self, path: str, fact: str, line: int | None = None) -> None:
        noted = Evidence(file=self.at(path), line=line, fact=fact)
        if noted not in self.facts:
            self.facts.append(noted)

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def _parse(self, path: str, load: Callable[[str], object]) -> Mapping[str, object]:
        if path not in self._parsed:
            self._parsed[path] = self._load(path, load)
        return self._parsed[path]

    def _load(self, path: str, load: Callable[[str], object]) -> Mapping[str, object]:
        if not self.has(path):
            return {}
        text = self.text(path)
        if text is None or not text.strip():
            return {}
        if deepest(text) > MAXIMUM_NESTING:
            self.warn(f"{self.at(path)} is nested too deeply and was left out.")
            return {}
        try:
            found = load(text)
        except (ValueError, configparser.Error, RecursionError) as error:
            reason = str(error).splitlines()[0][:120]
            self.warn(f"{self.at(path)} cannot be parsed and was left out: {reason}")
            return {}
        # Escapes may stand for what neither JSON nor a database can hold.
        return as_table(cleaned(found) if "\\" in text else found)


def cleaned(value: object) -> object:
    """The value with every text in it cleaned by ``clean``."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(str(key)): cleaned(item) for key, item in value.items()}
    return value


def clean(text: str) -> str:
    """The text without NUL and without halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def decode(content: bytes) -> str | None:
    """Bytes of a source file as text; None for binary content."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").lstrip("\ufeff").replace("\0", "")
    if b"\0" in content:
        return None
    return content.decode("utf-8", "replace").lstrip("\ufeff")


def deepest(text: str) -> int:
    """How deep brackets nest, ignoring what strings hold: an upper bound in one pass."""
    depth = most = 0
    for sign in re.finditer(r"[\[{]|[\]}]", text):
        depth += 1 if sign.group() in "[{" else -1
        most = max(most, depth)
    return most


def as_table(value: object) -> Mapping[str, object]:
    """The value when it is a table with text keys, else an empty one."""
    return value if isinstance(value, dict) else {}


def table(values: Mapping[str, object], *path: str) -> Mapping[str, object]:
    """The table below ``path``, or an empty one where a step is missing or of another type."""
    found: Mapping[str, object] = values
    for step in path:
        found = as_table(found.get(step))
    return found


def texts(value: object) -> list[str]:
    """The texts of a list, or none when it is something else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def words(value: object) -> str | None:
    """A text that is not blank, or None."""
    return value.strip() if isinstance(value, str) and value.strip() else None


def line_of(text: str, needle: str) -> int | None:
    """The number of the first line that holds ``needle``, from 1."""
    position = text.find(needle)
    return None if position < 0 else text.count("\n", 0, position) + 1


def _load_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        # Comments and trailing commas are common in what people write by hand.
        return json.loads(_TRAILING_COMMA.sub(r"\1", _LINE_COMMENT.sub("", text)))


def _load_yaml(text: str) -> object:
    # Aliases are what makes a YAML bomb; without an anchor there is none.
    if re.search(r"(?m)(^|[\s\[,{])&\w", text):
        raise ValueError("it holds anchors")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _load_ini(text: str) -> object:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}
