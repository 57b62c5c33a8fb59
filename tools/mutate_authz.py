"""Remove each check of permission and each filter by tenant in turn; the tests must notice.

``python -m tools.mutate_authz [--json] [--only TEXT] [--all-filters]``. It works on a copy of the
project that holds all mutants, each behind a switch, and tries each in a process of its own, with
those tests alone that reach its place. Checks of rights are removed with everything else in place;
filters, and checks that callers mean their own account, with row-level security off, which would
hide what they let through. At last, or alone with ``--all-filters``, all filters are removed at
once: with row-level security on no row of another tenant may be seen, with it off some must. The
answers are kept in ``.mutate-authz.json``, so that a run that was interrupted goes on, and one
after a change of tests tries again what that may concern.
Ends with 1 when a mutant was not noticed.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tools.mutants import Mutant, find_mutants, switch_on, switched, take_reached

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".mutate-authz.json"
# The matrix, and what takes accounts through what it does not: passwords, codes, links, deletion.
SUITE = (
    "tests/api/tenancy",
    "tests/services/auth",
    "tests/services/deployer/test_closing.py",
    "tests/api/oauth/test_connections.py",
    "tests/api/test_audit.py",
)
# Asks the clock, which a busy machine slows.
LEFT_OUT = "tests/services/auth/test_throttle.py"
# What is about the life of credentials, which the SQL that finds their holder decides.
CREDENTIALS = (
    "tests/services/auth/test_authentication.py",
    "tests/services/auth/test_personal_tokens.py",
    "tests/services/auth/test_sessions.py",
    "tests/api/tenancy/test_credentials.py",
)
FOREIGN = "test_nothing_of_another_tenant_is_shown"
SIDE_BY_SIDE = 2

_WHY_LENGTH = 2000
_COPIED = ("src", "tests", "tools", "docs", "pyproject.toml")
_BASELINES = {"no mutant": True, "no mutant, row-level security off": False}
_KINDS = ("check", "own", "filter", "life")
_ALL_FILTERS = {"all filters": True, "all filters, row-level security off": False}

#: Mutants that no test can tell from the original, by their place, each with what decides the same.
EQUIVALENT: dict[str, str] = {
    "services/auth/organizations.py require(principal, action, organization_id)":
        "begin_change asks the same of the roles that the caller has once the rows are held",
    "services/auth/permissions.py require(principal, Action.MEMBER_MANAGE, organization_id)":
        "each caller of require_rank has begun a change of members, which asks the same",
    "services/auth/users.py reach_of(principal, Action.MEMBER_READ)":
        "every role, limit and scope may read members",
    "services/deployer/closing.py require(principal, Action.ORGANIZATION_DELETE, organization_id)":
        "begin_change asks the same, and the transaction takes back what was closed",
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """Mutants that act together, and the tests that have to notice; ``name`` tells it apart."""

    name: str
    mutants: Sequence[Mutant]
    tests: Sequence[pytest.Item]
    row_security: bool


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: ``by`` is the test that noticed it, if any, ``why`` its failure."""

    by: str | None
    seconds: float
    why: str | None = None


