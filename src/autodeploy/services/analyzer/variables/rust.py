"""Variables of Rust programs that no call names: clap's attributes, envy, settings macros.

Sources: the documentation of clap 4 and 3, structopt, envy (2026-11).
"""

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables import figment
from autodeploy.services.analyzer.variables.reads import Read, places
from autodeploy.services.analyzer.variables.syntax import (
    line_of,
    matches,
    matches_near,
    parse,
    text_of,
)

_MARKS = re.compile(r"\benv\b|envy::|macro_rules!")
_ATTRIBUTES = """((attribute_item (attribute (identifier) @name arguments: (token_tree) @arguments))
                  @item (#any-of? @name "arg" "clap" "structopt"))"""
_STRUCTS = "(struct_item name: (_) @name body: (field_declaration_list) @body)"
_MACROS = "(macro_definition name: (_) @name) @macro"
_CALLS = "(macro_invocation macro: (identifier) @name (token_tree) @arguments)"
_ENVY = re.compile(
    r'envy::(?:prefixed\(\s?"(\w{1,40})"\s?\)\s{0,80}\.)?from_env(?:::<\s?(\w{1,80})\s?>)?\('
)
_ENTRY = re.compile(r"(?m)^[ \t]*([a-z][a-z0-9_]{1,80})[ \t]*:[ \t]*([A-Za-z]\w{0,40})[ \t]*,(.*)$")
_ENTRY_DEFAULT = re.compile(r'"([^"\n]*)"|\b(true|false|\d[\d_]*)\b(?=\s?;)')
_LOGGING = re.compile(r"\benv_logger::|\bfrom_default_env\(|\bEnvFilter::")
_NAMED = re.compile(r'\benv\s{0,20}(?:=\s{0,20}"(\w{1,120})"|=\s{0,20}(\w{1,80})|(?=[,)]))')
_DEFAULT = re.compile(r'\bdefault_value(?:_t|s_t|s)?\b(?:\s?=\s?(?:"([^"\n]*)"|([\w.]+)))?')


def find_reads(texts: Mapping[str, str]) -> Iterator[Read]:
    """The reads that attributes and macros make in the Rust files of a repository."""
    marked = {path: text for path, text in texts.items() if _MARKS.search(text)}
    attributes = {p: t for p, t in marked.items() if "env" in t and _is_command_line(t)}
    for path, text in attributes.items():
        if root := parse(text, "rust"):
            yield from _attribute_reads(root, path)
    yield from _envy_reads(texts)
    yield from _macro_reads(marked)
    yield from _logging_reads(texts)
    yield from figment.find_reads(texts)


def _is_command_line(text: str) -> bool:
    return any(f"#[{name}(" in text for name in ("arg", "clap", "structopt"))


def _attribute_reads(root: Node, path: str) -> Iterator[Read]:
    for _, found in matches_near(root, "rust", _ATTRIBUTES, ["#[arg", "#[clap", "#[structopt"]):
        written = text_of(found["arguments"][0])
        named, field = _NAMED.search(written), _field_behind(found["item"][0])
        if named is None or field is None or named[2]:
            continue
        default = _DEFAULT.search(written)
        kind = text_of(field.child_by_field_name("type") or field)
        optional = default is not None or re.match(r"(Option|Vec)<|bool\b", kind) is not None
        name = text_of(field.child_by_field_name("name") or field)
        yield Read(
            named[1] or name.removeprefix("r#").upper(),
            path,
            line_of(field),
            required=not optional,
            default=(default[1] or default[2]) if default else None,
            has_default=default is not None,
            type=_type_of(kind),
            description=_described(_before(root, found["item"][0])),
        )


def _before(root: Node, item: Node) -> str:
    end = item.start_byte - root.start_byte
    whole = (root.text or b"")[max(end - 600, 0) : end].decode("utf-8", "replace")
    return whole[: whole.rfind("\n") + 1]  # without the indentation


def _field_behind(item: Node) -> Node | None:
    """The field that an attribute belongs to; other attributes and comments may stand between."""
    behind = item.next_named_sibling
    while behind is not None and behind.type in ("attribute_item", "line_comment"):
        behind = behind.next_named_sibling
    return behind if behind is not None and behind.type == "field_declaration" else None


