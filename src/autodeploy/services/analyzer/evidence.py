"""Evidence: everything read from a source tree, parsed once, with the facts that were found.

A file that is broken is a warning and reads as absent; it never ends an analysis.
"""

import configparser
import fnmatch
import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import TypeVar, cast
from xml.etree.ElementTree import Element
from xml.parsers.expat import ExpatError

from autodeploy.kernel.toml_text import load_toml
from autodeploy.services.analyzer.markup import load_xml, without_comments
from autodeploy.services.analyzer.plan import Evidence
from autodeploy.services.analyzer.tree import SourceTree, add_warning, normal_path
from autodeploy.services.analyzer.yaml_text import load_yaml

Made = TypeVar("Made")

# Nesting beyond this is no manifest; parsers that recurse are not asked to read it.
MAXIMUM_NESTING = 500

# Longer lists are none that people wrote, and each line of them takes its time.
MOST_LINES = 5_000

# Texts come first, so that what they hold is no comment; an unclosed one ends with its line.
_TEXT = r'("(?:[^"\\\n]|\\.)*"?)'
_COMMENT = re.compile(_TEXT + r"|//[^\n]*|/\*(?:[\s\S]*?\*/|[\s\S]*)")
_TRAILING_COMMA = re.compile(_TEXT + r"|,(?=\s*[}\]])")


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

    def signs(self) -> frozenset[str]:
        """The names of the files in the root, and ``*`` with each of their endings."""
        return self.once("signs", "", self._find_signs)

    def _find_signs(self) -> frozenset[str]:
        names = [name for name, is_file in self.entries().items() if is_file]
        endings = (f"*{name[at:]}" for name in names for at in _dots(name))
        return frozenset((*names, *endings))

    def glob(self, pattern: str) -> list[str]:
        """Files whose path matches.

        As in a shell ``*`` stands for a part of one name: neither for ``/`` nor for the dot that
        hides a file.
        """
        if not _has_wildcard(pattern):
            return [pattern] if self.has(pattern) else []
        return [*self.once("glob", pattern, lambda: self._matching(pattern, is_file=True))]

    def _matching(self, pattern: str, *, is_file: bool) -> list[str]:
        """The files, or the folders, whose path matches."""
        folder, _, name = pattern.rpartition("/")
        folders = self._matching(folder, is_file=False) if _has_wildcard(folder) else [folder]
        if not _has_wildcard(name):
            return [
                _joined(found, name)
                for found in folders
                if self.entries(found).get(name) is is_file
            ]
        matches = _name_pattern(name)
        return [
            _joined(found, entry)
            for found in folders
            for entry, entry_is_file in self.entries(found).items()
            if entry_is_file is is_file
            and matches(entry)
            and (name.startswith(".") or not entry.startswith("."))
        ]

    def text(self, path: str) -> str | None:
        """The file as text: UTF-8 or UTF-16 by its mark; None when absent, binary or too large."""
        return self.once("text", path, lambda: self._read_text(path))

    def _read_text(self, path: str) -> str | None:
        content = self.tree.read(self.at(path))
        return None if content is None else decode(content)

    def lines(self, path: str) -> list[str]:
        """The lines of a file, none when absent; those beyond a bound are left out."""
        found = (self.text(path) or "").splitlines() if self.has(path) else []
        if len(found) > MOST_LINES:
            self.warn(f"Of {self.at(path)} only the first {MOST_LINES} lines were read.")
        return found[:MOST_LINES]

    def json(self, path: str) -> Mapping[str, object]:
        return self._parse(path, _load_json)

    def toml(self, path: str) -> Mapping[str, object]:
        return self._parse(path, load_toml)

    def yaml(self, path: str) -> Mapping[str, object]:
        """The file's one document; every scalar in it is a text or None."""
        return self._parse(path, load_yaml)

    def ini(self, path: str) -> Mapping[str, object]:
        return self._parse(path, _load_ini)

    def xml(self, path: str) -> Element:
        """The root element, its names without namespaces; an empty one when absent or broken."""
        found, warning = self.once("xml", path, lambda: self._load_xml(path))
        if warning:
            self.warn(warning)
        return found

    def _load_xml(self, path: str) -> tuple[Element, str | None]:
        text = (self.text(path) or "") if self.has(path) else ""
        try:
            return load_xml(text) if text.strip() else Element("none"), None
        except (ValueError, ExpatError) as error:
            warning = f"{self.at(path)} cannot be parsed and was left out: {_reason(error)}"
            return Element("none"), warning

    def code(self, path: str) -> str:
        """The text without the comments of its language; '' when absent."""
        return self.once("code", path, lambda: self._load_code(path))

    def _load_code(self, path: str) -> str:
        text = (self.text(path) or "") if self.has(path) else ""
        return without_comments(text, path)

    def note(self, path: str, fact: str, line: int | None = None) -> None:
        noted = Evidence(file=self.at(path), line=line, fact=fact)
        if noted not in self.facts:
            self.facts.append(noted)

    def warn(self, text: str) -> None:
        add_warning(self.warnings, text)

    def once(self, what: object, path: str, make: Callable[[], Made]) -> Made:
        """``make()``, called the first time alone that anyone asks for ``what`` of this path."""
        key = (what, self.root, path)
        if key not in self.tree.memo:
            self.tree.memo[key] = make()
        return cast(Made, self.tree.memo[key])

    def _parse(self, path: str, load: Callable[[str], object]) -> Mapping[str, object]:
        parsed, warning = self.once(load, path, lambda: self._load(path, load))
        if warning:
            self.warn(warning)
        return parsed

    def _load(
        self, path: str, load: Callable[[str], object]
    ) -> tuple[Mapping[str, object], str | None]:
        """What the file holds, and what to say when it cannot be read as it should."""
        text = self.text(path) if self.has(path) else None
        if text is None or not text.strip():
            return {}, None
        if is_nested_too_deeply(text):
            return {}, f"{self.at(path)} is nested too deeply and was left out."
        try:
            found = load(text)
        except (ValueError, configparser.Error, RecursionError) as error:
            return {}, f"{self.at(path)} cannot be parsed and was left out: {_reason(error)}"
        # Escapes may stand for what neither JSON nor a database can hold.
        return as_table(cleaned(found) if "\\" in text else found), None


def _dots(name: str) -> list[int]:
    """Where the endings of a name begin; a file has no more than a few that mean anything."""
    return [at for at, sign in enumerate(name) if sign == "."][-3:]


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


def is_nested_too_deeply(text: str) -> bool:
    """Whether brackets may nest beyond ``MAXIMUM_NESTING``."""
    opening = text.count("[") + text.count("{")  # counting is quick, and most files have few
    return opening > MAXIMUM_NESTING and deepest(text) > MAXIMUM_NESTING


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
        return json.loads(_TRAILING_COMMA.sub(r"\1", _COMMENT.sub(r"\1", text)))


def _load_ini(text: str) -> object:
    # Without defaults, which each section would repeat
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="")
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def _reason(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:120]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern or "[" in pattern


@functools.lru_cache(4096)
def _name_pattern(pattern: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(pattern)).match
