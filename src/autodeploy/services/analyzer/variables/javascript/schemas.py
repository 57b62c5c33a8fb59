"""Schemas in JavaScript that say which variables there are: zod, joi, envalid, convict and so on.

A schema is read where the environment is given to it, or where a library that reads the
environment itself is called (``LAYERS``). Its keys are the variables; what the value of a key
says of being required, of type, default and description is read from the calls that make it.
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
    scope_of,
)
from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.source import around, field, line, text

# (module that an import names, name there) -> where the name is declared.
Resolver = Callable[[Script, str, str], tuple[Script, Node] | None]

_DEEPEST = 12
_MOST_TEXT = 2_000


@dataclass(frozen=True)
class Layer:
    """A library that reads the environment by a schema.

    ``word`` is what stands in the code: a name that is called, or the key of an option.
    ``sections`` are the options of the call that hold schemas; () when its first argument, or
    the option's value, is the schema itself.
    """

    name: str
    word: str
    sections: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


LAYERS = (
    # https://env.t3.gg/docs/customization (2026-11)
    Layer("t3-env", "createEnv", ("server", "client", "shared")),
    # https://github.com/KATT/envsafe (2026-11)
    Layer("envsafe", "envsafe"),
    # https://docs.nestjs.com/techniques/configuration#schema-validation (2026-11)
    Layer("nestjs", "validationSchema", modules=("@nestjs/config",)),
    # https://github.com/fastify/fastify-env, https://github.com/fastify/env-schema (2026-11)
    Layer("env-schema", "schema", modules=("@fastify/env", "fastify-env", "env-schema")),
    # https://docs.adonisjs.com/guides/environment-variables (2026-11)
    Layer("adonis", "Env.create"),
)

_OPTIONAL = re.compile(
    r"\.(optional|nullish|nullable|catch|notRequired)\(|\b(optional|nullish|optionalString|Optional)\("
    r"|\boptional: ?true|Schema\.optional|['\"]?\?['\"]?$|@IsOptional|requiredWhen"
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


@dataclass(frozen=True)
class _Key:
    key: str
    script: Script
    node: Node
    value: Node | None
    listed: frozenset[str] | None = None  # what a JSON schema lists as required


def layer_schemas(script: Script) -> Iterator[tuple[str, Node]]:
    """The schemas that are given to a library of ``LAYERS``, each with the library's name."""
    for layer in LAYERS:
        if layer.modules and not script.local_name(*layer.modules):
            continue
        word = layer.word.rpartition(".")[2]
        if word.encode() not in script.bytes:
            continue
        for node in script.names(word):
            value = _given(node, layer)
            if value is None:
                continue
            for section in _sections(script, value, layer.sections):
                yield layer.name, section


def _given(node: Node, layer: Layer) -> Node | None:
    parent = node.parent
    if parent is not None and parent.type == "pair" and field(parent, "key") == node:
        return field(parent, "value") if layer.modules else None
    if node.type == "shorthand_property_identifier":
        return node if layer.modules else None
    if parent is not None and parent.type == "member_expression":
        node, parent = parent, parent.parent
    if parent is None or parent.type != "call_expression" or field(parent, "function") != node:
        return None
    if not text(node).endswith(layer.word) or layer.modules:
        return None
    given = arguments(parent)
    return next((one for one in reversed(given)), None)


def _sections(script: Script, value: Node, names: tuple[str, ...]) -> Iterator[Node]:
    if not names:
        yield value
        return
    value = bare(value)
    for pair in value.named_children if value.type == "object" else ():
        if property_name(pair) in names:
            yield field(pair, "value") or pair


def schema_reads(script: Script, node: Node, resolve: Resolver, upper: bool = False) -> list[Read]:
    """The variables that a schema expression describes; none when it is no schema."""
    pattern = UPPER_KEY if upper else KEY
    reads = []
    for one in _keys(script, node, resolve, 0):
        if pattern.fullmatch(one.key):
            reads.append(_read(one))
    return reads


def convict_reads(script: Script) -> Iterator[Read]:
    """``env: "NAME"`` inside what is given to convict
    (https://github.com/mozilla/node-convict, 2026-11)."""
    for node in script.names("env"):
        pair = node.parent
        if pair is None or pair.type != "pair" or field(pair, "key") != node:
            continue
        key, holder = literal(field(pair, "value")), pair.parent
        if key is None or holder is None:
            continue
        named = {property_name(one): field(one, "value") for one in holder.named_children}
        if not {"default", "format"} & set(named):
            continue
        default = named.get("default")
        is_null = default is None or text(default) in ("null", "undefined")
        yield Read(
            key, script.path, line(node), required=default is not None and text(default) == "undefined",
            default=plain(default), has_default=not is_null,
            type=_type(text(named.get("format"))),
            reason="declared with a default for convict" if not is_null else "declared for convict",
            description=literal(named.get("doc")) or script.comment(node),
        )  # fmt: skip


