"""Libraries through which JavaScript reads the environment, and how each names its variables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from autodeploy.services.analyzer.variables.javascript.demands import plain
from autodeploy.services.analyzer.variables.javascript.findings import UPPER_KEY
from autodeploy.services.analyzer.variables.javascript.schemas import Rule, rule_read, type_named
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


@dataclass(frozen=True)
class Getter:
    """What a module gives that reads the variable its first argument names.

    ``methods`` are those of it that do; "" when it is called itself.
    """

    modules: tuple[str, ...]
    name: str | None
    methods: tuple[str, ...]


GETTERS = (
    # https://github.com/indexzero/nconf (2026-11)
    Getter(("nconf",), None, ("get", "required")),
    # https://github.com/jutaz/getenv (2026-11)
    Getter(("getenv",), None, ("", "string", "int", "float", "bool", "boolish", "array", "url")),
    # https://docs.adonisjs.com/guides/getting-started/environment-variables (2026-11)
    Getter(("@ioc:Adonis/Core/Env", "#start/env", "env"), "default", ("get", "getOrFail")),
)

_STRAPI = re.compile(rb"(?:export default|module\.exports\s*=)[^\n]{0,80}\(\{[^}\n]*\benv\b")
_STRAPI_METHODS = ("", "int", "float", "bool", "json", "array", "date", "oneOf")

_NAMED_FOR_IT = re.compile(
    rb"(?:const|let|var)\s+(\w*(?:[eE]nv|ENV)\w*)\s*=\s*(?:z|Joi|joi|yup|v|t|Type)\."
)


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


def given_readers(script: Script) -> Iterator[Node]:
    """The calls of ``GETTERS``, and of ``env`` that Strapi gives each of its configurations
    (https://docs.strapi.io/cms/configurations/environment, 2026-11)."""
    for getter in GETTERS:
        for local in script.local_name(*getter.modules, name=None):
            if getter.name in (None, script.imports[local].name):
                yield from _called(script, local, getter.methods)
    if _STRAPI.search(script.bytes):
        yield from _called(script, "env", _STRAPI_METHODS)


def _called(script: Script, local: str, methods: tuple[str, ...]) -> Iterator[Node]:
    for node in script.names(local):
        function, method, parent = node, "", node.parent
        is_owner = field(parent, "object") == node
        if parent is not None and parent.type == "member_expression" and is_owner:
            function, method = parent, text(field(parent, "property"))
        call = function.parent
        if call is not None and field(call, "function") == function and method in methods:
            yield call


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
            key, script.path, line(node),
            required=default is not None and text(default) == "undefined",
            default=plain(default), has_default=not is_null,
            type=type_named(text(named.get("format"))),
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
                said = rule_read(Rule(key, script, pair, field(pair, "value")))
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
    for found in script.matches(_NAMED_FOR_IT):
        node = _named(script, found)
        if node is None or node.parent is None:
            continue
        value = field(node.parent, "value")
        if value is not None and scope_of(node).type == "program":
            yield value


def _named(script: Script, found: re.Match[bytes]) -> Node | None:
    if script.root is None:
        return None
    return script.root.descendant_for_byte_range(found.start(1), found.end(1))


def replaced_names(script: Script) -> Iterator[str]:
    """The names that ``env: {…}`` of Next's configuration gives values of its own
    (https://nextjs.org/docs/app/api-reference/config/next-config-js/env, 2026-11)."""
    if not re.search(r"(^|/)next\.config\.\w+$", script.path):
        return
    for node in script.names("env"):
        table = field(node.parent, "value")
        for pair in table.named_children if table is not None and table.type == "object" else ():
            name = property_name(pair)
            if name and f"process.env.{name}" not in text(pair):
                yield name
