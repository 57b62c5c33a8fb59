"""Settings classes of pydantic: each field is a variable under the class's prefix.

Source: https://docs.pydantic.dev/latest/concepts/pydantic_settings/ and, for version 1,
https://docs.pydantic.dev/1.10/usage/settings/ (2026-11). Classes are followed across modules.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as has_field

from tree_sitter import Node

from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.python.module import (
    Module,
    given,
    is_none,
    literal,
    plain,
)
from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.source import field, line, text

BASE = "BaseSettings"

_CLASS = re.compile(rb"class\s+\w+\s*\(")
_ANNOTATIONS = {
    "int": VariableType.INTEGER,
    "PositiveInt": VariableType.INTEGER,
    "NonNegativeInt": VariableType.INTEGER,
    "bool": VariableType.BOOLEAN,
    "PostgresDsn": VariableType.DATABASE_CONNECTION,
    "MySQLDsn": VariableType.DATABASE_CONNECTION,
    "MongoDsn": VariableType.DATABASE_CONNECTION,
    "AnyUrl": VariableType.URL,
    "HttpUrl": VariableType.URL,
    "AnyHttpUrl": VariableType.URL,
    "RedisDsn": VariableType.URL,
    "AmqpDsn": VariableType.URL,
}
_CONFIGURATION = ("env_prefix", "env_nested_delimiter")
_DEEPEST = 10


@dataclass(frozen=True)
class SettingsClass:
    name: str
    module: Module
    node: Node
    bases: tuple[str, ...]
    options: Mapping[str, str] = has_field(default_factory=dict)


def classes(module: Module) -> Iterator[SettingsClass]:
    """The classes of a module that have bases, with their own options."""
    for found in module.matches(_CLASS):
        if module.root is None:
            return
        node = module.root.descendant_for_byte_range(found.start(), found.end())
        while node is not None and node.type != "class_definition":
            node = node.parent
        if node is None or node.start_byte != found.start():
            continue
        positional, named = given(node)
        bases = tuple(text(one).rpartition(".")[2].split("[")[0] for one in positional)
        options = {
            name: module.string(value) or ""
            for name, value in named.items()
            if name in _CONFIGURATION
        }
        yield SettingsClass(
            text(field(node, "name")), module, node, bases, options | _options(module, node)
        )


def settings_reads(found: Mapping[str, SettingsClass], mentions: str) -> Iterator[Read]:
    """The variables of all settings classes.

    Args:
        found: every class by name.
        mentions: the text of all modules, in which a nested name has to stand to be certain.
    """
    settings = {name: one for name, one in found.items() if _is_settings(one, found, 0)}
    parents = {base for one in settings.values() for base in one.bases}
    for one in settings.values():
        if one.name in parents and not re.search(rf"\b{re.escape(one.name)}\(\)", mentions):
            continue
        if not one.name.startswith("Test"):
            made = re.search(
                rf"^\w{{1,80}}(\s?:\s?\w{{1,80}})?\s?=\s?{re.escape(one.name)}\(\)", mentions, re.M
            )
            for read in _fields(one, found, settings, mentions):
                yield replace(read, at_start=read.required and made is not None)


def _is_settings(one: SettingsClass, found: Mapping[str, SettingsClass], depth: int) -> bool:
    return depth < _DEEPEST and any(
        (base.endswith(BASE) and base not in found)
        or (base in found and _is_settings(found[base], found, depth + 1))
        for base in one.bases
    )  # fmt: skip


def _lineage(one: SettingsClass, found: Mapping[str, SettingsClass]) -> list[SettingsClass]:
    """A class and those it inherits from, the nearest first."""
    line_up, seen = [one], {one.name}
    for current in line_up:
        for base in current.bases:
            if base in found and base not in seen and len(seen) < _DEEPEST:
                seen.add(base)
                line_up.append(found[base])
    return line_up


def _fields(
    one: SettingsClass,
    found: Mapping[str, SettingsClass],
    settings: Mapping[str, SettingsClass],
    mentions: str,
) -> Iterator[Read]:
    lineage = _lineage(one, found)
    options: dict[str, str] = {}
    for current in lineage:
        options = {**current.options, **options}
    seen: set[str] = set()
    for current in lineage:
        for name, statement, node in _annotated(current.node):
            if name in seen:
                continue
            seen.add(name)
            annotation = text(field(node, "type"))
            nested = next((n for n in re.findall(r"\w+", annotation) if n in found), None)
            if nested in settings:
                continue  # it reads its own variables
            read = _read(current.module, name, statement, node, options.get("env_prefix", ""))
            yield from read
            delimiter = options.get("env_nested_delimiter")
            if nested and delimiter:
                for inner, _, field_node in _annotated(found[nested].node):
                    key = f"{read[0].key}{delimiter}{inner}".upper()
                    if re.search(rf"\b{re.escape(key)}\b", mentions):
                        yield Read(
                            key, found[nested].module.path, line(field_node),
                            reason=f"a member of {name}",
                        )  # fmt: skip


def _annotated(node: Node) -> Iterator[tuple[str, Node, Node]]:
    """The annotated fields of a class: name, statement, assignment."""
    body = field(node, "body")
    for statement in body.named_children if body is not None else ():
        inner = statement.named_children[0] if statement.named_children else None
        if statement.type != "expression_statement" or inner is None or inner.type != "assignment":
            continue
        name, annotation = field(inner, "left"), field(inner, "type")
        if name is None or annotation is None or name.type != "identifier":
            continue
        if (
            text(name) != "model_config"
            and not text(name).startswith("_")
            and "ClassVar" not in text(annotation)
        ):
            yield text(name), statement, inner


def _read(module: Module, name: str, statement: Node, node: Node, prefix: str) -> list[Read]:
    annotation = text(field(node, "type"))
    value = field(node, "right")
    options = _field_options(annotation, field(node, "type"), value)
    aliases = [key for key in _aliases(module, options) if key]
    default = options.get("default", None if options or _is_field(value) else value)
    is_given = default is not None and text(default) not in ("...", "Ellipsis")
    has_default = is_given or "default_factory" in options
    optional = has_default or re.search(r"\bNone\b|\bOptional\b", annotation) is not None
    if has_default:
        reason = "has a default in its settings class"
    else:
        reason = (
            "may be None in its settings class" if optional else "required by its settings class"
        )
    words = re.findall(r"\w+", annotation)
    description = module.string(options.get("description") or options.get("title"))
    # Every alias is read; one of them is enough.
    keys = aliases or [f"{prefix}{name}".upper()]
    return [
        Read(
            key, module.path, line(node),
            required=not optional and index == 0,
            default=None if is_none(default) else plain(default),
            has_default=has_default,
            type=next((_ANNOTATIONS[one] for one in words if one in _ANNOTATIONS), None),
            reason=reason,
            description=description or _docstring(statement) or module.comment(node),
            secret=any(one.startswith("Secret") for one in words),
        )
        for index, key in enumerate(keys)
    ]  # fmt: skip


def _is_field(value: Node | None) -> bool:
    return (
        value is not None
        and value.type == "call"
        and text(field(value, "function")).endswith("Field")
    )


def _field_options(annotation: str, node: Node | None, value: Node | None) -> dict[str, Node]:
    """The arguments of ``Field(…)``, as the value or inside ``Annotated[…]``."""
    call = value if _is_field(value) else None
    if call is None and "Field(" in annotation and node is not None:
        pending = [node]
        while pending and call is None:
            current = pending.pop()
            if _is_field(current):
                call = current
            pending.extend(current.named_children)
    if call is None:
        return {}
    positional, named = given(call)
    if positional:
        named["default"] = positional[0]
    if value is not None and call is not value:
        named["default"] = value
    return named


def _aliases(module: Module, options: Mapping[str, Node]) -> list[str]:
    for name in ("validation_alias", "env", "alias"):
        node = options.get(name)
        if node is None:
            continue
        if node.type == "call":  # AliasChoices("A", "B")
            return [module.string(one) or "" for one in given(node)[0]]
        if node.type in ("list", "tuple", "set"):
            return [module.string(one) or "" for one in node.named_children]
        return [module.string(node) or ""]
    return []


def _docstring(statement: Node) -> str | None:
    """The text below a field, which documents it."""
    following = statement.next_named_sibling
    if (
        following is None
        or following.type != "expression_statement"
        or not following.named_children
    ):
        return None
    found = literal(following.named_children[0])
    return " ".join(found.split())[:300] if found else None


def _options(module: Module, node: Node) -> dict[str, str]:
    """``env_prefix`` and the like: of ``model_config``, or of the inner class ``Config``."""
    found = {}
    body = field(node, "body")
    for statement in body.named_children if body is not None else ():
        head = text(statement)[:20]
        if not head.startswith(("model_config", "class Config")):
            continue
        pending = [statement]
        while pending:
            current = pending.pop()
            name = field(current, "name") or field(current, "key") or field(current, "left")
            value = field(current, "value") or field(current, "right")
            label = text(name).strip("\"'")
            if name is not None and value is not None and label in _CONFIGURATION:
                found[label] = module.string(value) or ""
            pending.extend(current.named_children)
    return found
