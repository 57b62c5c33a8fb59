"""The environment in Python: expressions that are it, and what is done with them.

``os.environ`` and ``os.getenv`` are where it begins; names, copies and parameters carry it on.
Source: https://docs.python.org/3/library/os.html#os.environ (2026-11).
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.variables.demand import Demand
from autodeploy.services.analyzer.variables.python.demands import (
    call_demand,
    subscript_demand,
)
from autodeploy.services.analyzer.variables.python.findings import Findings, Reader
from autodeploy.services.analyzer.variables.python.module import (
    functions_around,
    given,
    parameters,
    scope_of,
)
from autodeploy.services.analyzer.variables.source import ancestors, around, field, text

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UPPER = re.compile(r"[A-Z][A-Z0-9_]*")
_DEFAULT = re.compile(r"default|fallback|^alt", re.I)
_GETTERS = frozenset({"get", "pop", "setdefault"})
# Names for the environment that are followed in one file.
MOST_NAMES = 50
_DEEPEST = 20


class Environment:
    """One module's uses of the environment."""

    def __init__(self, findings: Findings):
        self.found = findings
        self.module = findings.module
        self._seen: set[tuple[int, int]] = set()
        self._followed: set[tuple[str, int]] = set()

    def search(self) -> None:
        systems = set(self.module.local_names("os")) | {"os"}
        for node in (*self.module.names("environ"), *self.module.names("environb")):
            owner = node.parent
            if (
                owner is not None
                and owner.type == "attribute"
                and text(field(owner, "object")) in systems
            ):
                self._use(owner)
        for name in ("getenv", "getenvb"):
            for node in self.module.names(name):
                owner = node.parent
                if (
                    owner is not None
                    and owner.type == "attribute"
                    and text(field(owner, "object")) in systems
                ):
                    self._function(owner)
            for local in self.module.local_names("os", name):
                self._functions_named(local)
        for local in self.module.local_names("os", "environ"):
            self.follow(local, None)
        for local in self.module.local_names("dotenv", "dotenv_values"):
            for node in self.module.names(local):
                if node.parent is not None and node.parent.type == "call":
                    self._use(node.parent, upper=True)

    def follow(self, name: str, scope: Node | None, *, upper: bool = False) -> None:
        """Use each occurrence of a name that is the environment; ``upper``: only of such keys."""
        place = (name, scope.start_byte if scope is not None else 0)
        if not name or place in self._followed or len(self._followed) >= MOST_NAMES:
            return
        self._followed.add(place)
        for node in self.module.names(name):
            inside = scope is None or (
                scope.start_byte <= node.start_byte and node.end_byte <= scope.end_byte
            )
            parent = node.parent
            member = (
                parent is not None
                and parent.type == "attribute"
                and field(parent, "object") != node
            )
            if inside and not member:
                self._use(node, upper=upper)

    def _functions_named(self, name: str) -> None:
        for node in self.module.names(name):
            if node.parent is not None and node.parent.type not in (
                "attribute",
                "aliased_import",
                "dotted_name",
            ):
                self._function(node)

    def _function(self, node: Node) -> None:
        """What is done with ``os.getenv`` or ``environ.get``: called, or given a name."""
        parent = node.parent
        if parent is None:
            return
        if parent.type == "call" and field(parent, "function") == node:
            positional, named = given(parent)
            key = positional[0] if positional else named.get("key")
            default = positional[1] if len(positional) > 1 else named.get("default")
            if key is not None:
                self._read(key, parent, default)
        elif parent.type == "assignment" and field(parent, "right") == node:
            name = text(field(parent, "left"))
            self.found.readers.append(
                Reader(name, self.module, 0, "key", 1, "default", None, False, False)
            )

    def _use(self, node: Node, depth: int = 0, *, upper: bool = False) -> None:
        """What is done with ``node``, an expression that is the environment."""
        place = (node.start_byte, node.end_byte)
        parent = node.parent
        if parent is None or place in self._seen or depth > _DEEPEST:
            return
        self._seen.add(place)
        kind = parent.type
        if kind == "attribute" and field(parent, "object") == node:
            self._access(parent, depth)
        elif kind == "subscript" and field(parent, "value") == node:
            key = field(parent, "subscript")
            if key is not None and not _is_written(parent):
                self._read(key, parent, upper=upper)
        elif kind == "comparison_operator" and {"in", "not in"} & {
            text(one) for one in parent.children
        }:
            key = parent.named_children[0]
            if key != node:
                self._read(key, parent, member=True)
        elif kind in (
            "assignment",
            "named_expression",
            "default_parameter",
            "typed_default_parameter",
        ):
            self._bind(parent, node, upper)
        elif kind in ("conditional_expression", "boolean_operator", "parenthesized_expression",
                      "dictionary_splat", "dictionary"):  # fmt: skip
            self._use(parent, depth + 1, upper=upper or kind == "dictionary_splat")
        elif kind in ("argument_list", "keyword_argument"):
            self._argument(parent, node, depth)

    def _access(self, attribute: Node, depth: int) -> None:
        name, call = text(field(attribute, "attribute")), attribute.parent
        if name in _GETTERS:
            self._function(attribute)
        elif name == "copy" and call is not None and call.type == "call":
            self._use(call, depth + 1, upper=True)

    def _bind(self, holder: Node, node: Node, upper: bool) -> None:
        name = field(holder, "left") or field(holder, "name")
        if name is None or name == node or name.type != "identifier":
            return
        scope = scope_of(holder)
        self.follow(text(name), scope, upper=upper)
        if scope.type == "module":
            self.found.objects.add(text(name))

    def _argument(self, holder: Node, node: Node, depth: int) -> None:
        """The environment as an argument: of a function of this module, or copied."""
        call = holder if holder.type == "call" else around(node, "call")
        function = text(field(call, "function"))
        if call is None or function in ("len", "print", "str", "sorted", "list"):
            return
        own = next(
            (one.parent for one in self.module.names(function)
             if one.parent is not None and one.parent.type == "function_definition"), None,
        ) if function.isidentifier() else None  # fmt: skip
        if own is not None:
            positional, _ = given(call)
            names = [name for name, _ in parameters(own)]
            at = positional.index(node) if node in positional else -1
            name = names[at] if 0 <= at < len(names) else text(field(holder, "name"))
            if name in names:
                self.follow(name, own)
        elif function in ("dict", "ChainMap", "collections.ChainMap"):
            self._use(call, depth + 1, upper=True)

    def _read(
        self,
        key: Node,
        node: Node,
        default: Node | None = None,
        *,
        member: bool = False,
        upper: bool = False,
    ) -> None:
        """A read at ``node`` of the variable that ``key`` is."""
        name = self.module.key(key)
        if name is None and key.type == "identifier":
            for one in self._listed(text(key), key):
                listed = self.module.key(one)
                if listed is not None and _UPPER.fullmatch(listed):
                    said = self._list_demand(node, default, member)
                    self._add(listed, one, said, at_start=False)
            self.found.readers.extend(self.readers(text(key), node, default))
        pattern = _UPPER if upper else _KEY
        if name is not None and pattern.fullmatch(name):
            self._add(name, node, self._demand(name, node, default, member))

    def _demand(self, name: str, node: Node, default: Node | None, member: bool) -> Demand:
        if member:
            return Demand(False, "only asked whether it is set")
        if node.type == "subscript":
            return subscript_demand(node, name)
        return call_demand(node, default, self.found.demanded)

    def _list_demand(self, node: Node, default: Node | None, member: bool) -> Demand:
        holder = around(node, "function_definition", "module")
        loop = around(node, "for_statement", "assignment", "if_statement") or node
        whole = text(loop) if loop.type == "for_statement" else text(holder)
        raises = ("raise" in whole or "exit(" in whole) and default is None
        if raises:
            return Demand(True, "one of a list of which it fails without any")
        return self._demand("", node, default, member)

    def _add(self, name: str, node: Node, said: Demand, *, at_start: bool = True) -> None:
        self.found.add(
            name, node, required=said.required, at_start=at_start, reason=said.reason,
            default=said.default, has_default=said.has_default, kind=said.type,
        )  # fmt: skip

    def readers(self, name: str, node: Node, default: Node | None) -> Iterator[Reader]:
        """The function around ``node`` whose parameter is the key ``name``."""
        for function in functions_around(node):
            held = parameters(function)
            names = [one for one, _ in held]
            if name not in names:
                continue
            is_method = names[0] in ("self", "cls")
            shown = held[1:] if is_method else held
            at = [one for one, _ in shown].index(name)
            default_at = _default_at(shown, name, text(default))
            whole = text(function)
            insists = "raise" in whole or (
                node.type == "subscript"
                and not re.search(rf"\b{re.escape(name)} (not )?in\b", whole)
            )
            yield Reader(
                text(field(function, "name")), self.module, at, name, default_at,
                shown[default_at][0] if default_at is not None else None,
                shown[default_at][1] if default_at is not None else default,
                insists, is_method,
            )  # fmt: skip
            return

    def _listed(self, name: str, node: Node) -> list[Node]:
        """The keys that ``name`` runs through in a loop or comprehension."""
        for outer in ancestors(node):
            clauses = [outer] if outer.type == "for_statement" else []
            if outer.type.endswith(("comprehension", "generator_expression")):
                clauses = [one for one in outer.named_children if one.type == "for_in_clause"]
            for clause in clauses:
                if text(field(clause, "left")) != name:
                    continue
                values = field(clause, "right")
                if values is not None and values.type == "identifier":
                    values = self.module.value_of(text(values))
                is_list = values is not None and values.type in ("list", "tuple", "set")
                return values.named_children if is_list and values is not None else []
        return []


def _default_at(shown: list[tuple[str, Node | None]], key: str, default: str) -> int | None:
    """Which parameter is the default: the one that is given on, else the one so named."""
    names = [name for name, _ in shown]
    if default in names:
        return names.index(default)
    return next((i for i, name in enumerate(names) if name != key and _DEFAULT.search(name)), None)


def _is_written(node: Node) -> bool:
    parent = node.parent
    if parent is None:
        return False
    if parent.type in ("assignment", "augmented_assignment"):
        return field(parent, "left") == node
    return parent.type == "delete_statement" or (
        parent.type == "expression_list" and around(node, "delete_statement") is not None
    )
