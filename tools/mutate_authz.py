"""Remove each check of permission and each filter by tenant in turn; the tests must notice.

``python -m tools.mutate_authz [--json] [--only TEXT]``. A mutant is one change of the source, made
on a temporary copy. Checks are removed with everything else in place; filters with row-level
security off, which would hide what they let through. At last all filters are removed at once with
row-level security on: then no row of another tenant may be seen. The answers are kept in
``.mutate-authz.json`` as long as source and tests stay as they are, so that a run that was
interrupted goes on. Ends with 1 when a mutant was not noticed.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "autodeploy"
STATE = ROOT / ".mutate-authz.json"
# The matrix, and what takes accounts through passwords, codes and links, which it does not.
SUITE = (
    "tests/api/tenancy",
    "tests/services/auth/test_account_store.py",
    "tests/services/auth/test_addresses.py",
    "tests/services/auth/test_invitations.py",
    "tests/services/auth/test_organizations.py",
    "tests/services/auth/test_password_changes.py",
    "tests/services/auth/test_second_factor.py",
    "tests/services/auth/test_sessions.py",
)
TIMEOUT_SECONDS = 900

_SEARCHED = ("services/auth", "services/analyzer", "services/deployer", "services/monitor", "api")
_CHECKS = {"require", "require_scope", "require_rank", "_require_scope", "_require_may_delete"}
_FILTERS = {"covers", "covers_repository"}
_TENANT_COLUMNS = {"organization_id", "user_id", "project_id", "caller_id"}
_LIFE_COLUMNS = {"revoked_at", "expires_at", "joined_at"}
# Files whose every refusal is one of permission.
_GATES = {
    "services/auth/permissions.py",
    "services/auth/principal.py",
    "services/auth/authentication.py",
    "api/deps.py",
    "api/rest/health.py",
}
# Where a membership is found to be alive, and the SQL function that finds credentials to be.
_LIVING = {"list_places", "list_memberships"}
_LIVING_SQL = "migrations/versions/0009_functions.py"
_LIFE_SQL = re.compile(r"\w\.revoked_at IS NULL|\w\.joined_at IS NOT NULL|\w\.expires_at > now\(\)")
# What no request reaches: the operator's command that makes the administrator.
_UNREACHED = {"revoke_tokens_named"}
# Conditions on the caller's own rows lie in the queries of stores and of what has no store.
_QUERIES = ("store.py", "project_limits.py", "idempotency.py")


@dataclass(frozen=True)
class Mutant:
    """One change: ``kind`` is ``check``, ``filter`` or ``life`` (of a credential)."""

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


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant."""

    mutant: str
    kind: str
    noticed: bool
    seconds: float
    by: str


def find_mutants() -> list[Mutant]:
    """Every change that the matrix has to notice."""
    files = (path for folder in _SEARCHED for path in sorted((SOURCE / folder).rglob("*.py")))
    mutants = [mutant for path in files for mutant in _Finder(path).find()]
    return [*mutants, *_find_in_sql()]


def _find_in_sql() -> Iterator[Mutant]:
    """Each condition of life in SQL; no test calls it by name, so all of them run."""
    source = (SOURCE / _LIVING_SQL).read_text()
    for found in _LIFE_SQL.finditer(source):
        line = source.count("\n", 0, found.start()) + 1
        yield Mutant(
            "life", _LIVING_SQL, "", line, found.group(), found.start(), found.end(), "true"
        )


