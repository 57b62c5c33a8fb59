"""Variables of kelseyhightower/envconfig: the fields of a struct, behind a prefix.

Source: https://github.com/kelseyhightower/envconfig (2026-11).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.syntax import line_of, matches, parse, text_of

DEEPEST = 6

_PROCESS = re.compile(
    r'\benvconfig\.(?:Must)?Process\(\s{0,40}(?:"(\w{0,60})"|\w+)\s?,\s?&?([A-Za-z_]\w*)'
)
_FIELDS = """(type_spec name: (_) @struct type: (struct_type (field_declaration_list
               (field_declaration type: (_) @type) @field)))"""
_TAG = re.compile(r'(\w{1,40}):"((?:[^"\\\n]|\\.){0,300})"')
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


@dataclass(frozen=True)
class _Field:
    name: str | None  # None when it is embedded: its fields are those of the struct around it
    type: str
    tags: Mapping[str, str]
    file: str
    line: int


def find_reads(texts: Mapping[str, str]) -> Iterator[Read]:
    """The fields of each struct that is processed, and of the structs in it."""
    starts = [
        (prefix, kind)
        for text in texts.values()
        if "envconfig." in text
        for prefix, name in _PROCESS.findall(text)
        for kind in _types_of(name, text)
    ]
    structs = _structs(texts) if starts else {}
    for prefix, kind in dict.fromkeys(starts):
        yield from _fields(structs, kind, prefix.upper(), DEEPEST)


def _types_of(name: str, text: str) -> set[str]:
    """What a variable or a parameter may be: `var c Config`, `c := &pkg.Config{}`, `c *Config`."""
    declared = rf"\b{name}\b\s?(?::?=\s?(?:new\()?&?|\s?\*?)(?:[a-z]\w*\.)?([A-Z]\w*)"
    return set(re.findall(declared, text))


def _structs(texts: Mapping[str, str]) -> dict[str, list[_Field]]:
    structs: dict[str, list[_Field]] = {}
    for path, text in texts.items():
        root = parse(text, "go") if " struct {" in text else None
        for _, found in matches(root, "go", _FIELDS) if root else ():
            name = text_of(found["struct"][0])
            structs.setdefault(name, []).append(_field(found["field"][0], path))
    return structs


def _field(node: Node, path: str) -> _Field:
    name, tag = node.child_by_field_name("name"), node.child_by_field_name("tag")
    kind = text_of(node.child_by_field_name("type") or node).lstrip("*").rpartition(".")[2]
    tags = dict(_TAG.findall(text_of(tag))) if tag else {}
    return _Field(text_of(name) if name else None, kind, tags, path, line_of(node))


def _fields(
    structs: Mapping[str, list[_Field]], kind: str, prefix: str, depth: int
) -> Iterator[Read]:
    for field in structs.get(kind, ()) if depth else ():
        if field.tags.get("ignored") == "true":
            continue
        key = _key(field, prefix)
        if field.type in structs:
            yield from _fields(structs, field.type, key if field.name else prefix, depth - 1)
        # A struct may also know how to decode itself.
        if field.name and field.name[0].isupper():
            default = field.tags.get("default")
            yield Read(
                key,
                field.file,
                field.line,
                required=field.tags.get("required") == "true" and default is None,
                default=default,
                has_default=default is not None,
                derived=True,
            )
            own = field.tags.get("envconfig")
            if own and prefix and field.type not in structs:  # read when the other is not set
                yield Read(own.upper(), field.file, field.line)


def _key(field: _Field, prefix: str) -> str:
    name = field.name or ""
    if field.tags.get("split_words") == "true":
        name = "_".join(_WORDS.findall(name))
    name = (field.tags.get("envconfig") or name).upper()
    return f"{prefix}_{name}" if prefix else name
