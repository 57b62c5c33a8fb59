"""Variables of figment and config-rs: the fields of settings structs, behind a prefix.

Which struct is filled is often decided far from the prefix, so that the fields of every struct
that can be deserialized are put together; what no file spells is left out by the caller.
Sources: https://docs.rs/figment, https://docs.rs/config (2026-11).
"""

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.syntax import line_of, matches, parse, text_of

DEEPEST = 3
MOST_FIELDS = 2_000

_PREFIX = re.compile(r'\b(?:Env::prefixed|Environment::with_prefix)\(\s{0,40}"(\w{1,40})"')
_STRUCTS = "(struct_item name: (_) @name body: (field_declaration_list) @body)"
_Fields = dict[str, list[tuple[str, str, Node]]]


def find_reads(texts: Mapping[str, str]) -> Iterator[Read]:
    """What may be read under each prefix, in the spellings that the libraries know."""
    prefixes = {found for text in texts.values() for found in _PREFIX.findall(text)}
    for path, text in texts.items() if prefixes else ():
        root = parse(text, "rust") if "Deserialize" in text else None
        structs = dict(_structs(root)) if root else {}
        for name in structs:
            for key, node in list(_keys(structs, name, DEEPEST))[:MOST_FIELDS]:
                for prefix in sorted(prefixes):
                    for whole in _spellings(prefix.rstrip("_"), key):
                        yield Read(whole.upper(), path, line_of(node), derived=True)


def _structs(root: Node) -> Iterator[tuple[str, list[tuple[str, str, Node]]]]:
    for _, found in matches(root, "rust", _STRUCTS):
        fields = found["body"][0].named_children
        named = [_field(one) for one in fields if one.type == "field_declaration"]
        yield text_of(found["name"][0]), named


def _field(node: Node) -> tuple[str, str, Node]:
    """Its name, and the name of its type, of which it may hold none."""
    kind = re.sub(r"\W+", "", _named(node, "type").removeprefix("Option"))
    return _named(node, "name"), kind, node


def _named(node: Node, name: str) -> str:
    child = node.child_by_field_name(name)
    return text_of(child) if child else ""


def _keys(structs: _Fields, name: str, depth: int) -> Iterator[tuple[tuple[str, ...], Node]]:
    for field, kind, node in structs.get(name, ()) if depth else ():
        yield (field,), node
        for below, inner in _keys(structs, kind, depth - 1):
            yield (field, *below), inner


def _spellings(prefix: str, key: tuple[str, ...]) -> set[str]:
    """`APP_A_B`, `APP__A__B` and `APP_A__B`: the separator is for the program to choose."""
    return {
        f"{prefix}_{'_'.join(key)}",
        f"{prefix}__{'__'.join(key)}",
        f"{prefix}_{'__'.join(key)}",
    }
