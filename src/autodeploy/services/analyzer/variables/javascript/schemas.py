"""Schemas in JavaScript that say which variables there are: zod, joi, envalid and so on.

A schema is read where the environment is given to it, or to a library of ``layers``. Its keys are
the variables; what the rule of a key says of being required, of type, default and description is
read from the calls that make it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from autodeploy.services.analyzer.evidence import clean
from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.javascript.demands import plain
from autodeploy.services.analyzer.variables.javascript.findings import KEY, UPPER_KEY
from autodeploy.services.analyzer.variables.javascript.script import (
    Script,
    arguments,
    bare,
    literal,
    property_name,
)
from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.source import field, line, text

# (module that an import names, name there) -> where the name is declared.
Resolver = Callable[[Script, str, str], tuple[Script, Node] | None]

_DEEPEST = 12
_MOST_TEXT = 2_000


_OPTIONAL = re.compile(
    r"\.(optional|nullish|nullable|catch|notRequired)\(|\b(optional|nullish|optionalString|Optional)\("
    r"|\boptional: ?true|Schema\.optional|['\"]?\?['\"]?$|@IsOptional|@ValidateIf|requiredWhen"
)
_REQUIRED = re.compile(r"\.(required|exist)\(|\.nonoptional\(|\brequired: ?true")
_DEFAULT = re.compile(
    r"\.(default|prefault|fallback|catch|withDefault)\(|\b(default|devDefault): ?"
)
_DESCRIPTION = re.compile(
    r"(?:\.(?:describe|description|note|label)\(|\b(?:desc|doc|description):)\s*(['\"`])(.{3,300}?)\1",
    re.S,
)
_TYPES = (
    (re.compile(r"\b(port|number|int|integer|num|Integer|Number|NumberFromString|positiveInt|IsInt|IsNumber|IsPort)\b"),
     VariableType.INTEGER),
    (re.compile(r"\b(bool|boolean|stringbool|Boolean|IsBoolean)\b"), VariableType.BOOLEAN),
    (re.compile(r"\b(url|uri|URL|httpUrl|IsUrl|IsURL)\b"), VariableType.URL),
)  # fmt: skip
# Where nothing is said these do without a value; the others insist.
_LENIENT = re.compile(r"\b(Joi|joi|yup|Yup|S)\.")


# Links of a chain whose arguments are no part of the schema.
_WITHOUT_KEYS = frozenset(
    {"omit", "refine", "superRefine", "transform", "prefs", "options", "describe", "default", "min",
     "max", "regex"}
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What a schema says of one key; ``listed`` are the keys that a JSON schema requires."""

    key: str
    script: Script
    node: Node
    value: Node | None
    listed: frozenset[str] | None = None


def schema_reads(script: Script, node: Node, resolve: Resolver, upper: bool = False) -> list[Read]:
    """The variables that a schema expression describes; none when it is no schema."""
    pattern = UPPER_KEY if upper else KEY
    found = _keys(script, node, resolve, 0)
    return [rule_read(one) for one in found if pattern.fullmatch(one.key)]


def _keys(script: Script, node: Node, resolve: Resolver, depth: int) -> Iterator[Rule]:
    node = bare(node)
    if depth > _DEEPEST:
        return
    if node.type == "object":
        yield from _object_keys(script, node, resolve, depth)
    elif node.type in ("identifier", "shorthand_property_identifier"):
        found = _declared(script, text(node), resolve)
        if found is not None and found[1] != node:
            yield from _keys(*found, resolve, depth + 1)
    elif node.type == "call_expression":
        yield from _call_keys(script, node, resolve, depth)
    elif node.type in ("member_expression", "subscript_expression"):
        owner = field(node, "object")
        if owner is not None and text(owner) not in ("z", "Joi", "process"):
            yield from _keys(script, owner, resolve, depth + 1)
    elif node.type == "array":
        for one in node.named_children:
            yield from _keys(script, one, resolve, depth + 1)
    elif node.type in ("class_declaration", "abstract_class_declaration", "class"):
        yield from _class_keys(script, node)


def _declared(script: Script, name: str, resolve: Resolver) -> tuple[Script, Node] | None:
    value = script.value_of(name)
    if value is not None:
        return script, value
    imported = script.imports.get(name)
    if imported is None:
        return None
    return resolve(script, imported.module, name if imported.name == "default" else imported.name)