def field_reads(script: Script) -> Iterator[Read]:
    """``NAME: envField.string({…})``: https://docs.astro.build/en/guides/environment-variables/
    (2026-11)."""
    for local in script.local_name("astro/config", name="envField"):
        for node in script.names(local):
            pair = around(node, "pair", "program")
            if pair is None or pair.type != "pair" or around(node, "import_statement"):
                continue
            key = property_name(pair)
            if key and UPPER_KEY.fullmatch(key):
                said = _read(_Key(key, script, pair, field(pair, "value")))
                public = re.search(r"context:\s*['\"]client|access:\s*['\"]public", text(pair))
                yield Read(**{**said.__dict__, "build_time": bool(public)})


def declared_reads(script: Script) -> Iterator[Read]:
    """``interface ProcessEnv { NAME: string }``: the variables that types declare
    (https://vite.dev/guide/env-and-mode#intellisense-for-typescript, 2026-11)."""
    for word, build_time in (("ProcessEnv", False), ("ImportMetaEnv", True)):
        for node in script.names(word):
            body = field(node.parent, "body")
            for one in body.named_children if body is not None else ():
                key = property_name(one) if one.type == "property_signature" else None
                if key and UPPER_KEY.fullmatch(key):
                    yield Read(
                        key, script.path, line(one), build_time=build_time,
                        reason="declared in a type", description=script.comment(one),
                    )  # fmt: skip


def class_schemas(script: Script) -> Iterator[Node]:
    """Classes whose decorated fields are the variables that class-validator checks."""
    if b"class-validator" not in script.bytes:
        return
    for found in script.matches(re.compile(rb"\bclass\s+(\w*[eE]nv\w*)")):
        node = _named(script, found)
        if node is not None and node.parent is not None and field(node.parent, "name") == node:
            yield node.parent


def object_schemas(script: Script) -> Iterator[Node]:
    """Schemas that are named for the environment, whose every key is written as a variable."""
    pattern = re.compile(
        rb"\b(?:const|let|var)\s+(\w*(?:[eE]nv|ENV)\w*)\s*=\s*(?:z|Joi|joi|yup|v|t|Type)\."
    )
    for found in script.matches(pattern):
        node = _named(script, found)
        if node is None or node.parent is None:
            continue
        value = field(node.parent, "value")
        if value is not None and scope_of(node).type == "program":
            yield value


def _keys(script: Script, node: Node, resolve: Resolver, depth: int) -> Iterator[_Key]:
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


def _call_keys(script: Script, call: Node, resolve: Resolver, depth: int) -> Iterator[_Key]:
    """Each link of ``z.object({…}).extend(other)``, ``S.object().prop("KEY", …)``."""
    function = field(call, "function")
    method = text(field(function, "property")) if function is not None else ""
    given = arguments(call)
    if method == "prop" and given and literal(given[0]):
        yield _Key(literal(given[0]) or "", script, given[0], call)
    elif method not in ("omit", "refine", "superRefine", "transform", "prefs", "options", "describe",
                        "default", "min", "max", "regex"):  # fmt: skip
        for one in given:
            if bare(one).type in ("object", "identifier", "call_expression", "array"):
                yield from _keys(script, one, resolve, depth + 1)
    owner = field(function, "object") if function is not None else None
    if owner is not None and bare(owner).type in ("call_expression", "identifier"):
        if text(owner) not in ("z", "Joi", "joi", "yup", "v", "Type", "S", "Object"):
            yield from _keys(script, owner, resolve, depth + 1)


def _object_keys(script: Script, node: Node, resolve: Resolver, depth: int) -> Iterator[_Key]:
    pairs = {property_name(one): one for one in node.named_children if one.type != "comment"}
    if "properties" in pairs:
        listed = field(pairs.get("required"), "value") if "required" in pairs else None
        names = listed.named_children if listed is not None else ()
        required = frozenset(literal(one) or "" for one in names)
        held = field(pairs["properties"], "value")
        for one in _keys(script, held, resolve, depth + 1) if held is not None else ():
            yield _Key(one.key, one.script, one.node, one.value, required)
        return
    for pair in node.named_children:
        if pair.type == "spread_element" and pair.named_children:
            yield from _keys(script, pair.named_children[0], resolve, depth + 1)
        elif pair.type in ("pair", "shorthand_property_identifier"):
            value = field(pair, "value")
            if value is not None and bare(value).type in ("string", "number", "arrow_function") and (
                "type(" not in text(node.parent)[:40] and "|" not in text(value)
            ):  # fmt: skip
                continue  # an option, not a rule
            yield _Key(property_name(pair) or "", script, pair, value)


def _class_keys(script: Script, node: Node) -> Iterator[_Key]:
    body = field(node, "body")
    for one in body.named_children if body is not None else ():
        if one.type in ("public_field_definition", "field_definition"):
            name = text(field(one, "name") or field(one, "property"))
            if UPPER_KEY.fullmatch(name):
                yield _Key(name, script, one, one)


def _read(one: _Key) -> Read:
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
        type=_type(value),
        reason=reason,
        description=clean(described.group(2)) if described else one.script.comment(one.node),
    )


def _insists(one: _Key, value: str) -> bool:
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


def _type(value: str) -> VariableType | None:
    return next((kind for pattern, kind in _TYPES if pattern.search(value)), None)


def _named(script: Script, found: re.Match[bytes]) -> Node | None:
    if script.root is None:
        return None
    return script.root.descendant_for_byte_range(found.start(1), found.end(1))
