"""What ``mutate_authz`` removes: checks of permission, filters by tenant, and conditions on the
life of a credential or membership. They are found in the source by their form, new ones as well.

``switched`` makes a source that holds all mutants at once: at each place it asks ``is_on`` for the
mutant's name. So everything is imported once for all of them.
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator
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
# No request reaches the operator's command that makes the administrator, and what is outside of
# functions is not a condition yet.
_OUTSIDE = ""
_SKIPPED = {_OUTSIDE, "revoke_tokens_named"}
_TRUE = "__import__('sqlalchemy').true()"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Mutant:
    """One change of a file.

    ``kind`` is ``check``, ``own`` (a check that somebody means the own account), ``filter`` or
    ``life``. ``path`` is below the package; ``start`` and ``end`` count bytes of the file. The
    replacement is an expression of Python.
    """

    kind: str
    path: str
    line: int
    text: str
    start: int
    end: int
    replacement: str

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line} {self.text}"

    @property
    def is_of_rows(self) -> bool:
        """Whether row-level security would hide what the mutant lets through."""
        return self.kind in ("own", "filter")

    @property
    def in_sql(self) -> bool:
        return self.path == _HOLDER_SQL


_on: frozenset[str] = frozenset()
_reached: set[str] = set()


def switch_on(names: Collection[str]) -> None:
    """Let the mutants of these names be the ones that act."""
    global _on
    _on = frozenset(names)


def is_on(name: str) -> bool:
    """Whether the mutant acts. The source asks when it comes to the mutant's place."""
    _reached.add(name)
    return name in _on


def take_reached() -> set[str]:
    """The names of the mutants whose places were reached since the last call."""
    reached = set(_reached)
    _reached.clear()
    return reached


def find_mutants(source: Path) -> list[Mutant]:
    """Every change that the tests have to notice. ``source`` is the folder of the package."""
    files = (path for folder in _SEARCHED for path in sorted((source / folder).rglob("*.py")))
    mutants = [mutant for path in files for mutant in _Finder(source, path).find()]
    return [*mutants, *_find_in_sql(source)]


def switched(data: bytes, mutants: Iterable[Mutant]) -> bytes:
    """A file with all of its mutants in it, none of which acts before it is switched on."""
    for mutant in sorted(mutants, key=lambda each: -each.start):
        original = data[mutant.start : mutant.end].decode()
        asks = f"__import__('tools.mutants').mutants.is_on({mutant.name!r})"
        if mutant.in_sql:
            text = f'""" + ({mutant.replacement} if {asks} else {original!r}) + """'
        else:
            text = f"({mutant.replacement} if {asks} else ({original}))"
        data = data[: mutant.start] + text.encode() + data[mutant.end :]
    return data


def _find_in_sql(source: Path) -> Iterator[Mutant]:
    """Each condition in the text of the SQL function."""
    text = (source / _HOLDER_SQL).read_text()
    for found in _HOLDER_CONDITION.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Mutant("life", _HOLDER_SQL, line, found.group(), *found.span(), "'true'")


class _Finder:
    """The mutants of one file."""

    def __init__(self, source: Path, path: Path):
        self._name = path.relative_to(source).as_posix()
        self._is_query = self._name.startswith(_OWN_ROWS) or self._name in _QUERIES
        self._source = path.read_text()
        lines = self._source.splitlines(keepends=True)
        self._offsets = [0]
        for line in lines:
            self._offsets.append(self._offsets[-1] + len(line.encode()))

    def find(self) -> Iterator[Mutant]:
        tree = ast.parse(self._source)
        functions = [each for each in ast.walk(tree) if isinstance(each, _FUNCTIONS)]
        inside = {id(node): each.name for each in functions for node in ast.walk(each)}
        for node in ast.walk(tree):
            if inside.get(id(node), _OUTSIDE) not in _SKIPPED:
                yield from self._checks(node)
                yield from self._conditions(node)

    def _checks(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Expr) and _named(_awaited(node.value)) in _CHECKS:
            yield self._mutant("check", node, "None")
        elif isinstance(node, ast.Call) and _called(node) == "reach_of":
            yield self._mutant("check", node, "principal.reach")
        elif isinstance(node, ast.If):
            if any(_tells_from_caller(each) for each in ast.walk(node.test)):
                yield self._mutant("own", node.test, "False")
            elif self._name in _GATES and isinstance(node.body[-1], ast.Raise):
                yield self._mutant("check", node.test, "False")

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
        start = self._offset(node.lineno, node.col_offset)
        end = self._offset(node.end_lineno, node.end_col_offset)
        return Mutant(kind, self._name, node.lineno, text[:100], start, end, replacement)

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
