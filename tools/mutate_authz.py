"""Remove each check of permission and each filter by tenant in turn; the tests must notice.

``python -m tools.mutate_authz [--json] [--only TEXT] [--all-filters]``. A mutant is one change of
the source, made on a copy of the project, and for each only those tests run that call the changed
function. Checks are removed with everything else in place; filters with row-level security off,
which would hide what they let through. At last, or alone with ``--all-filters``, all filters are
removed at once: with row-level security on no row of another tenant may be seen, with it off some
must. The answers are kept in ``.mutate-authz.json`` as long as source and tests stay as they are,
so that a run that was interrupted goes on. Ends with 1 when a mutant was not noticed.
"""

import argparse
import compileall
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.pool import ThreadPool
from pathlib import Path
from py_compile import PycInvalidationMode
from queue import SimpleQueue
from typing import TypeVar

from tools.mutants import Mutant, find_mutants, find_probes

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".mutate-authz.json"
# The matrix, and what takes accounts through what it does not: passwords, codes, links, deletion.
SUITE = (
    "tests/api/tenancy",
    "tests/services/auth",
    "--ignore=tests/services/auth/test_throttle.py",  # asks the clock, which a busy machine slows
    "tests/services/deployer/test_closing.py",
    "tests/api/oauth/test_connections.py",
    "tests/api/test_audit.py",
)
FOREIGN = ("tests/api/tenancy", "-k", "test_nothing_of_another_tenant_is_shown")
SIDE_BY_SIDE = 2
TIMEOUT_SECONDS = 900

_COPIED = ("src", "tests", "tools", "docs", "pyproject.toml")
_ALL_OFF, _ALL_ON = "all filters", "all filters, row-level security on"