@dataclass
class Findings:
    """What is known so far, kept in a file.

    Attributes:
        source: the digest of all but the files of tests.
        files: the digest of each file of tests.
        reached: of the tests that pass without a mutant, by baseline: the mutants they come to.
        outcomes: by the trial's name.
    """

    source: str
    files: dict[str, str]
    reached: dict[str, dict[str, list[str]]] = field(
        default_factory=lambda: {name: {} for name in _BASELINES}
    )
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    def load(cls) -> "Findings":
        """What holds of what was found before: what a file of tests did not notice may be noticed
        by a changed one, and what it noticed may not."""
        findings = cls(*_digests())
        kept = json.loads(STATE.read_text()) if STATE.exists() else {}
        if kept.get("source") != findings.source:
            return findings
        same = {
            name for name, digest in findings.files.items() if kept["files"].get(name) == digest
        }
        for baseline, reached in kept["reached"].items():
            findings.reached[baseline] = {
                test: places for test, places in reached.items() if _file_of(test) in same
            }
        is_same = same == kept["files"].keys() | findings.files.keys()
        findings.outcomes = {
            name: Outcome(**outcome)
            for name, outcome in kept["outcomes"].items()
            if is_same or (outcome["by"] and _file_of(outcome["by"]) in same)
        }
        return findings

    def reached_by(self, test: str) -> set[str]:
        """The mutants to whose places a test comes."""
        return {name for reached in self.reached.values() for name in reached.get(test, ())}

    def keep(self, name: str, outcome: Outcome) -> None:
        self.outcomes[name] = outcome
        STATE.write_text(json.dumps(asdict(self)))


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _digests() -> tuple[str, dict[str, str]]:
    """Of all that decides the answers: of the rest together, and of each file of tests."""
    rest, files = hashlib.sha256((ROOT / "tools" / "mutants.py").read_bytes()), {}
    for folder in ("src/autodeploy", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name.startswith("test_"):
                name = path.relative_to(ROOT).as_posix()
                files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                rest.update(path.read_bytes())
    return rest.hexdigest(), files


class Trials:
    """A pytest plugin that runs the tests once per trial, each time in a child of this process.

    A child starts its own servers, and takes all that a mutant has spoilt with it.
    """

    def __init__(
        self, folder: Path, findings: Findings, single: Sequence[Mutant], filters: Sequence[Mutant]
    ):
        self._folder = folder
        self._findings = findings
        self._single = single
        self._filters = filters
        self._acting: list[str] = []
        self._failed: str | None = None
        self._why: str | None = None
        self._reached: dict[str, list[str]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the trials that were not run before, in the place of the tests alone."""
        tests, outcomes = session.items, self._findings.outcomes
        if self._single:
            self._run(session, [self._baseline(name, tests) for name in _BASELINES])
            if any(outcomes[name].by for name in _BASELINES):
                return True
        self._run(session, [self._trial(each, tests) for each in self._single])
        foreign = [each for each in tests if getattr(each, "originalname", None) == FOREIGN]
        if self._filters:
            together = _ALL_FILTERS.items()
            self._run(session, [Trial(name, self._filters, foreign, on) for name, on in together])
        return True

    def _baseline(self, name: str, tests: Sequence[pytest.Item]) -> Trial:
        passed = self._findings.reached[name]
        new = [each for each in tests if each.nodeid not in passed]
        return Trial(name, [], new, row_security=_BASELINES[name])

    def _trial(self, mutant: Mutant, tests: Sequence[pytest.Item]) -> Trial:
        if mutant.in_sql:  # which is read once, before any test: each comes to it
            ordered = sorted(tests, key=lambda each: _file_of(each.nodeid) not in CREDENTIALS)
        else:
            ordered = self._most_specific_first(
                [each for each in tests if mutant.name in self._findings.reached_by(each.nodeid)]
            )
        return Trial(mutant.name, [mutant], ordered, row_security=not mutant.is_of_rows)

    def _most_specific_first(self, tests: Sequence[pytest.Item]) -> list[pytest.Item]:
        """By how little else a test reaches, file by file, since tests of one share fixtures."""
        width = {each: len(self._findings.reached_by(each.nodeid)) for each in tests}
        by_width = sorted(tests, key=lambda each: width[each])
        files = list(dict.fromkeys(each.path for each in by_width))
        return sorted(by_width, key=lambda each: files.index(each.path))

    def _run(self, session: pytest.Session, trials: Sequence[Trial]) -> None:
        known = self._findings.outcomes
        waiting = [each for each in reversed(trials) if each.name not in known]
        running: dict[int, tuple[Trial, float]] = {}
        while waiting or running:
            while waiting and len(running) < SIDE_BY_SIDE:
                trial = waiting.pop()
                running[self._fork(session, trial)] = trial, time.monotonic()
            child, status = os.wait()
            trial, started = running.pop(child)
            if status != 0:
                log = self._file(child, "log").read_text()
                raise RuntimeError(f"The trial of {trial.name} ended with {status}:\n{log}")
            answer = json.loads(self._file(child, "json").read_text())
            if not trial.mutants:
                self._findings.reached[trial.name].update(answer["reached"])
            outcome = Outcome(answer["by"], round(time.monotonic() - started, 1), answer["why"])
            self._findings.keep(trial.name, outcome)
            verdict = "passed " if outcome.by is None else "noticed"
            print(f"{verdict} {outcome.seconds:6.1f} s {trial.name}", file=sys.stderr, flush=True)

    def _fork(self, session: pytest.Session, trial: Trial) -> int:
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            with self._file(os.getpid(), "log").open("w") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            self._try(session, trial)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _try(self, session: pytest.Session, trial: Trial) -> None:
        """Run the tests of a trial until one fails, and write what came of it."""
        os.environ["AUTODEPLOY_TEST_ROW_SECURITY"] = "on" if trial.row_security else "off"
        switch_on([each.name for each in trial.mutants if each.in_sql])
        self._acting = [each.name for each in trial.mutants]
        for test, following in zip_longest(trial.tests, trial.tests[1:]):
            test.ihook.pytest_runtest_protocol(item=test, nextitem=following)
            if self._failed:
                break
        session.config.hook.pytest_sessionfinish(session=session, exitstatus=0)
        answer = {"by": self._failed, "why": self._why, "reached": self._reached}
        self._file(os.getpid(), "json").write_text(json.dumps(answer))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Let the mutants act in the test alone: what its fixtures prepare is not in question."""
        take_reached()
        switch_on(self._acting)
        try:
            return (yield)
        finally:
            switch_on([])
            self._reached[item.nodeid] = sorted(take_reached())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the first failure, be it of the test or of a fixture."""
        if report.failed and self._failed is None:
            self._failed, self._why = report.nodeid, report.longreprtext[-_WHY_LENGTH:]

    def _file(self, child: int, ending: str) -> Path:
        return self._folder / f"{child}.{ending}"


def main() -> None:
    """Run what was not run before, print the table, and end with 1 if a mutant was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", default="", help="mutants whose name holds this text")
    parser.add_argument(
        "--all-filters", action="store_true", help="only remove all filters at once"
    )
    arguments = parser.parse_args()
    found = find_mutants(ROOT / "src" / "autodeploy")
    single = [each for each in found if arguments.only in each.name and not arguments.all_filters]
    filters = [each for each in found if each.kind == "filter" and not arguments.only]
    findings, started = Findings.load(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutate-authz-") as folder:
        _copy_project(Path(folder), found)
        # What tests start finds the copy by the environment, this process by its path.
        os.environ["PYTHONPATH"] = f"{folder}/src:{folder}"
        sys.path[:0] = [f"{folder}/src", folder]
        os.chdir(folder)
        quiet = ["-q", "-q", "-s", "-n", "0", "-p", "no:cacheprovider"]
        trials = Trials(Path(folder), findings, single, filters)
        code = pytest.main([*quiet, *SUITE, f"--ignore={LEFT_OUT}"], plugins=[trials])
        os.chdir(ROOT)
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(code)
    _report(findings, single, seconds=time.monotonic() - started, as_json=arguments.json)


def _copy_project(folder: Path, mutants: Sequence[Mutant]) -> None:
    for name in _COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    for path in {each.path for each in mutants}:
        file = folder / "src" / "autodeploy" / path
        mine = [each for each in mutants if each.path == path]
        file.write_bytes(switched(file.read_bytes(), mine))


def _place(mutant: Mutant) -> str:
    """Its name, where lines may come and go above it."""
    return f"{mutant.path} {mutant.text}"


def _report(
    findings: Findings, mutants: Sequence[Mutant], *, seconds: float, as_json: bool
) -> NoReturn:
    """Print the figures, and end with 0 where everything was noticed that should be."""
    by = {name: outcome.by for name, outcome in findings.outcomes.items()}
    for name in [each for each in _BASELINES if by.get(each)]:
        raise SystemExit(f"This fails without a mutant: {by[name]}\n{findings.outcomes[name].why}")
    missed = [each for each in mutants if by[each.name] is None]
    real = [each for each in missed if _place(each) not in EQUIVALENT]
    figures: dict[str, Any] = {
        "mutants": len(mutants),
        **{f"{kind}s": sum(each.kind == kind for each in mutants) for kind in _KINDS},
        "noticed": len(mutants) - len(missed),
        "equivalent": sorted(_place(each) for each in missed if each not in real),
        "missed": sorted(each.name for each in real),
        "shown": {name: by[name] is not None for name in _ALL_FILTERS if name in by},
        "seconds": round(seconds),
    }
    if as_json:
        print(json.dumps({**figures, "outcomes": {name: by[name] for name in by}}))
    else:
        for name, value in figures.items():
            print(f"{name:12} {value}")
    if shown := [name for name, on in _ALL_FILTERS.items() if on and by.get(name)]:
        print(f"\nWith {shown[0]}, {by[shown[0]]}:\n{findings.outcomes[shown[0]].why}")
    holds = figures["shown"] == {name: not on for name, on in _ALL_FILTERS.items()}
    raise SystemExit(0 if not figures["missed"] and (holds or not figures["shown"]) else 1)


if __name__ == "__main__":
    main()
