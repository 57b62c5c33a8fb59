"""The matcher: one interpreter for all framework records.

A record is data. It says under which conditions a framework is there, how sure each way of
finding it is, what it supersedes and what follows from it. The order of records never decides:
the surest match wins, and equals are settled by what supersedes what, then by name.
"""

import fnmatch
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from autodeploy.services.analyzer.evidence import SourceFiles, line_of
from autodeploy.services.analyzer.plan import AppKind, Candidate


@dataclass(frozen=True)
class Dependency:
    """A package that the manifest of the record's language names (production or development).

    ``*`` in the name stands for any part of it.
    """

    name: str
    production_only: bool = False


@dataclass(frozen=True)
class File:
    """A file at a path or glob."""

    path: str


@dataclass(frozen=True)
class Content:
    """A file at a path or glob in which the pattern occurs."""

    path: str
    pattern: str


@dataclass(frozen=True)
class Script:
    """A script of ``package.json`` whose command holds the pattern; ``*`` stands for any."""

    name: str
    pattern: str


_NOTHING: Mapping[str, str | None] = {}

Condition = Dependency | File | Content | Script


@dataclass(frozen=True)
class Way:
    """One way to recognise a framework: all of ``conditions`` and none of ``unless``.

    ``confidence`` is 0 to 1. The commands and ``output_directory`` stand in for the record's where
    the framework is found in this way: earlier generations of one are often built by another
    program.
    """

    confidence: float
    conditions: tuple[Condition, ...]
    unless: tuple[Condition, ...] = ()
    build_command: str | None = None
    start_command: str | None = None
    output_directory: str | None = None


@dataclass(frozen=True)
class PythonApp:
    """How a Python framework's application object is found and served.

    ``constructors`` make it; ``server`` is the package that serves it, which any of
    ``server_in`` brings. In ``start`` and ``start_factory`` stand ``{app}`` (module:object) and
    ``{folder}``, which is ``folder_option`` with the folder that imports start from.
    """

    constructors: tuple[str, ...]
    server: str
    server_in: tuple[str, ...]
    folder_option: str
    start: str
    start_factory: str


@dataclass(frozen=True)
class StaticExport:
    """A server framework that can also write plain files, to ``output_directory``.

    It does so when any of ``when`` holds, or, where ``unless`` is named, when none of it does.
    ``spa`` are signs that one page answers every path.
    """

    output_directory: str
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    spa: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Advice:
    """A warning of the plan for when ``when`` holds, and what the build's line begins with then."""

    when: Condition
    text: str
    build_prefix: str = ""


@dataclass(frozen=True)
class FrameworkRecord:
    """What AutoDeploy knows of a framework.

    ``generic`` records stand for a language without a framework. ``unless`` names conditions of
    which none may hold. Commands are defaults, used where the repository names none;
    ``build_scripts`` and ``start_scripts`` are the scripts of ``package.json`` that build and
    serve production, best first. ``output_setting`` is where the repository may name another
    output directory (first group), put into ``output_template``. ``source`` is the page that
    all this comes from.
    """

    slug: str
    name: str
    language: str
    kind: AppKind
    source: str
    ways: tuple[Way, ...]
    package: str | None = None
    unless: tuple[Condition, ...] = ()
    supersedes: frozenset[str] = frozenset()
    build_command: str | None = None
    start_command: str | None = None
    python_app: PythonApp | None = None
    output_directory: str | None = None
    output_setting: Content | Script | None = None
    output_template: str = "{}"
    static_export: StaticExport | None = None
    build_scripts: tuple[str, ...] = ("build",)
    start_scripts: tuple[str, ...] = ("start",)
    advice: tuple[Advice, ...] = ()
    spa_fallback: bool = False
    port: int | None = None
    generic: bool = False

    @functools.cached_property
    def surest_first(self) -> tuple[Way, ...]:
        return tuple(sorted(self.ways, key=lambda way: -way.confidence))


@dataclass(frozen=True)
class Context:
    """What conditions are asked against: files, and per language its dependencies."""

    files: SourceFiles
    production: Mapping[str, Mapping[str, str | None]]
    development: Mapping[str, Mapping[str, str | None]]
    manifests: Mapping[str, Mapping[str, str]]
    scripts: Mapping[str, str]


@dataclass(frozen=True)
class Fact:
    path: str
    text: str
    line: int | None = None


@dataclass(frozen=True)
class Match:
    """A record that matched; ``package`` is the one whose version is the framework's."""

    record: FrameworkRecord
    confidence: float
    package: str
    facts: tuple[Fact, ...] = field(compare=False)


