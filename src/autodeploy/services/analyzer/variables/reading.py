"""Finds the reads of one language in all its files of a repository.

A function of the repository that passes a parameter on to a reader is a reader itself, and a
constant stands for its text, in whichever file either is defined. Both are found in rounds: what
a round learns decides which files the next one parses.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from tree_sitter import Node

from autodeploy.services.analyzer.evidence import clean
from autodeploy.services.analyzer.variables.dialects.base import Dialect, Reader
from autodeploy.services.analyzer.variables.handling import (
    BEFORE_CHARACTERS,
    BEHIND_CHARACTERS,
    handling,
)
from autodeploy.services.analyzer.variables.literals import literal, parameters, type_of, value
from autodeploy.services.analyzer.variables.reads import Read, holds_any
from autodeploy.services.analyzer.variables.source import Source, around
from autodeploy.services.analyzer.variables.syntax import (
    Captures,
    line_of,
    matches,
    matches_near,
    text_of,
)

# A wrapper of a wrapper of a wrapper is the deepest that is followed.
MOST_ROUNDS = 3
MOST_WRAPPERS = 50
MOST_FUNCTIONS, MOST_CONSTANTS = 500, 100

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Through a function of the repository's own, only what looks like a variable counts.
_UPPER_KEY = re.compile(r"[A-Z][A-Z0-9_]*[A-Z0-9]")
_NAME = re.compile(r"[$@&:]?([A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)*)(?:\.c_str\(\))?")
_FALLBACK = re.compile(r"def|fall|alt|else|other", re.I)
_NO_FALLBACK = re.compile(r"req|must|mandatory|type|kind|cast|ctx|context|config|client", re.I)
_FAILS = re.compile(r"\b(panic|Fatal\w*|raise|throw|die|fatalError|abort|fetch_env!|error)\b")
_MAY_BE_MISSING = re.compile(r"\bOption(al)?\b|\?|\bResult\b|\berror\b|,\s?bool\b|\bMaybe\b")


_MOST_PARENTS = 24
_CASES = frozenset({"if", "unless", "if_statement", "if_expression", "elsif", "else", "when",
                    "when_entry", "expression_case", "default_case", "switch_section",
                    "switch_block_statement_group", "match_arm", "case_clause", "switch_entry",
                    "case_statement", "match_conditional_expression", "catch_clause", "rescue",
                    "if_modifier"})  # fmt: skip


@dataclass(frozen=True)
class _Call:
    """A call of a reader, with the nodes of its arguments."""

    file: Source
    node: Node
    reader: Reader
    arguments: tuple[Node, ...]
    is_own: bool


_CLOSURES = ("func_literal", "closure_expression", "lambda_expression", "lambda_literal",
             "anonymous_function", "lambda", "arrow_function")  # fmt: skip
_CONFIGURATION = re.compile(
    r"^config/(runtime|application|environment|environments/production)\.(exs|rb)$"
)


class Reading:
    """The reads of one language in a repository."""

    def __init__(self, dialect: Dialect, texts: Mapping[str, str]):
        """``texts``: the source files of the language, by path."""
        self._dialect, self._texts = dialect, texts
        self._files: dict[str, Source | None] = {}
        self._defined: dict[str, list[tuple[int, int, Captures]]] = {}
        self._wrappers: dict[str, Reader] = {}
        self._constants: dict[str, str | None] = {}
        self._wanted: dict[str, list[_Call]] = {}

    def reads(self) -> Iterator[Read]:
        """All reads whose variable can be named."""
        readers = self._dialect.readers
        for path in self._holding(self._dialect.marks):
            if file := self._file(path):
                yield from self._reads_of(file, readers, is_own=False)
        known: set[str] = set()
        for _ in range(MOST_ROUNDS):
            new = [name for name in self._wrappers if name not in known][:MOST_WRAPPERS]
            if not new:
                break
            known.update(new)
            wrappers = {name: self._wrappers[name] for name in new}
            for path in self._holding(tuple(wrappers)):
                if file := self._file(path):
                    yield from self._reads_of(file, wrappers, is_own=True)
        yield from self._constant_reads()

    def _holding(self, words: tuple[str, ...]) -> list[str]:
        return [p for p, text in self._texts.items() if holds_any(text, words)]

    def _file(self, path: str) -> Source | None:
        if path not in self._files:
            source = Source(path, self._texts[path], self._dialect.grammar)
            self._files[path] = source if source.root else None
        return self._files[path]

    def _reads_of(
        self, file: Source, readers: Mapping[str, Reader], is_own: bool
    ) -> Iterator[Read]:
        for call in self._calls(file, readers, is_own):
            keys = call.arguments if call.reader.every else call.arguments[call.reader.key :][:1]
            for node in keys:
                key = literal(node)
                if key is None:
                    self._follow(call, node)
                elif self._is_key(key, is_own):
                    yield from self._read(call, key)

    def _is_key(self, key: str, is_own: bool) -> bool:
        pattern = _UPPER_KEY if is_own else _KEY
        return pattern.fullmatch(key) is not None and not self._dialect.given.fullmatch(key)

    def _calls(self, file: Source, readers: Mapping[str, Reader], is_own: bool) -> Iterator[_Call]:
        names = {_method(name) for name in readers}
        # The sign of a macro is no part of its name in Rust, but it is in Elixir.
        names |= {name.rstrip("!") for name in names}
        methods = " ".join(f'"{name}"' for name in sorted(names))
        query = "\n".join(f"({one} (#any-of? @method {methods}))" for one in self._dialect.calls)
        for found in self._found(file, query, names):
            node = found["read"][0]
            arguments = _arguments(found)
            if not arguments:
                continue
            written = _between(file, node.start_byte, arguments[0].start_byte)
            callee = re.sub(r"\s+|::<[^<>]*>", "", written).rstrip("(").replace("?.", ".")
            name = _method(callee) if is_own else _reader_name(callee, readers)
            reader = readers.get(name) if name else None
            if reader and reader.arity in (None, len(arguments)):
                yield _Call(file, node, reader, arguments, is_own)

    def _read(self, call: _Call, key: str) -> Iterator[Read]:
        node, file, reader = call.node, call.file, call.reader
        around = handling(
            _between(file, node.start_byte - BEFORE_CHARACTERS, node.start_byte),
            _between(file, node.end_byte, node.end_byte + BEHIND_CHARACTERS),
        )
        if around.written:
            return
        given = self._given_default(call)
        default = (value(given) if given else None) or around.default
        has_default = given is not None or around.has_default
        demanded = not has_default and (reader.required or around.demanded)
        in_one_case = demanded and _is_one_of_several(node)
        yield Read(
            key,
            file.path,
            line_of(node),
            required=demanded and not in_one_case,
            at_start=demanded and not in_one_case and self._runs_at_start(call),
            default=clean(default) if default else None,
            has_default=has_default,
            type=around.type or (type_of(given) if given else None),
            build_time=reader.build_time,
            reason="needed in one case only" if in_one_case else None,
            description=file.comment(node) if self._dialect.has_comments else None,
        )

    def _runs_at_start(self, call: _Call) -> bool:
        """Whether a read is made whenever its file is loaded: in ``main``, or in what the files
        of a configuration are."""
        at = call.node.start_byte
        inside = [one for one in self._functions(call.file) if one[0] <= at < one[1]]
        if around(call.node, *_CLOSURES) is not None:
            return False
        if not inside:
            return _CONFIGURATION.search(call.file.path) is not None
        return text_of(max(inside, key=lambda one: one[0])[2]["name"][0]) == "main"

    def _given_default(self, call: _Call) -> Node | None:
        """The argument that is the default, or the block that makes it."""
        if call.reader.default is not None and len(call.arguments) > call.reader.default:
            return call.arguments[call.reader.default]
        block = call.node.child_by_field_name("block")
        body = block.child_by_field_name("body") if block else None
        return body.named_children[0] if body and body.named_child_count == 1 else block

    def _follow(self, call: _Call, node: Node) -> None:
        """Notes what a name that is no literal stands for: a parameter, or else a constant."""
        named = _NAME.fullmatch(text_of(node).strip())
        if named is None:
            return
        wrapper = self._wrapper(call, named[1])
        if wrapper:
            self._wrappers.setdefault(*wrapper)
        elif "@" in text_of(node) or not named[1].islower():  # in small letters: a variable
            self._wanted.setdefault(re.split(r"\.|::|->", named[1])[-1], []).append(call)

    def _wrapper(self, call: _Call, parameter: str) -> tuple[str, Reader] | None:
        """The function around a call that has this parameter, as a reader."""
        at = call.node.start_byte
        inside = [one for one in self._functions(call.file) if one[0] <= at < one[1]]
        function = max(inside, key=lambda one: one[0])[2] if inside else None
        if function is None:
            return None
        name = re.split(r"::|\.", text_of(function["name"][0]))[-1]
        is_name_first = self._dialect.grammar == "go"
        names = parameters(text_of(function["parameters"][0]), is_name_first)
        if parameter not in names or not re.fullmatch(r"\w+[?!]?", name):
            return None
        default = next((n for n, one in enumerate(names) if _FALLBACK.search(one)), None)
        if default is None and len(names) == 2 and not _NO_FALLBACK.search(" ".join(names)):
            default = 1 - names.index(parameter)
        required = default is None and _demands(function, call.reader)
        return name, Reader(names.index(parameter), default, required)

    def _functions(self, file: Source) -> list[tuple[int, int, Captures]]:
        """Where each function of a file begins and ends, with its name and parameters."""
        if file.path not in self._defined:
            query = "\n".join(self._dialect.functions)
            self._defined[file.path] = [
                (found["function"][0].start_byte, found["function"][0].end_byte, found)
                for found in islice(self._found(file, query), MOST_FUNCTIONS)
            ]
        return self._defined[file.path]

    def _constant_reads(self) -> Iterator[Read]:
        wanted = list(self._wanted)[:MOST_CONSTANTS]
        names = "|".join(re.escape(name) for name in wanted)
        defined = re.compile(rf"\b(?:{names})\b[^\n=;(){{}}]{{0,60}}[=\s]\s{{0,20}}[\"'`]")
        for path in self._holding(tuple(wanted)):
            if defined.search(self._texts[path]) and (file := self._file(path)):
                self._learn_constants(file)
        for name, calls in self._wanted.items():
            key = self._constants.get(name)
            if key and self._is_key(key, is_own=False):
                for call in calls:
                    yield from self._read(call, key)

    def _learn_constants(self, file: Source) -> None:
        """A constant that is defined twice, with another text, stands for none."""
        query = "\n".join(self._dialect.constants)
        for found in self._found(file, query):
            name, spelled = text_of(found["name"][0]), literal(found["value"][0])
            if name in self._wanted and spelled is not None:
                known = self._constants.setdefault(name, spelled)
                self._constants[name] = spelled if known == spelled else None

    def _found(self, file: Source, query: str, near: Iterable[str] = ()) -> Iterator[Captures]:
        """What a query captures in a file, or only near the places of some words."""
        grammar = self._dialect.grammar
        if file.root is not None:
            found = matches_near(file.root, grammar, query, near) if near else matches(
                file.root, grammar, query)  # fmt: skip
            yield from (captures for _, captures in found)


def _between(file: Source, start: int, end: int) -> str:
    return file.bytes[max(start, 0) : end].decode("utf-8", "replace")


def _is_one_of_several(node: Node) -> bool:
    """Whether a read is made in one case only; the case that it is production counts as all."""
    child, parent = node, node.parent
    for _ in range(_MOST_PARENTS):
        if parent is None:
            break
        test = parent.child_by_field_name("condition") or parent.named_children[0]
        if parent.type in _CASES and test.id != child.id and "prod" not in text_of(test).lower():
            return True
        child, parent = parent, parent.parent
    return False


def _demands(function: Mapping[str, list[Node]], reader: Reader) -> bool:
    """Whether a wrapper fails when there is no value: its result says when it may be missing."""
    whole, given = text_of(function["function"][0]), text_of(function["parameters"][0])
    result = re.split(r"[{\n]", whole.partition(given)[2], maxsplit=1)[0]
    if _MAY_BE_MISSING.search(result):
        return False
    return reader.required or _FAILS.search(whole) is not None


def _arguments(found: Mapping[str, list[Node]]) -> tuple[Node, ...]:
    nodes = found["arguments"][0].named_children if "arguments" in found else found["key"]
    return tuple(_inner(node) for node in nodes if node.type != "comment")


def _inner(node: Node) -> Node:
    wraps = node.type in ("argument", "value_argument", "literal_element")
    return node.named_children[-1] if wraps and node.named_children else node


def _method(name: str) -> str:
    """The last word of a reader's name, which the queries capture as ``@method``."""
    words = re.findall(r"[$\w]+[?!]?", name.split(":[")[0])
    return words[-1] if words else ""


def _reader_name(callee: str, readers: Mapping[str, Reader]) -> str | None:
    """The reader that a callee names, also behind a path such as ``std::`` or ``java.lang.``."""
    if callee in readers:
        return callee
    behind = (r for r in readers if callee.endswith(r))
    return next(
        (r for r in behind if r.startswith(".") or callee[: -len(r)].endswith((".", "::", "\\"))),
        None,
    )