#: Checks that no test can miss, since another decides the same; each with the other.
EQUIVALENT: dict[str, str] = {}

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: ``by`` is the test that noticed it."""

    mutant: str
    kind: str
    noticed: bool
    seconds: float
    by: str


class Unusable(Exception):
    """The tests say nothing of a mutant: they do not run, or fail without one."""


class Workshop:
    """A copy of the project, in which mutants are made and tests are run."""

    def __init__(self, folder: Path):
        self._folder = folder
        for name in _COPIED:
            _copy(ROOT / name, folder / name)
        # Compiled once; what is changed later is told by its content and compiled in memory.
        compileall.compile_dir(
            folder / "src", quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH
        )
        self._called_file = folder / "called.json"

    def run_baseline(self, *, row_security: bool) -> dict[str, list[str]]:
        """The functions that each test calls. Raises ``Unusable`` when one fails."""
        originals = self._apply(find_probes(ROOT / "src" / "autodeploy"))
        try:
            by = self._test(SUITE, row_security=row_security, plugins=("-p", "tools.called"))
        finally:
            _restore(originals)
        if by is not None:
            state = "on" if row_security else "off"
            raise Unusable(f"Without a mutant, row-level security {state}, this fails: {by}")
        called: dict[str, list[str]] = json.loads(self._called_file.read_text())
        return called

    def run(
        self, mutants: Sequence[Mutant], tests: Sequence[str], *, row_security: bool
    ) -> Outcome:
        """Apply the mutants, run tests until the first failure, and take the mutants back."""
        started = time.monotonic()
        originals = self._apply(mutants)
        try:
            by = self._test(tests, row_security=row_security) if tests else None
        finally:
            _restore(originals)
        name = mutants[0].name if len(mutants) == 1 else f"{len(mutants)} filters at once"
        seconds = round(time.monotonic() - started, 1)
        return Outcome(name, mutants[0].kind, by is not None, seconds, by or "")

    def _apply(self, mutants: Iterable[Mutant]) -> dict[Path, bytes]:
        """Change the files; their bytes as they were before. The last in a file is made first."""
        originals: dict[Path, bytes] = {}
        for mutant in sorted(mutants, key=lambda each: -each.start):
            path = self._folder / "src" / "autodeploy" / mutant.path
            data = path.read_bytes()
            originals.setdefault(path, data)
            changed = mutant.replacement.encode()
            path.write_bytes(data[: mutant.start] + changed + data[mutant.end :])
        return originals

    def _test(
        self, tests: Sequence[str], *, row_security: bool, plugins: Sequence[str] = ()
    ) -> str | None:
        """The first test that failed; None when all passed."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "--tb=line"]
        environment = {
            **os.environ,
            "PYTHONPATH": f"{self._folder / 'src'}:{self._folder}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "CALLED_FILE": str(self._called_file),
            "AUTODEPLOY_TEST_ROW_SECURITY": "on" if row_security else "off",
        }
        try:
            done = subprocess.run(
                [*command, "-p", "no:cacheprovider", *plugins, *tests],
                cwd=self._folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "no answer in time"
        if done.returncode == 0:
            return None
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if done.returncode != 1 or not failed:
            raise Unusable(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return failed[0].split(" - ")[0]


def _restore(originals: Mapping[Path, bytes]) -> None:
    for path, original in originals.items():
        path.write_bytes(original)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


class Workshops:
    """Some workshops, each of which does one thing at a time."""

    def __init__(self, folder: Path):
        self._free: SimpleQueue[Workshop] = SimpleQueue()
        for number in range(SIDE_BY_SIDE):
            self._free.put(Workshop(folder / str(number)))

    def do(self, tasks: Sequence[Callable[[Workshop], Answer]]) -> Iterator[Answer]:
        """What each task answers, as soon as it does."""
        with ThreadPool(SIDE_BY_SIDE) as pool:
            yield from pool.imap_unordered(self._do, tasks)

    def _do(self, task: Callable[[Workshop], Answer]) -> Answer:
        workshop = self._free.get()
        try:
            return task(workshop)
        finally:
            self._free.put(workshop)


@dataclass
class Findings:
    """What is known so far of one state of source and tests, kept in a file."""

    digest: str
    called: dict[str, list[str]] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    def load(cls) -> "Findings":
        """What was found before, where nothing has changed since."""
        digest = _digest()
        kept = json.loads(STATE.read_text()) if STATE.exists() else {}
        if kept.get("digest") != digest:
            return cls(digest)
        outcomes = {name: Outcome(**outcome) for name, outcome in kept["outcomes"].items()}
        return cls(digest, kept["called"], outcomes)

    def keep(self, name: str, outcome: Outcome) -> None:
        self.outcomes[name] = outcome
        self.save()

    def save(self) -> None:
        STATE.write_text(json.dumps(asdict(self)))

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that reach a mutant; all where it lies in no function."""
        if not mutant.function:
            return list(SUITE)
        return [test for test, places in self.called.items() if mutant.place in places]


def _digest() -> str:
    """Of all that decides the answers."""
    content = hashlib.sha256()
    for folder in ("src/autodeploy", "tests", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            content.update(path.read_bytes())
    return content.hexdigest()


def main() -> None:
    """Run what was not run before, print the table, and end with 1 if a mutant was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", default="", help="mutants whose name holds this text")
    parser.add_argument(
        "--all-filters", action="store_true", help="only remove all filters at once"
    )
    arguments = parser.parse_args()
    started = time.monotonic()
    found = find_mutants(ROOT / "src" / "autodeploy")
    wanted = [each for each in found if arguments.only in each.name and not arguments.all_filters]
    findings = Findings.load()
    try:
        with tempfile.TemporaryDirectory(prefix="mutate-authz-") as folder:
            workshops = Workshops(Path(folder))
            if wanted:
                _run_each(workshops, findings, wanted)
            if not arguments.only:
                _run_all_filters(workshops, findings, found)
    except Unusable as error:
        raise SystemExit(str(error)) from None
    _report(findings, wanted, seconds=time.monotonic() - started, as_json=arguments.json)


def _run_each(workshops: Workshops, findings: Findings, mutants: Sequence[Mutant]) -> None:
    if not findings.called:
        for called in workshops.do([_baseline(row_security=each) for each in (True, False)]):
            findings.called = called
        findings.save()
    missing = [each for each in mutants if each.name not in findings.outcomes]
    tasks = [_trial([each], findings.tests_of(each), each.kind != "filter") for each in missing]
    for number, outcome in enumerate(workshops.do(tasks), len(mutants) - len(missing) + 1):
        findings.keep(outcome.mutant, outcome)
        _tell(f"{number}/{len(mutants)}", outcome)


def _run_all_filters(workshops: Workshops, findings: Findings, mutants: Sequence[Mutant]) -> None:
    filters = [each for each in mutants if each.kind == "filter"]
    for name, row_security in ((_ALL_OFF, False), (_ALL_ON, True)):
        if name not in findings.outcomes:
            (outcome,) = workshops.do([_trial(filters, FOREIGN, row_security)])
            findings.keep(name, outcome)
        _tell(f"security {'on' if row_security else 'off'}", findings.outcomes[name])


def _baseline(*, row_security: bool) -> Callable[[Workshop], dict[str, list[str]]]:
    return lambda workshop: workshop.run_baseline(row_security=row_security)


def _trial(
    mutants: Sequence[Mutant], tests: Sequence[str], row_security: bool
) -> Callable[[Workshop], Outcome]:
    return lambda workshop: workshop.run(mutants, tests, row_security=row_security)


def _report(
    findings: Findings, mutants: Sequence[Mutant], *, seconds: float, as_json: bool
) -> None:
    outcomes = findings.outcomes
    missed = [each.name for each in mutants if not outcomes[each.name].noticed]
    answer = {
        "mutants": len(mutants),
        **{
            kind: sum(each.kind == kind for each in mutants) for kind in ("check", "filter", "life")
        },
        "noticed": len(mutants) - len(missed),
        "missed": missed,
    }
    holds = not missed
    if _ALL_ON in outcomes:
        shown = {name: outcomes[name].noticed for name in (_ALL_OFF, _ALL_ON)}
        answer["shown_without_filters_and_row_security"] = shown[_ALL_OFF]
        answer["shown_without_filters"] = shown[_ALL_ON]
        holds = holds and shown[_ALL_OFF] and not shown[_ALL_ON]
    answer["seconds"] = round(seconds)
    if as_json:
        print(json.dumps({**answer, "outcomes": [asdict(each) for each in outcomes.values()]}))
    else:
        for name, value in answer.items():
            print(f"{name:40} {value}")
    raise SystemExit(0 if holds else 1)


def _tell(place: str, outcome: Outcome) -> None:
    verdict = "noticed" if outcome.noticed else "MISSED"
    print(f"{place:>8} {verdict} {outcome.seconds:6.1f} s {outcome.mutant}", file=sys.stderr)


if __name__ == "__main__":
    main()
