"""Calls in JavaScript whose argument names a variable: readers of libraries and of the app."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.variables.javascript.demands import demand, plain, runs_at_start
from autodeploy.services.analyzer.variables.javascript.findings import (
    KEY,
    UPPER_KEY,
    Findings,
    Reader,
)
from autodeploy.services.analyzer.variables.javascript.keys import key_of, keys_among
from autodeploy.services.analyzer.variables.javascript.layers import given_readers
from autodeploy.services.analyzer.variables.javascript.script import (
    Script,
    arguments,
    bare,
    literal,
    stands_for,
)
from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.source import field, line, text

_CONFIG_SERVICE = re.compile(
    r"(^|[.#_])config(Service|uration)?$|ConfigService\)?$|^env(Service)?$", re.I
)


def config_service_reads(found: Findings) -> Iterator[Read]:
    """``configService.get("KEY")`` (https://docs.nestjs.com/techniques/configuration, 2026-11)."""
    script = found.script
    if b"ConfigService" not in script.bytes or b"@nestjs/config" not in script.bytes:
        return
    for word in ("get", "getOrThrow"):
        for call, given in _calls(script, word):
            owner = field(field(call, "function"), "object")
            if owner is None or not _CONFIG_SERVICE.search(text(owner)):
                continue
            key = literal(given[0]) if given else None
            if key and UPPER_KEY.fullmatch(key):
                reader = Reader(word, script, 0, 1, word == "getOrThrow", True)
                yield _read(found, call, given, key, reader)


def given_reads(found: Findings) -> Iterator[Read]:
    """The variables that calls of a library's readers name."""
    for call in given_readers(found.script):
        given = arguments(call)
        key = literal(given[0]) if given else None
        if key is not None and UPPER_KEY.fullmatch(key):
            insists = text(field(call, "function")).endswith("getOrFail")
            yield _read(found, call, given, key, Reader("env", found.script, 0, 1, insists, True))


def env_var_reads(found: Findings) -> Iterator[Read]:
    """``env.get("KEY").required().asString()``
    (https://github.com/evanshortiss/env-var, 2026-11)."""
    script = found.script
    for local in script.local_name("env-var"):
        for call, given in _calls(script, "get"):
            key = literal(given[0]) if given else None
            if key is None or not text(call).startswith(local) or not KEY.fullmatch(key):
                continue
            chain, default, required = stands_for(call), None, False
            while chain.parent is not None and chain.parent.type == "member_expression":
                method, outer = text(field(chain.parent, "property")), chain.parent.parent
                if outer is None or outer.type != "call_expression":
                    break
                if method == "default":
                    default = next(iter(arguments(outer)), None)
                required = required or method == "required"
                chain = outer
            yield Read(
                key, script.path, line(call), required=required and default is None,
                default=plain(default), has_default=default is not None,
                reason="has a default" if default is not None
                else "required by env-var" if required else "may be left out",
                description=script.comment(call),
            )  # fmt: skip


def reader_reads(found: Findings, reader: Reader) -> Iterator[Read | Node]:
    """The variables that calls of ``reader`` in this file name; a call with a key that is not
    written out is given as its node."""
    script = found.script
    same_file = script is reader.script
    if not same_file and not _is_imported(script, reader):
        return
    for call, given in _calls(script, reader.name):
        function = field(call, "function")
        is_method = function is not None and function.type == "member_expression"
        if is_method and text(field(function, "object")) in (
            "Deno.env",
            "process",
            "Map",
            "params",
        ):
            continue
        if is_method and not reader.is_method and not _namespace(script, function):
            continue
        if len(given) <= reader.key_at:
            continue
        key = key_of(script, given[reader.key_at])
        if key is None:
            for one in keys_among(script, given[reader.key_at]):
                yield _read(found, call, given, literal(one) or "", reader)
            if bare(given[reader.key_at]).type == "identifier":
                yield given[reader.key_at]
        elif UPPER_KEY.fullmatch(key) or (same_file and not is_method and KEY.fullmatch(key)):
            yield _read(found, call, given, key, reader)


def _namespace(script: Script, function: Node | None) -> bool:
    return text(field(function, "object")) in script.imports


def _is_imported(script: Script, reader: Reader) -> bool:
    """Whether the file imports the reader, or something of the file that it is a method of."""
    for local, imported in script.imports.items():
        if imported.name == reader.name and imported.module[:1] in "./@~#$":
            return True
        is_owner = names_file(imported.module, reader.script)
        if is_owner and (
            reader.is_method or imported.name in ("*", "default") or local == reader.name
        ):
            return True
    return False


def names_file(module: str, script: Script) -> bool:
    """Whether a module's specifier may mean this file: the last part of its path is the file's."""
    last = re.sub(r"(/index)?\.[cm]?[jt]sx?$", "", module).rstrip("/").rpartition("/")[2]
    return bool(last) and last not in (".", "..") and script.stem.rpartition("/")[2] == last


def _calls(script: Script, name: str) -> Iterator[tuple[Node, list[Node]]]:
    """The calls of a function or method of this name, with their arguments."""
    for node in script.names(name):
        function = node.parent if node.type == "property_identifier" else node
        call = function.parent if function is not None else None
        if (
            call is not None
            and call.type == "call_expression"
            and field(call, "function") == function
        ):
            yield call, arguments(call)


def _read(found: Findings, call: Node, given: list[Node], key: str, reader: Reader) -> Read:
    script = found.script
    default_at = reader.default_at if reader.default_at is not None else reader.key_at + 1
    default = given[default_at] if len(given) > default_at else None
    is_default = default is not None and (
        reader.default_at is not None or plain(default) is not None
    ) and bare(default).type not in ("object", "undefined")  # fmt: skip
    said = demand(script, call, found.demanded, found.demanded_at_start)
    has_default = is_default or said.has_default
    required = not has_default and (reader.insists or said.required)
    reason = said.reason
    if has_default:
        reason = "has a default"
    elif reader.insists:
        reason = f"read by {reader.name}, which fails without it,"
    return Read(
        key, script.path, line(call), required=required,
        at_start=required and (said.at_start or (reader.insists and runs_at_start(call))),
        default=plain(default) if is_default else said.default, has_default=has_default,
        type=said.type, reason=reason, description=script.comment(call),
    )  # fmt: skip