class _Finder:
    """The mutants of one file."""

    def __init__(self, path: Path):
        self._path = path
        self._name = path.relative_to(SOURCE).as_posix()
        self._function = ""
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
            self._function = inside.get(id(node), "")
            if self._function not in _UNREACHED:
                yield from self._checks(node)
                yield from self._conditions(node)

    def _checks(self, node: ast.AST) -> Iterator[Mutant]:
        if isinstance(node, ast.Expr) and _named(_awaited(node.value)) in _CHECKS:
            yield self._mutant("check", node, "pass")
        elif _called(node) == "reach_of":
            yield self._mutant("check", node, "principal.reach")
        elif isinstance(node, ast.If) and self._name in _GATES and _only_raises(node.body):
            yield self._mutant("check", node.test, "False")

    def _conditions(self, node: ast.AST) -> Iterator[Mutant]:
        if _called(node) in _FILTERS:
            yield self._mutant("filter", node, _TRUE)
        elif isinstance(node, ast.Call | ast.Tuple):
            elements = node.args if isinstance(node, ast.Call) else node.elts
            if isinstance(node, ast.Call) and _called(node) != "where":
                return
            for element in elements:
                if self._name.endswith(_QUERIES) and _compares(element, _TENANT_COLUMNS):
                    yield self._mutant("filter", element, _TRUE)
                elif self._function in _LIVING and _columns(element) & _LIFE_COLUMNS:
                    yield self._mutant("life", element, _TRUE)

    def _mutant(self, kind: str, node: ast.AST, replacement: str) -> Mutant:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None and node.end_col_offset is not None
        text = " ".join((ast.get_source_segment(self._source, node) or "").split())
        return Mutant(
            kind,
            self._name,
            self._function,
            node.lineno,
            text[:100],
            self._offsets[node.lineno - 1] + node.col_offset,
            self._offsets[node.end_lineno - 1] + node.end_col_offset,
            replacement,
        )


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_TRUE = "__import__('sqlalchemy').true()"


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


def _only_raises(body: list[ast.stmt]) -> bool:
    return len(body) == 1 and isinstance(body[0], ast.Raise)


def _columns(node: ast.AST) -> set[str]:
    return {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}


def _compares(node: ast.AST, columns: set[str]) -> bool:
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Attribute)
        and node.left.attr in columns
        and isinstance(node.ops[0], ast.Eq)
    )


