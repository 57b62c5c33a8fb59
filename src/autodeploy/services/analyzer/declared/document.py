"""A parsed file with what reading one takes: typed values with their place, and warnings."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from autodeploy.services.analyzer.declared.base import FILES, Said, SaidVariable, Source, Value
from autodeploy.services.analyzer.evidence import SourceFiles, as_table
from autodeploy.services.analyzer.tree import normal_path

# What none of these formats needs more of; the rest is left out, with a warning.
MOST_ITEMS = 300
LONGEST_COMMAND = 8192
LONGEST_VALUE = 1024

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Document:
    """The file at ``path`` of ``files``, parsed to ``values``.

    ``above`` are the keys that lead to ``values`` where they are a part of the file.
    """

    files: SourceFiles
    path: str
    source: Source
    values: Mapping[str, object]
    above: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.files.at(self.path)

    def part(self, *keys: str) -> "Document":
        """The table below ``keys``; empty where there is none."""
        value = self._at(keys)
        if value and not isinstance(value, dict):
            self._wrong(keys, "a table")
        return replace(self, values=as_table(value), above=(*self.above, *keys))

    def parts(self, key: str) -> list["Document"]:
        """The tables of the list at ``key``; each is called by its ``name`` or ``key``."""
        value = self.values.get(key)
        if value and not isinstance(value, list):
            self._wrong((key,), "a list")
        return [
            replace(self, values=item, above=(*self.above, key, *_called(item)))
            for item in (value[:MOST_ITEMS] if isinstance(value, list) else [])
            if isinstance(item, dict)
        ]

    def items(self, *keys: str) -> Iterator[tuple[str, object]]:
        """The pairs of the table at ``keys``, this one by default."""
        for count, (key, value) in enumerate(self.part(*keys).values.items()):
            if count == MOST_ITEMS:
                self.files.warn(f"{self.name}: only {MOST_ITEMS} of {'.'.join(keys)} were read.")
                return
            yield key, value

    def elements(self, *keys: str) -> list[object]:
        """The items of a list; a lone text is a list of one."""
        value = self._at(keys)
        if isinstance(value, str):
            return [value]
        if value and not isinstance(value, list):
            self._wrong(keys, "a list")
        return value[:MOST_ITEMS] if isinstance(value, list) else []

    def command(self, *keys: str) -> Said[str] | None:
        """A shell line. Several lines, or a list of them, run one after the other."""
        value = self._at(keys)
        lines = value if isinstance(value, list) else [value]
        if value is None:
            return None
        if not all(isinstance(line, str) for line in lines):
            self._wrong(keys, "a command")
            return None
        joined = " && ".join(filter(None, (one_line(str(line)) for line in lines)))
        if not is_command(joined):
            self._wrong(keys, "a command")
            return None
        return self.said(joined, *keys)

    def text(self, *keys: str) -> Said[str] | None:
        """A short text; a number counts as one."""
        value = self._at(keys)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > LONGEST_VALUE or _CONTROL.search(value):
            self._wrong(keys, "a short text")
            return None
        return self.said(value.strip(), *keys) if value.strip() else None

    def folder(self, *keys: str) -> Said[str] | None:
        """A folder, without ``./``; the one it is relative to is ``.``."""
        said = self.text(*keys)
        if said is None:
            return None
        folder = normal_path(said.value.lstrip("/"))
        if folder is None or folder.startswith("-"):
            self._wrong(keys, "a folder inside the repository")
            return None
        return self.said(folder or ".", *keys)

    def request_path(self, *keys: str) -> Said[str] | None:
        said = self.text(*keys)
        return self.said("/" + said.value.lstrip("/"), *keys) if said else None

    def port(self, *keys: str) -> Said[int] | None:
        said = self.text(*keys)
        if said is None:
            return None
        number = port_number(said.value)
        if number is None:
            self._wrong(keys, "a port")
            return None
        return self.said(number, *keys)

    def variable(
        self,
        key: str,
        *,
        at: tuple[str, ...] | None = None,
        required: bool | None = None,
        secret: bool | None = None,
        build: bool | None = None,
        default: object = None,
        example: object = None,
        description: object = None,
    ) -> SaidVariable | None:
        """A variable that the file names; None for what cannot be the name of one."""
        if not VARIABLE.fullmatch(key):
            return None
        place = (*self.above, *((key,) if at is None else at))
        said = Said(key, self.source, self.name, ".".join(place), self.line(*place))
        return SaidVariable(
            key,
            said,
            required,
            secret,
            build,
            default=value_text(default),
            example=value_text(example),
            description=value_text(description),
        )

    def said(self, value: Value, *keys: str) -> Said[Value]:
        """The value as said at ``keys``, which is noted as a fact."""
        whole = (*self.above, *keys)
        line = self.line(*whole)
        self.files.note(self.path, f"says {'.'.join(whole)}", line)
        return Said(value, self.source, self.name, ".".join(whole), line)

    def line(self, *keys: str) -> int | None:
        """The line where the last of ``keys`` stands: each is looked for behind the one before."""
        text, position = self.files.text(self.path) or "", 0
        for key in keys:
            found = re.compile(rf"(?<![\w-]){re.escape(key)}(?![\w-])").search(text, position)
            if found is None:
                break
            position = found.end()
        return text.count("\n", 0, position) + 1 if position else None

    def lacks(self, features: Mapping[str, str]) -> None:
        """Warn of each key that asks for what AutoDeploy does not have."""
        for key, what in features.items():
            if self.values.get(key) not in (None, [], {}, False, ""):
                whole = ".".join((*self.above, key))
                self.files.warn(f"{self.name}: {whole} is not obeyed: AutoDeploy has no {what}.")

    def _at(self, keys: tuple[str, ...]) -> object:
        value: object = self.values
        for key in keys:
            value = as_table(value).get(key)
        return value

    def _wrong(self, keys: tuple[str, ...], expected: str) -> None:
        whole = ".".join((*self.above, *keys))
        self.files.warn(f"{self.name}: {whole} is not {expected} and was left out.")


def open_document(files: SourceFiles, source: Source) -> Document | None:
    """The file of a kind in the folder of ``files``; None when there is none."""
    path = find_file(files, source)
    if path is None:
        return None
    parse = {"json": files.json, "toml": files.toml}.get(path.rpartition(".")[2], files.yaml)
    return Document(files, path, source, parse(path))


def find_file(files: SourceFiles, source: Source) -> str | None:
    return next((name for name in FILES[source] if files.has(name)), None)


def _called(item: Mapping[str, object]) -> tuple[str, ...]:
    names = (item.get("name"), item.get("key"))
    return tuple(name for name in names if isinstance(name, str) and 0 < len(name) <= 100)[:1]


def one_line(text: str) -> str:
    """The lines of a script as one line that stops at the first failure."""
    lines = text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines()
    kept = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return " && ".join(line.removesuffix("&&").strip() for line in kept)


def is_command(text: str) -> bool:
    """Whether a text can be a shell line of a plan."""
    return len(text) <= LONGEST_COMMAND and not _CONTROL.search(text)


def port_number(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if 0 < number < 65536 else None


def value_text(value: object) -> str | None:
    """A scalar as the text that a variable would hold; None for what is none, or blank."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)[:LONGEST_VALUE]
    return value.strip()[:LONGEST_VALUE] or None if isinstance(value, str) else None