@dataclass(frozen=True)
class Verdict:
    """The winner, if any, and why each other candidate lost."""

    winner: Match | None
    losers: tuple[Candidate, ...]


def judge(records: Iterable[FrameworkRecord], context: Context) -> Verdict:
    """Match all records and choose; the same answer for any order of ``records``."""
    matches = [found for record in records if (found := match(record, context))]
    lost: list[Candidate] = []
    standing = []
    for candidate in matches:
        above = _superseding(candidate, matches)
        if above is None:
            standing.append(candidate)
        else:
            lost.append(_loser(candidate, f"{above.record.name} supersedes it"))
    standing.sort(key=lambda found: (-found.confidence, found.record.generic, found.record.slug))
    lost.extend(
        _loser(candidate, f"{standing[0].record.name} is at least as certain")
        for candidate in standing[1:]
    )
    lost.sort(key=lambda loser: (-loser.confidence, loser.slug))
    return Verdict(standing[0] if standing else None, tuple(lost))


def match(record: FrameworkRecord, context: Context) -> Match | None:
    """The surest way in which the record matches, or None."""
    language = record.language
    for way in record.surest_first:
        facts = _all_hold(way.conditions, language, context)
        if facts is None or any(holds(one, language, context) for one in way.unless):
            continue
        if any(holds(one, language, context) for one in record.unless):
            return None
        built = replace(
            record,
            build_command=way.build_command or record.build_command,
            start_command=way.start_command or record.start_command,
            output_directory=way.output_directory or record.output_directory,
        )
        return Match(built, way.confidence, _package(record, way, context), facts)
    return None


def _package(record: FrameworkRecord, way: Way, context: Context) -> str:
    """The record's package, else the one that it was recognised by: frameworks change names."""
    package = record.package or record.slug
    if _dependency(Dependency(package), record.language, context):
        return package
    by = (one.name for one in way.conditions if isinstance(one, Dependency))
    return next(by, package)


def _all_hold(
    conditions: tuple[Condition, ...], language: str, context: Context
) -> tuple[Fact, ...] | None:
    """The facts behind all conditions; None as soon as one does not hold: reading is what costs."""
    facts = []
    for condition in conditions:
        fact = holds(condition, language, context)
        if fact is None:
            return None
        facts.append(fact)
    return tuple(facts)


def holds(condition: Condition, language: str, context: Context) -> Fact | None:
    """The fact that makes the condition true, or None."""
    if isinstance(condition, Dependency):
        return _dependency(condition, language, context)
    if isinstance(condition, Script):
        return _script(condition, context)
    if isinstance(condition, File):
        found = context.files.glob(condition.path)
        return Fact(found[0], f"{found[0]} exists") if found else None
    return _content(condition, context.files)


def _script(condition: Script, context: Context) -> Fact | None:
    names = sorted(context.scripts) if condition.name == "*" else [condition.name]
    for name in names:
        command = context.scripts.get(name, "")
        if _compiled(condition.pattern).search(command):
            return Fact("package.json", f"script {name} is `{command[:80]}`")
    return None


def _dependency(condition: Dependency, language: str, context: Context) -> Fact | None:
    name = find_name(condition.name, context.production.get(language, _NOTHING))
    if name is None and not condition.production_only:
        name = find_name(condition.name, context.development.get(language, _NOTHING))
    if name is None:
        return None
    path = context.manifests.get(language, {}).get(name, "")
    text = context.files.text(path) or "" if path else ""
    # Maven writes the two halves of a name on lines of their own.
    line = line_of(text, name) or line_of(text, name.rpartition(":")[2])
    return Fact(path, f"depends on {name}", line)


def find_name(pattern: str, names: Iterable[str]) -> str | None:
    """The first name that is the pattern, or that its ``*`` match."""
    if "*" not in pattern:
        return pattern if pattern in names else None
    return next((name for name in sorted(names) if fnmatch.fnmatchcase(name, pattern)), None)


def _content(condition: Content, files: SourceFiles) -> Fact | None:
    for path in files.glob(condition.path):
        text = files.text(path) or ""
        found = _compiled(condition.pattern).search(text)
        if found:
            line = text.count("\n", 0, found.start()) + 1
            return Fact(path, f"holds `{found.group().strip()[:60]}`", line)
    return None


@functools.cache  # there are more patterns than re keeps
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _superseding(candidate: Match, matches: list[Match]) -> Match | None:
    above = [other for other in matches if candidate.record.slug in other.record.supersedes]
    return min(above, key=lambda other: (-other.confidence, other.record.slug), default=None)


def _loser(candidate: Match, reason: str) -> Candidate:
    return Candidate(
        slug=candidate.record.slug, confidence=candidate.confidence, lost_because=reason
    )