class Workshop:
    """A copy of the project, in which mutants are made and the matrix is run."""

    def __init__(self, folder: Path):
        self._folder = folder
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("tests", "tools", "docs", "pyproject.toml"):
            (folder / name).symlink_to(ROOT / name)
        self._called_file = folder / "called.json"

    def run_baseline(self) -> tuple[Outcome, dict[str, list[str]]]:
        """Run the matrix without a mutant: how it ends, and the functions that each test calls."""
        outcome = self.run([], row_security=True, more=["-p", "tools.called"])
        return outcome, json.loads(self._called_file.read_text())

    def run(
        self, mutants: Iterable[Mutant], *, row_security: bool, more: Sequence[str] = ()
    ) -> Outcome:
        """Apply the mutants, run the matrix until its first failure, and take them back.

        ``more`` are arguments of pytest; names of tests among them are run in its place.
        """
        changed = list(mutants)
        paths = {mutant.path for mutant in changed}
        for path in paths:
            self._write(path, [each for each in changed if each.path == path])
        started = time.monotonic()
        try:
            code, by = self._test(row_security=row_security, more=more)
        finally:
            for path in paths:
                self._write(path, [])
        name = changed[0].name if len(changed) == 1 else f"{len(changed)} filters at once"
        kind = changed[0].kind if changed else "none"
        return Outcome(name, kind, code != 0, round(time.monotonic() - started, 1), by)

    def _write(self, path: str, mutants: list[Mutant]) -> None:
        data = (SOURCE / path).read_bytes()
        for mutant in sorted(mutants, key=lambda each: -each.start):
            data = data[: mutant.start] + mutant.replacement.encode() + data[mutant.end :]
        (self._folder / "src" / "autodeploy" / path).write_bytes(data)

    def _test(self, *, row_security: bool, more: Sequence[str]) -> tuple[int, str]:
        what = () if any("::" in each for each in more) else SUITE
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "--tb=line", *what]
        environment = {
            **os.environ,
            "PYTHONPATH": f"{self._folder / 'src'}:{self._folder}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "CALLED_FILE": str(self._called_file),
            "AUTODEPLOY_TEST_ROW_SECURITY": "on" if row_security else "off",
        }
        try:
            done = subprocess.run(
                [*command, "-p", "no:cacheprovider", *more],
                cwd=self._folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 1, "no answer in time"
        if done.returncode not in (0, 1):
            raise SystemExit(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return done.returncode, failed[0].split("::")[-1].split(" - ")[0] if failed else ""


def main() -> None:
    """Run what was not run before, print the table, and end with 1 if a mutant was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", default="", help="mutants whose name holds this text")
    arguments = parser.parse_args()
    mutants = [each for each in find_mutants() if arguments.only in each.name]
    known, called = _load()
    with tempfile.TemporaryDirectory(prefix="mutate-authz-") as folder:
        workshop = Workshop(Path(folder))
        if not called:
            baseline, called = workshop.run_baseline()
            if baseline.noticed:
                raise SystemExit(f"The matrix fails without a mutant: {baseline.by}")
            _keep(known, called)
        for number, mutant in enumerate(mutants, 1):
            if mutant.name not in known:
                tests = [test for test, functions in called.items() if mutant.place in functions]
                known[mutant.name] = workshop.run(
                    [mutant], row_security=mutant.kind != "filter", more=tests
                )
                _keep(known, called)
            _tell(f"{number}/{len(mutants)}", known[mutant.name])
        filters = [each for each in mutants if each.kind == "filter"]
        for row_security, name in ((False, "all filters"), (True, "row security alone")):
            if name not in known and filters:
                more = ("-k", "test_nothing_of_another_tenant_is_shown")
                known[name] = workshop.run(filters, row_security=row_security, more=more)
                _keep(known, called)
    _report(known, mutants, as_json=arguments.json)


def _report(known: dict[str, Outcome], mutants: list[Mutant], *, as_json: bool) -> None:
    missed = [each.name for each in mutants if not known[each.name].noticed]
    counts = {
        kind: sum(each.kind == kind for each in mutants) for kind in ("check", "filter", "life")
    }
    answer = {
        "mutants": len(mutants),
        **counts,
        "noticed": len(mutants) - len(missed),
        "missed": missed,
        "all_filters_noticed_without_row_security": known["all filters"].noticed,
        "rows_shown_with_row_security_alone": known["row security alone"].noticed,
        "seconds": round(sum(each.seconds for each in known.values())),
    }
    if as_json:
        print(json.dumps({**answer, "outcomes": [asdict(known[each.name]) for each in mutants]}))
    else:
        for name, value in answer.items():
            print(f"{name:45} {value}")
    holds = not missed and known["all filters"].noticed
    raise SystemExit(0 if holds and not known["row security alone"].noticed else 1)


def _tell(place: str, outcome: Outcome) -> None:
    verdict = "noticed" if outcome.noticed else "MISSED"
    print(f"{place:>8} {verdict} {outcome.seconds:6.1f} s {outcome.mutant}", file=sys.stderr)


def _digest() -> str:
    """Of all that decides the answers."""
    content = hashlib.sha256()
    for folder in (SOURCE, ROOT / "tests" / "api", ROOT / "tests" / "services" / "auth"):
        for path in sorted(folder.rglob("*.py")):
            content.update(path.read_bytes())
    return content.hexdigest()


def _load() -> tuple[dict[str, Outcome], dict[str, list[str]]]:
    """What was found before, and the functions that each test calls."""
    kept = json.loads(STATE.read_text()) if STATE.exists() else {}
    if kept.get("digest") != _digest():
        return {}, {}
    known = {name: Outcome(**outcome) for name, outcome in kept["outcomes"].items()}
    return known, kept["called"]


def _keep(known: dict[str, Outcome], called: dict[str, list[str]]) -> None:
    outcomes = {each: asdict(value) for each, value in known.items()}
    STATE.write_text(json.dumps({"digest": _digest(), "outcomes": outcomes, "called": called}))


if __name__ == "__main__":
    main()
