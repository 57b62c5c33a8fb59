"""Libraries that read the environment for Python: environs, decouple, django-environ and such.

A library is a record: the class or function that its module gives, and how calls of it (or of
its instances) name variables. ``CONNECTIONS`` are readers that know a name when none is given.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as has_field

from tree_sitter import Node

from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.python.demands import CONVERSIONS, type_of
from autodeploy.services.analyzer.variables.python.findings import Findings
from autodeploy.services.analyzer.variables.python.module import given, is_none, plain
from autodeploy.services.analyzer.variables.source import ancestors, field, text

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Library:
    """``reader`` makes instances when called, or is itself what reads (``is_reader``); ``makers``
    are functions of it that make them too.

    ``methods``: instances also read by methods named for types. ``by_keyword``: the variables
    are the names of arguments given to ``reader``. ``prefix``: the argument that holds one.
    ``upper``: names are written in any case. ``known``: methods that know a name themselves.
    """

    modules: tuple[str, ...]
    reader: str
    is_reader: bool = False
    methods: bool = False
    by_keyword: bool = False
    prefix: str | None = None
    upper: bool = False
    makers: tuple[str, ...] = ()
    known: Mapping[str, str] = has_field(default_factory=dict)


LIBRARIES = (
    # https://github.com/sloria/environs (2026-11)
    Library(("environs",), "Env", methods=True, prefix="prefix"),
    Library(("environs",), "FileAwareEnv", methods=True),
    Library(("environs",), "env", is_reader=True, methods=True),
    # https://django-environ.readthedocs.io/en/latest/types.html (2026-11)
    Library(("environ", "django_environ"), "Env", methods=True, by_keyword=True, known={
        "db": "DATABASE_URL", "db_url": "DATABASE_URL", "cache": "CACHE_URL",
        "cache_url": "CACHE_URL", "email": "EMAIL_URL", "email_url": "EMAIL_URL",
        "search_url": "SEARCH_URL", "channels": "CHANNELS_URL",
    }),
    Library(("environ",), "FileAwareEnv", methods=True, by_keyword=True),
    # https://github.com/HBNetwork/python-decouple (2026-11)
    Library(("decouple",), "config", is_reader=True),
    Library(("decouple",), "Config"),
    Library(("decouple",), "AutoConfig"),
    # https://www.starlette.io/config/ (2026-11)
    Library(("starlette.config",), "Config", methods=True, prefix="env_prefix"),
    # https://everett.readthedocs.io (2026-11)
    Library(("everett.manager", "everett"), "ConfigManager", upper=True,
            makers=("basic_config", "from_dict")),
    # https://github.com/rconradharris/envparse (2026-11)
    Library(("envparse",), "env", is_reader=True, methods=True),
    Library(("envparse",), "Env", methods=True),
    # https://github.com/osantana/prettyconf (2026-11)
    Library(("prettyconf",), "config", is_reader=True, methods=True, upper=True),
)  # fmt: skip

# https://github.com/jazzband/dj-database-url and its like: the name when none is given (2026-11).
CONNECTIONS = {
    ("dj_database_url", "config"): ("DATABASE_URL", VariableType.DATABASE_CONNECTION),
    ("django_cache_url", "config"): ("CACHE_URL", VariableType.URL),
    ("dj_email_url", "config"): ("EMAIL_URL", VariableType.URL),
}

# Arguments of click, typer, configargparse and others that name variables.
KEYWORDS = ("envvar", "env_var", "show_envvar_name", "environ_name")

_NOT_READING = frozenset(
    {"read_env", "prefixed", "seal", "dump", "add_parser", "parser_for", "unprefixed", "parse",
     "read_envfile", "parse_value", "get_value_type"}
)  # fmt: skip
_TYPES = {
    **CONVERSIONS,
    "integer": VariableType.INTEGER, "boolean": VariableType.BOOLEAN, "url": VariableType.URL,
    "str": None, "db": VariableType.DATABASE_CONNECTION, "db_url": VariableType.DATABASE_CONNECTION,
    "dj_db_url": VariableType.DATABASE_CONNECTION, "Secret": None, "URL": VariableType.URL,
    "cache": VariableType.URL, "cache_url": VariableType.URL, "email_url": VariableType.URL,
}  # fmt: skip


class Libraries:
    """One module's uses of the libraries."""

    def __init__(self, findings: Findings):
        self.found = findings
        self.module = findings.module

    def search(self) -> None:
        for library in LIBRARIES:
            for owner in library.modules:
                for local in self.module.local_names(owner, library.reader):
                    self._used(local, library, owner)
                for local in self.module.local_names(owner):
                    self._used(f"{local}.{library.reader}", library, owner)
        for (owner, function), (key, kind) in CONNECTIONS.items():
            names = self.module.local_names(owner, function)
            names += [f"{local}.{function}" for local in self.module.local_names(owner)]
            for name in names:
                for call in self._calls(name):
                    self._connection(call, key, kind)
        for keyword in KEYWORDS:
            self._keyword(keyword)

    def instance(self, name: str, library: Library, prefix: str = "") -> None:
        """The variables that calls of an instance, by this name, read."""
        for node in self.module.names(name):
            parent = node.parent
            if parent is None:
                continue
            if parent.type == "call" and field(parent, "function") == node:
                self._call(parent, library, "", prefix)
            elif (
                parent.type == "attribute"
                and field(parent, "object") == node
                and parent.parent is not None
            ):
                method, call = text(field(parent, "attribute")), parent.parent
                called = call.type == "call" and field(call, "function") == parent
                if called and (library.methods or method == "get") and method not in _NOT_READING:
                    self._call(call, library, method, prefix)

    def _used(self, name: str, library: Library, owner: str) -> None:
        if library.is_reader:
            self.instance(name, library)
            return
        makers = [name, *(f"{name}.{maker}" for maker in library.makers)]
        for call in (call for maker in makers for call in self._calls(maker)):
            _, named = given(call)
            if library.by_keyword:
                for key, value in named.items():
                    self._scheme(key, value)
            prefix = self.module.string(named.get(library.prefix or "")) or ""
            holder = call.parent
            if holder is not None and holder.type == "assignment":
                local = text(field(holder, "left"))
                self.instance(local.rpartition(".")[2], library, prefix)
                self.found.instances[local] = f"{owner}:{library.reader}"

    def _calls(self, name: str) -> Iterator[Node]:
        for node in self.module.names(name.rpartition(".")[2]):
            function = node.parent if "." in name else node
            call = function.parent if function is not None else None
            is_called = call is not None and field(call, "function") == function
            if call is not None and is_called and text(function) == name:
                yield call

    def _call(self, call: Node, library: Library, method: str, prefix: str) -> None:
        positional, named = given(call)
        key_node = positional[0] if positional else named.get("var") or named.get("name")
        key = self.module.key(key_node) if key_node is not None else library.known.get(method)
        if key is None or not _KEY.fullmatch(key):
            return
        if library.upper:
            key = key.upper()
        place = 2 if library.reader == "Config" and library.prefix else 1
        default = named.get("default", positional[place] if len(positional) > place else None)
        cast = named.get("cast") or (positional[1] if place == 2 and len(positional) > 1 else None)
        kind = _TYPES.get(method) or _TYPES.get(text(cast)) or type_of(default)
        has_default = default is not None
        self.found.add(
            f"{prefix}{self._outer_prefix(call)}{key}",
            call,
            required=not has_default,
            reason="has a default" if has_default else "read without a default",
            default=None if is_none(default) else plain(default),
            has_default=has_default,
            kind=kind,
            description=self.module.string(named.get("help_text") or named.get("doc")),
            secret=text(cast) == "Secret",
        )

    def _outer_prefix(self, call: Node) -> str:
        """The prefixes of the ``with env.prefixed("APP_"):`` blocks around a call."""
        found = ""
        for outer in ancestors(call) if b".prefixed(" in self.module.bytes else ():
            if outer.type != "with_statement":
                continue
            head = text(outer).split("\n")[0]
            named = re.search(r"\.prefixed\(\s*['\"](\w+)['\"]", head)
            found = f"{named.group(1)}{found}" if named else found
        return found

    def _scheme(self, key: str, value: Node) -> None:
        """``Env(DEBUG=(bool, False), NAME=str)``: a type, or one with a default."""
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", key):
            return
        parts = value.named_children if value.type == "tuple" else [value]
        default = parts[1] if len(parts) > 1 else None
        self.found.add(
            key, value, required=False,
            reason="has a default" if default is not None else "declared with a type",
            default=plain(default), has_default=default is not None,
            kind=_TYPES.get(text(parts[0])) if parts else None,
        )  # fmt: skip

    def _connection(self, call: Node, known: str, kind: VariableType) -> None:
        positional, named = given(call)
        named = {**dict(zip(("env", "default"), positional, strict=False)), **named}
        key = self.module.key(named["env"]) if "env" in named else known
        default = named.get("default")
        if key is not None:
            self.found.add(
                key, call, required=False, default=plain(default), has_default=default is not None,
                kind=kind, reason="has a default" if default is not None
                else "read, and nothing fails at once without it",
            )  # fmt: skip

    def _keyword(self, keyword: str) -> None:
        """``option(…, envvar="KEY")``: an option of the command line that a variable may give."""
        for node in self.module.names(keyword):
            argument = node.parent
            if (
                argument is None
                or argument.type != "keyword_argument"
                or field(argument, "name") != node
            ):
                continue
            value, call = field(argument, "value"), argument.parent
            is_list = value is not None and value.type in ("list", "tuple")
            _, named = (
                given(call.parent) if call is not None and call.parent is not None else ([], {})
            )
            for one in value.named_children if is_list and value is not None else [value]:
                key = self.module.key(one)
                if key is not None and _KEY.fullmatch(key):
                    default = named.get("default")
                    self.found.add(
                        key, node, required=False, default=plain(default),
                        has_default=default is not None, kind=type_of(default),
                        reason="may be given on the command line",
                        description=self.module.string(named.get("help")),
                    )  # fmt: skip


def library_of(name: str) -> Library | None:
    """The library of an instance that another module made."""
    owner, _, reader = name.partition(":")
    return next((one for one in LIBRARIES if owner in one.modules and one.reader == reader), None)