def _call_keys(script: Script, call: Node, resolve: Resolver, depth: int) -> Iterator[Rule]:
    """Each link of ``z.object({…}).extend(other)``, ``S.object().prop("KEY", …)``."""
    function = field(call, "function")
    method = text(field(function, "property")) if function is not None else ""
    given = arguments(call)
    if method == "prop" and given and literal(given[0]):
        yield Rule(literal(given[0]) or "", script, given[0], call)
    elif method not in _WITHOUT_KEYS:
        for one in given:
            if bare(one).type in ("object", "identifier", "call_expression", "array"):
                yield from _keys(script, one, resolve, depth + 1)
    owner = field(function, "object") if function is not None else None
    kind = bare(owner).type if owner is not None else ""
    if owner is not None and kind in ("call_expression", "identifier", "member_expression"):
        yield from _keys(script, owner, resolve, depth + 1)


def _object_keys(script: Script, node: Node, resolve: Resolver, depth: int) -> Iterator[Rule]:
    pairs = {property_name(one): one for one in node.named_children if one.type != "comment"}
    if "properties" in pairs:
        listed = field(pairs.get("required"), "value") if "required" in pairs else None
        names = listed.named_children if listed is not None else ()
        required = frozenset(literal(one) or "" for one in names)
        held = field(pairs["properties"], "value")
        for one in _keys(script, held, resolve, depth + 1) if held is not None else ():
            yield Rule(one.key, one.script, one.node, one.value, required)
        return
    for pair in node.named_children:
        if pair.type == "spread_element" and pair.named_children:
            yield from _keys(script, pair.named_children[0], resolve, depth + 1)
        elif pair.type in ("pair", "shorthand_property_identifier"):
            value = field(pair, "value")
            if value is None or not _is_option(value):
                yield Rule(property_name(pair) or "", script, pair, value)


def _is_option(value: Node) -> bool:
    """Whether a pair is a setting of a library and not a rule; arktype's rules are texts."""
    value = bare(value)
    if value.type == "string":
        return (
            re.fullmatch(r"(string|number|boolean)?\W*[\w.|' \"=<>?&:]+", text(value)[1:-1]) is None
        )
    return value.type in ("number", "true", "false", "arrow_function")


def _class_keys(script: Script, node: Node) -> Iterator[Rule]:
    body = field(node, "body")
    for one in body.named_children if body is not None else ():
        if one.type in ("public_field_definition", "field_definition"):
            name = text(field(one, "name") or field(one, "property"))
            if UPPER_KEY.fullmatch(name):
                yield Rule(name, script, one, one)


def rule_read(one: Rule) -> Read:
    value = text(one.value)[:_MOST_TEXT]
    default = _default_node(one.value)
    has_default = default is not None or _DEFAULT.search(value) is not None
    required = not has_default and _insists(one, value)
    if has_default:
        reason = "has a default in its schema"
    else:
        reason = "required by its schema" if required else "optional in its schema"
    described = _DESCRIPTION.search(value)
    return Read(
        one.key,
        one.script.path,
        line(one.node),
        required=required,
        default=plain(default),
        has_default=has_default,
        type=type_named(value),
        reason=reason,
        description=clean(described.group(2)) if described else one.script.comment(one.node),
    )


def _insists(one: Rule, value: str) -> bool:
    if one.listed is not None:
        return one.key in one.listed
    if _OPTIONAL.search(value):
        return False
    if one.value is not None and one.value.type.endswith("field_definition"):
        return "?" not in value.partition(":")[0]
    return not _LENIENT.search(value) or _REQUIRED.search(value) is not None


def _default_node(value: Node | None) -> Node | None:
    """The default of a rule: ``.default(x)``, ``default: x``, ``optional(rule, x)``, ``= x``."""
    if value is not None and value.type.endswith("field_definition"):
        return field(value, "value")
    pending, looked_at = [value], 0
    while pending and looked_at < 200:
        node, looked_at = pending.pop(), looked_at + 1
        if node is None:
            continue
        if node.type == "pair" and property_name(node) == "default":
            return field(node, "value")
        function, given = field(node, "function"), arguments(node)
        called = text(field(function, "property") or function)
        if called in ("default", "prefault") and given:
            return given[0]
        if called in ("optional", "nullish", "fallback") and len(given) > 1:
            return given[1]
        pending.extend(node.named_children)
    return None


def type_named(value: str) -> VariableType | None:
    return next((kind for pattern, kind in _TYPES if pattern.search(value)), None)