def _envy_reads(texts: Mapping[str, str]) -> Iterator[Read]:
    """The fields of the struct that envy fills, in capitals, behind its prefix."""
    for path, text in texts.items():
        for call in places(_ENVY, text) if "envy::" in text else ():
            ahead = re.search(r":\s?(\w+)\s?=\s?$", text[max(call.start() - 100, 0) : call.start()])
            name = call[2] or (ahead[1] if ahead else None)
            if name and name != "Self":
                yield from _fields(texts, path, name, call[1] or "")


def _fields(texts: Mapping[str, str], path: str, name: str, prefix: str) -> Iterator[Read]:
    for file in sorted(texts, key=lambda one: one != path):
        root = parse(texts[file], "rust") if f"struct {name}" in texts[file] else None
        for _, found in matches(root, "rust", _STRUCTS) if root else ():
            if text_of(found["name"][0]) != name:
                continue
            for field in found["body"][0].named_children:
                if field.type == "field_declaration":
                    yield _field(field, file, prefix)
            return


def _field(field: Node, file: str, prefix: str) -> Read:
    kind = text_of(field.child_by_field_name("type") or field)
    above = field.prev_named_sibling
    attribute = text_of(above) if above is not None and above.type == "attribute_item" else ""
    renamed = re.search(r'rename\s?=\s?"(\w+)"', attribute)
    name = renamed[1] if renamed else text_of(field.child_by_field_name("name") or field)
    has_default = "default" in attribute
    return Read(
        f"{prefix}{name.upper()}",
        file,
        line_of(field),
        required=not has_default and not kind.startswith("Option<"),
        has_default=has_default,
        type=_type_of(kind),
    )


def _macro_reads(texts: Mapping[str, str]) -> Iterator[Read]:
    """Settings macros: one that reads the upper-case names of the entries it is given.

    An entry is a line ``name: Type, …``; the comment above it describes it.
    """
    roots = {
        p: root for p, t in texts.items() if "macro_rules!" in t and (root := parse(t, "rust"))
    }
    names = {
        text_of(found["name"][0])
        for root in roots.values()
        for _, found in matches_near(root, "rust", _MACROS, ["macro_rules!"])
        if _reads_upper_names(text_of(found["macro"][0]))
    }
    for path, text in texts.items() if names else ():
        root = roots.get(path)
        if root is None and any(f"{name}!" in text for name in names):
            root = parse(text, "rust")
        for _, found in (
            matches_near(root, "rust", _CALLS, [f"{name}!" for name in names]) if root else ()
        ):
            if text_of(found["name"][0]) in names:
                yield from _entries(found["arguments"][0], path)


def _logging_reads(texts: Mapping[str, str]) -> Iterator[Read]:
    """``RUST_LOG``, which env_logger and tracing's EnvFilter read unless told another, where
    the program mentions it (https://docs.rs/env_logger, 2026-11)."""
    if any(_LOGGING.search(text) for text in texts.values()):
        for path, text in texts.items():
            if (position := text.find("RUST_LOG")) >= 0:
                yield Read("RUST_LOG", path, text.count("\n", 0, position) + 1)


def _reads_upper_names(body: str) -> bool:
    makes_upper = re.search(r"\w:upper\b|to_(?:ascii_)?uppercase\(\)|shouty", body, re.I)
    reads = re.search(r"\bget_?env|env::var|@getenv|\benv_\w+\(", body)
    return makes_upper is not None and reads is not None


def _entries(arguments: Node, path: str) -> Iterator[Read]:
    text, first = text_of(arguments), line_of(arguments)
    for entry in places(_ENTRY, text):
        made = "|" in entry[3] or "!(" in entry[3]  # by code, from other settings
        default = None if made else _ENTRY_DEFAULT.search(entry[3])
        value = (default[1] or default[2]) if default else None
        yield Read(
            entry[1].upper(),
            path,
            first + text.count("\n", 0, entry.start(1)),
            default=value,
            has_default=True,
            type=_type_of(entry[2]),
            description=_described(text[max(entry.start() - 600, 0) : entry.start()]),
        )


def _described(before: str) -> str | None:
    """The documentation comment that ends there."""
    lines: list[str] = []
    for line in reversed(before.splitlines()):
        if not line.lstrip().startswith("///"):
            break
        lines.insert(0, line.strip(" \t/"))
    return " ".join(lines) or None


def _type_of(kind: str) -> VariableType | None:
    inner = re.sub(r"^Option<(.*)>$", r"\1", kind.strip())
    if re.fullmatch(r"[iu](8|16|32|64|128|size)|NonZero\w+", inner):
        return VariableType.INTEGER
    return {"bool": VariableType.BOOLEAN, "Url": VariableType.URL}.get(inner)
