"""The environment in JavaScript: expressions that are it, and what is done with them.

``process.env`` and its like are where it begins; names, merged objects and parameters carry it
on. Sources: https://nodejs.org/api/process.html#processenv, https://vite.dev/guide/env-and-mode,
https://docs.deno.com/runtime/reference/env_variables, https://bun.sh/docs/runtime/env,
https://svelte.dev/docs/kit/$env-static-private (2026-11).
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.variables.demand import Demand
from autodeploy.services.analyzer.variables.javascript.demands import (
    OPTIONAL,
    REQUIRED,
    demand,
    fails_around,
    plain,
    runs_at_start,
    type_of,
)
from autodeploy.services.analyzer.variables.javascript.findings import (
    KEY,
    UPPER_KEY,
    Findings,
    Reader,
)
from autodeploy.services.analyzer.variables.javascript.keys import key_of, keys_among
from autodeploy.services.analyzer.variables.javascript.readers import readers_around
from autodeploy.services.analyzer.variables.javascript.script import (
    arguments,
    bare,
    is_choice,
    is_written,
    literal,
    parameters,
    property_name,
    scope_of,
    stands_for,
    statement_of,
)
from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.source import field, line, text

# What stands before ``.env`` where it is the environment.
_OWNERS = frozenset({"process", "import.meta", "Bun", "Deno", "globalThis.process",
                     "global.process", "window.process"})  # fmt: skip
# What Vite and the like define themselves: https://vite.dev/guide/env-and-mode (2026-11).
BUILT_IN = frozenset({"MODE", "BASE_URL", "PROD", "DEV", "SSR", "SITE", "ASSETS_PREFIX"})
# Modules that give the environment as an object under this name.
_OBJECTS = {
    "process": "env", "node:process": "env", "bun": "env",
    "$env/dynamic/private": "env", "$env/dynamic/public": "env",
}  # fmt: skip
# Modules each of whose names is a variable, and whether a build puts the value in.
_MEMBERS = {
    "$env/static/private": True, "$env/static/public": True,
    "astro:env/client": True, "astro:env/server": False,
}  # fmt: skip
_CONFIGURATION = re.compile(
    r"(^|/)(next|nuxt|vite|astro|svelte|gatsby|remix|vue|craco|webpack|rollup|rspack|rsbuild|tsup|"
    r"expo|docusaurus|quasar)[.-]config\.[\w.]+$"
)
# Names for the environment that are followed in one file.
MOST_NAMES = 50
_DEEPEST = 40


class Environment:
    """One file's uses of the environment."""

    def __init__(self, findings: Findings):
        self.found = findings
        self.script = findings.script
        self.is_configuration = bool(_CONFIGURATION.search(self.script.path))
        self._seen: set[tuple[int, int]] = set()
        self._followed: set[tuple[str, int]] = set()

    def search(self) -> None:
        for node, build_time in self._seeds():
            self._use(node, build_time)
        for local, imported in self.script.imports.items():
            if _OBJECTS.get(imported.module) == imported.name:
                self.follow(local, None)
            elif imported.module in _MEMBERS:
                self._member(local, imported.name, imported.node, _MEMBERS[imported.module])

    def follow(
        self, name: str, scope: Node | None, *, upper: bool = False, build: bool = False
    ) -> None:
        """Use each occurrence of a name that is the environment; ``upper``: only of such keys."""
        place = (name, scope.start_byte if scope is not None else 0)
        if not name or place in self._followed or len(self._followed) >= MOST_NAMES:
            return
        self._followed.add(place)
        for node in self.script.names(name):
            parent = node.parent
            inside = scope is None or (
                scope.start_byte <= node.start_byte and node.end_byte <= scope.end_byte
            )
            if inside and parent is not None and node.type == "identifier":
                self._use(node, build, upper=upper)
            elif inside and node.type == "shorthand_property_identifier":
                self._pair(node, upper)

    def follow_result(self, call: Node) -> None:
        """Use what a call gives back that got the environment: it may be that, checked."""
        self._use(call, False, upper=True)

    def _seeds(self) -> Iterator[tuple[Node, bool]]:
        for node in self.script.names("env"):
            member = node.parent
            if member is None or member.type != "member_expression":
                continue
            owner = text(field(member, "object")).replace("?", "")
            if node.type == "property_identifier" and owner in _OWNERS:
                yield member, owner == "import.meta"
            elif owner in ("c", "ctx", "context") and b"hono" in self.script.bytes:
                # The bindings of a request: https://hono.dev/docs/helpers/adapter (2026-11).
                yield member, False

    def _member(self, local: str, name: str, node: Node, build_time: bool) -> None:
        """A name imported from a module of variables."""
        if name == "*":
            self.follow(local, None, build=build_time)
        elif name == "getSecret":
            self.found.readers.append(Reader(local, self.script, 0, None, False, False))
        elif UPPER_KEY.fullmatch(name):
            reason = "imported by its name"
            self._add(
                Read(name, self.script.path, line(node), build_time=build_time, reason=reason)
            )

    def _use(self, node: Node, build: bool, depth: int = 0, *, upper: bool = False) -> None:
        """What is done with ``node``, an expression that is the environment."""
        place = (node.start_byte, node.end_byte)
        if place in self._seen or depth > _DEEPEST:
            return
        self._seen.add(place)
        whole = stands_for(node)
        parent = whole.parent
        if parent is None:
            return
        if parent.type == "member_expression" and field(parent, "object") == whole:
            self._access(parent, build, upper, depth)
        elif parent.type == "subscript_expression" and field(parent, "object") == whole:
            self._subscript(parent, build, upper)
        elif parent.type in ("variable_declarator", "assignment_expression"):
            left = field(parent, "name") or field(parent, "left")
            if left is not None and left != whole:
                self._bind(left, parent, build, upper)
        elif parent.type in ("required_parameter", "optional_parameter", "assignment_pattern"):
            left = field(parent, "pattern") or field(parent, "left")
            if left is not None and left != whole:
                self._bind(left, parent, build, upper)
        elif parent.type == "binary_expression" and text(field(parent, "operator")) == "in":
            self._key(literal(field(parent, "left")), parent, build, upper)
        elif is_choice(parent, whole):
            self._use(parent, build, depth + 1, upper=upper)
        elif parent.type == "spread_element" and parent.parent is not None:
            self._use(parent.parent, build, depth + 1, upper=True)
        elif parent.type == "pair":
            self._pair(parent, upper)
        elif parent.type == "arguments" and parent.parent is not None:
            self._argument(parent.parent, whole, build, depth)

    def _access(self, member: Node, build: bool, upper: bool, depth: int) -> None:
        key = text(field(member, "property"))
        call = member.parent
        called = (
            call is not None
            and call.type == "call_expression"
            and field(call, "function") == member
        )
        if called and call is not None:
            given = arguments(call)
            if key == "toObject":
                self._use(call, build, depth + 1)
            elif key in ("get", "has", "hasOwnProperty") and given:
                self._subscripted(given[0], call, build, upper=False)
        elif key in ("data", "value", "output") and upper:
            self._use(member, build, depth + 1, upper=True)  # the result of a validation
        else:
            self._key(key, member, build, upper)

    def _subscript(self, node: Node, build: bool, upper: bool) -> None:
        index = field(node, "index")
        if index is not None:
            self._subscripted(index, node, build, upper)

    def _subscripted(self, index: Node, node: Node, build: bool, upper: bool) -> None:
        """A read of the key that ``index`` is: written out, chosen from a list, a parameter."""
        key = key_of(self.script, index)
        if key is not None:
            self._key(key, node, build, upper)
            return
        self.found.reads_any = True
        for one in keys_among(self.script, index):
            self._key(literal(one), node, build, upper, at=one)
        self.found.readers.extend(readers_around(self.script, text(bare(index)), node))

    def _bind(self, left: Node, holder: Node, build: bool, upper: bool) -> None:
        """The names that the environment, or parts of it, are given."""
        if left.type == "identifier":
            self.follow(text(left), scope_of(holder), upper=upper, build=build)
            if scope_of(holder).type == "program":
                self.found.objects.add(text(left))
            return
        for node in left.named_children if left.type == "object_pattern" else ():
            if node.type == "rest_pattern":
                self.follow(
                    text(node.named_children[0]), scope_of(holder), upper=upper, build=build
                )
                continue
            # { A, B: b, C = "d", D: d = "e" }
            target = field(node, "value") or node
            inner = field(target, "left") if target.type.endswith("assignment_pattern") else target
            if node.type == "pair_pattern":
                key = property_name(node)
            else:
                key = text(field(node, "left") or node)
            default = field(target, "right")
            if key in ("data", "value", "output") and upper and inner is not None:
                self._bind(inner, holder, build, upper)
                continue
            self._destructured(key, node, text(inner), default, build, upper)

    def _destructured(
        self,
        key: str | None,
        node: Node,
        local: str,
        default: Node | None,
        build: bool,
        upper: bool,
    ) -> None:
        if key is None or not self._is_key(key, build, upper):
            return
        required = default is None and local in self.found.demanded
        said = Demand(
            required,
            REQUIRED if required else OPTIONAL,
            at_start=required and local in self.found.demanded_at_start and runs_at_start(node),
        )
        if default is not None:
            said = Demand(False, "has a default", plain(default), True, type_of(default))
        self._add_read(key, node, said, build, self.script.comment(node))

    def _key(
        self, key: str | None, node: Node, build: bool, upper: bool, at: Node | None = None
    ) -> None:
        """A read of ``key`` at ``node``, unless it is set or removed there."""
        if key is None or not self._is_key(key, build, upper) or is_written(node):
            return
        said = demand(self.script, node, self.found.demanded, self.found.demanded_at_start)
        if at is not None and fails_around(node):
            said = Demand(True, "one of a list, and it fails without any of them")
        place = at or node
        comment = self.script.comment_on(place, statement_of(place))
        self._add_read(key, place, said, build, comment)

    def _add_read(
        self, key: str, place: Node, said: Demand, build: bool, comment: str | None
    ) -> None:
        self._add(
            Read(
                key,
                self.script.path,
                line(place),
                required=said.required,
                at_start=said.at_start,
                default=said.default,
                has_default=said.has_default,
                type=said.type,
                build_time=build or self.is_configuration,
                reason=said.reason,
                description=comment,
            )
        )

    def _is_key(self, key: str, build: bool, upper: bool) -> bool:
        pattern = UPPER_KEY if upper else KEY
        return bool(pattern.fullmatch(key)) and not (build and key in BUILT_IN)

    def _pair(self, pair: Node, upper: bool) -> None:
        """The environment as a member of an object: beside a schema it is what is validated."""
        around_it = pair.parent
        for other in around_it.named_children if around_it is not None else ():
            if property_name(other) == "schema":
                value = field(other, "value") or other
                self.found.schemas.append(value)

    def _argument(self, call: Node, given: Node, build: bool, depth: int) -> None:
        """The environment as an argument: of a validation, of a function here, or copied."""
        function = field(call, "function") or field(call, "constructor")
        if function is None:
            return
        called = text(function).rpartition(".")[2]
        if called in ("entries", "keys", "values", "stringify", "log"):
            return
        candidates = [one for one in arguments(call) if bare(one) != bare(given)]
        owner = field(function, "object") if function.type == "member_expression" else function
        if owner is not None:
            candidates.append(owner)
        self.found.validations.append((call, candidates))
        own = self.script.function(text(function)) if function.type == "identifier" else None
        if own is not None:
            place = next((i for i, one in enumerate(arguments(call)) if one == given), 0)
            named = parameters(own)[place : place + 1]
            if named and named[0][0]:
                self.follow(named[0][0], own, build=build)
            elif named:
                pattern = field(named[0][1], "pattern") or named[0][1]
                self._bind(pattern, own, build, False)

    def _add(self, read: Read) -> None:
        self.found.reads.append(read)
