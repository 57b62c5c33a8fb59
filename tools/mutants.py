"""What ``mutate_authz`` removes: checks of permission, filters by tenant, and conditions on the
life of a credential or membership. They are found in the source by their form, new ones as well.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SEARCHED = ("services/auth", "services/analyzer", "services/deployer", "services/monitor", "api")
_CHECKS = {
    "require", "require_scope", "require_rank", "_require_scope", "_require_may_delete",
    "get_principal",
}  # fmt: skip
# Files whose every refusal is one of who may do what.
_GATES = {
    "services/auth/permissions.py",
    "services/auth/principal.py",
    "services/auth/authentication.py",
    "services/auth/invitations.py",
    "services/auth/members.py",
    "api/deps.py",
    "api/rest/health.py",
}
# Conditions on a caller's own rows lie in the queries of what acts for callers: all of
# services/auth, and these. Jobs take their ids from our own rows.
_OWN_ROWS = "services/auth/"
_QUERIES = {
    "services/analyzer/store.py",
    "services/deployer/store.py",
    "services/deployer/closing.py",
    "services/deployer/logs.py",
    "api/idempotency.py",
}
_TENANT_COLUMNS = {
    "organization_id", "user_id", "account_id", "project_id", "repository_id", "deployment_id",
    "caller_id",
}  # fmt: skip
_FILTERS = {"covers", "covers_repository"}
_REACH = "services/auth/reach.py"
# The SQL function that finds who holds a credential: whether it lives, and whose places it opens.
_HOLDER_SQL = "migrations/versions/0009_functions.py"
_HOLDER_CONDITION = re.compile(
    r"\w\.revoked_at IS NULL|\w\.joined_at IS NOT NULL|\w\.expires_at > now\(\)"
    r"|m\.user_id = u\.id"
)
# What no request reaches: the operator's command that makes the administrator.
_UNREACHED = {"revoke_tokens_named"}
_TRUE = "__import__('sqlalchemy').true()"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """One change of a file. ``kind`` is ``check``, ``filter`` or ``life``; a ``probe`` adds a note.

    ``path`` is below the package; ``start`` and ``end`` count bytes of the file.
    """

    kind: str
    path: str
    function: str
    line: int
    text: str
    start: int
    end: int
    replacement: str

    @property
    def place(self) -> str:
        return f"{self.path}:{self.function}"

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line} {self.text}"


def find_mutants(source: Path) -> list[Mutant]:
    """Every change that the tests have to notice. ``source`` is the folder of the package."""
    mutants = [mutant for finder in _finders(source) for mutant in finder.find()]
    return [*mutants, *_find_in_sql(source)]


def find_probes(source: Path) -> list[Mutant]:
    """Changes by which each function that holds a mutant notes that it is called."""
    return [probe for finder in _finders(source) for probe in finder.find_probes()]


def _finders(source: Path) -> Iterator["_Finder"]:
    for folder in _SEARCHED:
        for path in sorted((source / folder).rglob("*.py")):
            yield _Finder(source, path)


def _find_in_sql(source: Path) -> Iterator[Mutant]:
    """Each condition in SQL; no test calls it by name, so all of them run."""
    text = (source / _HOLDER_SQL).read_text()
    for found in _HOLDER_CONDITION.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Mutant(
            "life", _HOLDER_SQL, "", line, found.group(), found.start(), found.end(), "true"
        )


class _Finder:
    """The mutants of one file."""

    def __init__(self, source: Path, path: Path):
        self._name = path.relative_to(source).as_posix()
        self._is_query = self._name.startswith(_OWN_ROWS) or self._name in _QUERIES
        self._function = ""
        self._source = path.read_text()
        lines = self._source.splitlines(keepends=True)
        self._offsets = [0]
        for line in lines:
            self._offsets.append(self._offsets[-1] + len(line.encode()))
        self._tree = ast.parse(self._source)
        self._functions = [each for each in ast.walk(self._tree) if isinstance(each, _FUNCTIONS)]

    def find_probes(self) -> Iterator[Mutant]:
        places = {mutant.function: mutant.place for mutant in self.find()}
        for function in self._functions:
            if function.name in places:
                first = function.body[1 if ast.get_docstring(function) else 0]
                start, indent = self._offset(first.lineno, first.col_offset), " " * first.col_offset
                note = f"__import__('tools.called').called.note({places[function.name]!r})"
                yield Mutant(
                    "probe", self._name, function.name, first.lineno, note, start, start,
                    f"{note}\n{indent}",
                )  # fmt: skip

    def find(self) -> Iterator[Mutant]:
        inside = {id(node): each.name for each in self._functions for node in ast.walk(each)}
        for node in ast.walk(self._tree):
            self._function = inside.get(id(node), "")
            if self._function and self._function not in _UNREACHED:
                yield from self._checks(node)
                yield from self._conditions(node)

    def _checks(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Expr) and _named(_awaited(node.value)) in _CHECKS:
            yield self._mutant("check", node, "pass")
        elif isinstance(node, ast.Call) and _called(node) == "reach_of":
            yield self._mutant("check", node, "principal.reach")
        elif isinstance(node, ast.If) and self._refuses(node):
            yield self._mutant("check", node.test, "False")

    def _refuses(self, node: ast.If) -> bool:
        """Whether it turns away: in a gate by raising, elsewhere whoever is not the user meant."""
        if self._name in _GATES and isinstance(node.body[-1], ast.Raise):
            return True
        return any(_tells_from_caller(each) for each in ast.walk(node.test))

    def _conditions(self, node: ast.AST) -> Iterator[Mutant]:
        if not isinstance(node, ast.expr):
            return
        called = _called(node)
        if called in _FILTERS or (called == "in_" and self._name == _REACH):
            yield self._mutant("filter", node, _TRUE)
        elif called == "within":
            yield self._mutant("filter", node, "principal.reach")
        elif self._is_query and _names_tenant(node):
            yield self._mutant("filter", node, _TRUE)
        elif _asks_for_joined(node):
            yield self._mutant("life", node, _TRUE)

    def _mutant(self, kind: str, node: ast.expr | ast.stmt, replacement: str) -> Mutant:
        assert node.end_lineno is not None and node.end_col_offset is not None
        text = " ".join((ast.get_source_segment(self._source, node) or "").split())
        return Mutant(
            kind,
            self._name,
            self._function,
            node.lineno,
            text[:100],
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
            replacement,
        )

    def _offset(self, line: int, column: int) -> int:
        return self._offsets[line - 1] + column


def _called(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def _named(node: ast.AST) -> str | None:
    """The function that is called by its plain name: methods of the same name are others."""
    is_plain = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return _called(node) if is_plain else None


def _awaited(node: ast.AST) -> ast.AST:
    return node.value if isinstance(node, ast.Await) else node


def _tells_from_caller(node: ast.AST) -> bool:
    """``… != principal.user_id``, either way round."""
    if not (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotEq)):
        return False
    return "principal.user_id" in {ast.unparse(node.left), ast.unparse(node.comparators[0])}


def _names_tenant(node: ast.expr) -> bool:
    """``Model.tenant_column == value`` or ``….in_(values)``; between two columns it is a join."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
        return _is_tenant_column(node.left) and not _is_column(node.comparators[0])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr == "in_" and _is_tenant_column(node.func.value)
    return False


def _is_tenant_column(node: ast.expr) -> bool:
    return _is_column(node) and isinstance(node, ast.Attribute) and node.attr in _TENANT_COLUMNS


def _is_column(node: ast.expr) -> bool:
    """``Model.column`` or ``table.c.column``."""
    if not isinstance(node, ast.Attribute):
        return False
    if isinstance(node.value, ast.Attribute):
        return node.value.attr == "c"
    return isinstance(node.value, ast.Name) and node.value.id[0].isupper()


def _asks_for_joined(node: ast.expr) -> bool:
    """Whether it is the condition that a membership was joined, in full or by its short name."""
    if isinstance(node, ast.Name):
        return node.id == "_JOINED"
    return ast.unparse(node) == "OrganizationMember.joined_at.is_not(None)"
