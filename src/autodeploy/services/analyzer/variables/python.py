"""Reads of environment variables in Python, by its own parser."""

import ast
from collections.abc import Iterator

from autodeploy.services.analyzer.evidence import clean
from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.reads import Read

# A file without any of these words reads no variable; parsing is what costs.
MARKS = ("environ", "getenv", "BaseSettings", "dj_database_url")

_CONVERSIONS = {"int": VariableType.INTEGER, "bool": VariableType.BOOLEAN}
_ANNOTATIONS = {
    "int": VariableType.INTEGER,
    "bool": VariableType.BOOLEAN,
    "PostgresDsn": VariableType.DATABASE_CONNECTION,
    "MySQLDsn": VariableType.DATABASE_CONNECTION,
    "AnyUrl": VariableType.URL,
    "HttpUrl": VariableType.URL,
    "AnyHttpUrl": VariableType.URL,
    "RedisDsn": VariableType.URL,
}


def find_reads(text: str, file: str) -> list[Read]:
    """All reads in a module; a module that does not parse holds none that can be known."""
    if not any(mark in text for mark in MARKS):
        return []
    try:
        module = ast.parse(text)
        return list(_Module(module, file).reads())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


class _Module:
    """The names of one module that stand for ``os``, ``os.environ``, ``os.getenv`` and keys."""

    def __init__(self, module: ast.Module, file: str):
        self.module, self.file = module, file
        self.os_names, self.environ_names, self.getenv_names = {"os"}, set[str](), set[str]()
        self.database_url_names = set[str]()
        self.constants: dict[str, str] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(module):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
            self._learn(node)
        self.demanded = set(_demanded(module))

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            self.os_names |= {a.asname or a.name for a in node.names if a.name == "os"}
            self.database_url_names |= {
                f"{a.asname or a.name}.config" for a in node.names if a.name == "dj_database_url"
            }
        elif isinstance(node, ast.ImportFrom) and node.module == "dj_database_url":
            named = (a.asname or a.name for a in node.names if a.name == "config")
            self.database_url_names.update(named)
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name == "environ":
                    self.environ_names.add(alias.asname or alias.name)
                elif alias.name == "getenv":
                    self.getenv_names.add(alias.asname or alias.name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                self.constants[node.targets[0].id] = node.value.value
            elif self._is_environ(node.value):
                self.environ_names.add(node.targets[0].id)

    def reads(self) -> Iterator[Read]:
        for node in ast.walk(self.module):
            if isinstance(node, ast.Subscript) and self._is_environ(node.value):
                yield from self._subscript(node)
            elif isinstance(node, ast.Call):
                yield from self._call(node)
                yield from self._database_url(node)
            elif isinstance(node, ast.Compare):
                yield from self._membership(node)
            elif isinstance(node, ast.ClassDef):
                yield from self._settings(node)

    def _is_environ(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute):
            return (
                node.attr == "environ"
                and isinstance(node.value, ast.Name)
                and node.value.id in self.os_names
            )
        return isinstance(node, ast.Name) and node.id in self.environ_names

    def _is_getenv(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return function.id in self.getenv_names
        if not isinstance(function, ast.Attribute):
            return False
        if function.attr == "getenv":
            return isinstance(function.value, ast.Name) and function.value.id in self.os_names
        return function.attr in ("get", "pop") and self._is_environ(function.value)

    def _key(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return self.constants.get(node.id) if isinstance(node, ast.Name) else None

    def _subscript(self, node: ast.Subscript) -> Iterator[Read]:
        key = self._key(node.slice)
        if key and isinstance(node.ctx, ast.Load):
            required = not self._is_caught(node)
            yield Read(key, self.file, node.lineno, required, type=self._conversion(node))

    def _call(self, node: ast.Call) -> Iterator[Read]:
        if not node.args or not self._is_getenv(node.func):
            return
        key = self._key(node.args[0])
        if not key:
            return
        given = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "default")]
        default = _text(given[0]) if given else self._alternative(node)
        is_given = bool(given) or default is not None
        yield Read(
            key,
            self.file,
            node.lineno,
            required=not is_given and self._is_demanded(node),
            default=default,
            has_default=is_given,
            type=self._conversion(node) or (_type_of(given[0]) if given else None),
        )

    def _database_url(self, node: ast.Call) -> Iterator[Read]:
        """``dj_database_url.config()`` reads DATABASE_URL unless told another
        (https://github.com/jazzband/dj-database-url, November 2026)."""
        names = self.database_url_names
        if not names or ast.unparse(node.func) not in names:
            return
        given = {word.arg: word.value for word in node.keywords}
        given |= dict(zip(("env", "default"), node.args, strict=False))
        key = self._key(given["env"]) if "env" in given else "DATABASE_URL"
        default = given.get("default")
        if key:
            yield Read(
                key,
                self.file,
                node.lineno,
                default=_text(default) if default else None,
                has_default=default is not None,
                type=VariableType.DATABASE_CONNECTION,
            )

    def _membership(self, node: ast.Compare) -> Iterator[Read]:
        if len(node.comparators) == 1 and self._is_environ(node.comparators[0]):
            key = self._key(node.left)
            if key:
                yield Read(key, self.file, node.lineno)

    def _is_caught(self, node: ast.AST) -> bool:
        """Whether a missing key is handled around the read."""
        child, parent = node, self.parents.get(node)
        while parent is not None:
            if isinstance(parent, ast.Try) and child in parent.body:
                caught = ast.dump(ast.Module(parent.handlers, []))  # type: ignore[arg-type]
                return "KeyError" in caught or "'Exception'" in caught
            child, parent = parent, self.parents.get(parent)
        return False

    def _is_demanded(self, node: ast.Call) -> bool:
        """Whether the code fails on None: it uses it at once, converts it, or raises later."""
        parent = self.parents.get(node)
        if isinstance(parent, ast.Attribute):
            return True
        if isinstance(parent, ast.Call) and _name(parent.func) in ("int", "float"):
            return True
        if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
            return parent.targets[0].id in self.demanded
        return False

    def _alternative(self, node: ast.Call) -> str | None:
        """The text after ``or``: ``os.getenv("X") or "fallback"``."""
        parent = self.parents.get(node)
        if isinstance(parent, ast.BoolOp) and isinstance(parent.op, ast.Or):
            return _text(parent.values[-1])
        return None

    def _conversion(self, node: ast.expr) -> VariableType | None:
        parent = self.parents.get(node)
        return _CONVERSIONS.get(_name(parent.func) or "") if isinstance(parent, ast.Call) else None

    def _settings(self, node: ast.ClassDef) -> Iterator[Read]:
        """The fields of a pydantic settings class, each a variable under the class's prefix."""
        if not any((_name(base) or "").endswith("BaseSettings") for base in node.bases):
            return
        prefix = _prefix(node)
        for field in node.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            if field.target.id == "model_config" or field.target.id.startswith("_"):
                continue
            alias, default, has_default = _field(field.value)
            annotation = ast.unparse(field.annotation)
            optional = has_default or "None" in annotation or "Optional" in annotation
            yield Read(
                alias or f"{prefix}{field.target.id}".upper(),
                self.file,
                field.lineno,
                required=not optional,
                default=default,
                has_default=has_default,
                type=next((t for n, t in _ANNOTATIONS.items() if n == annotation.split(" |")[0]),
                          None),
            )  # fmt: skip


def _demanded(module: ast.Module) -> Iterator[str]:
    """Names whose absence raises: ``if not x: raise``, ``if x is None: raise``, ``assert x``."""
    for node in ast.walk(module):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Name):
            yield node.test.id
        if isinstance(node, ast.If) and any(isinstance(line, ast.Raise) for line in node.body):
            test = node.test
            if isinstance(test, ast.UnaryOp) and isinstance(test.operand, ast.Name):
                yield test.operand.id
            if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name):
                yield test.left.id


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and node.value is not None:
        return clean(str(node.value))
    return None


def _type_of(node: ast.expr) -> VariableType | None:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool):
        return VariableType.BOOLEAN
    return VariableType.INTEGER if isinstance(value, int) else None


def _prefix(node: ast.ClassDef) -> str:
    for child in ast.walk(node):
        if isinstance(child, ast.keyword) and child.arg == "env_prefix":
            return _text(child.value) or ""
        if isinstance(child, ast.Assign) and _name(child.targets[0]) == "env_prefix":
            return _text(child.value) or ""
    return ""


def _field(value: ast.expr | None) -> tuple[str | None, str | None, bool]:
    """(name of its own, default, whether there is one) of a settings field."""
    if value is None:
        return None, None, False
    if not (isinstance(value, ast.Call) and _name(value.func) == "Field"):
        return None, _text(value), True
    given = {word.arg: word.value for word in value.keywords}
    alias = next(
        (_text(given[k]) for k in ("validation_alias", "alias", "env") if k in given), None
    )
    default = value.args[0] if value.args else given.get("default")
    if default is None:
        return alias, None, "default_factory" in given
    missing = isinstance(default, ast.Constant) and default.value is Ellipsis
    return alias, None if missing else _text(default), not missing
