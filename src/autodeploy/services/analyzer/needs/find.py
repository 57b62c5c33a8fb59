"""Services that an app needs beside it, from its dependencies, its files and its variables."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.needs.databases import DATABASES
from autodeploy.services.analyzer.needs.declarations import Declared, find_declared
from autodeploy.services.analyzer.needs.messages import MESSAGES
from autodeploy.services.analyzer.needs.record import ServiceRecord
from autodeploy.services.analyzer.needs.stores import STORES
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import (
    DATABASE_VARIABLE,
    PROVISION_NEW,
    EnvironmentVariable,
    ServiceNeed,
    VariableType,
)
from autodeploy.services.analyzer.variables.classify import is_public

SERVICES = (*DATABASES, *STORES, *MESSAGES)
NAMES: Mapping[str, str] = {record.kind: record.name for record in SERVICES}

_SAME_REGISTRY = {"deno": "node", "scala": "java", "kotlin": "java", "clojure": "java"}
_MAJOR_VERSION = re.compile(r"[/.]v\d+$")
_SCALA_VERSION = re.compile(r"_(2\.\d+|3)$")
_PART_OF_A_CONNECTION = re.compile(r"^(DATABASE|DB)_?(HOST|HOSTNAME|SERVER|NAME)$")
_ADDRESS = re.compile(
    r"_?(URL|URI|DSN|HOST|SERVERS?|BROKERS?|ENDPOINT|BUCKET(_NAME)?|API_KEY|TOKEN)$"
)
_CONNECTIONS = (VariableType.DATABASE_CONNECTION, VariableType.URL)

# Frameworks whose skeleton names the variables of every service that they could use, and where.
_SKELETONS = dict.fromkeys(
    ("laravel/framework", "laravel/lumen-framework"), ("config/", ".env.example")
)

_SQLITE_IS_A_FILE = (
    "SQLite keeps its data in a file of the app's folder: a redeploy starts anew from the files of "
    "the commit, so data that has to last needs a database server."
)


class _Finding(NamedTuple):
    """What tells of one service; ``alone`` is a variable that is named for this service."""

    record: ServiceRecord
    driver: str | None
    in_production: bool
    declared: Declared | None
    alone: EnvironmentVariable | None

    @property
    def weakness(self) -> tuple[bool, ...]:
        """Of several databases, the least of these is the app's: development uses files."""
        return (
            self.driver is None and self.declared is None,
            self.record.is_file,
            self.declared is None,
            not self.in_production,
            self.alone is None,
        )


def find_needs(
    files: SourceFiles, packages: Packages | None, variables: tuple[EnvironmentVariable, ...]
) -> tuple[ServiceNeed, ...]:
    """The services of which a driver, a configuration file or a variable tells, with the reason.

    ``variable`` is the one that leads to the service, where the code reads any. Apps that can talk
    to several SQL databases need one of them: the one that their configuration names, else the one
    with a driver in production, before one that is only a file.
    """
    language, names = _names(packages)
    connects = any(one.type is VariableType.DATABASE_CONNECTION for one in variables)
    declared = find_declared(files, language, frozenset(names), with_examples=connects)
    own = [one for one in variables if not _is_of_a_skeleton(one, names)]
    findings = [
        found
        for record in SERVICES
        if (found := _find(record, language, names, declared, own, variables))
    ]
    chosen = _with_one_sql_database(findings)
    speaks_sql = any(one.record.speaks_sql for one in chosen)
    for one in chosen:
        if one.declared:
            place, path, line = one.declared
            place.note(path, f"names {one.record.name}", line)
        if one.record.is_file:
            files.warn(_SQLITE_IS_A_FILE)
    return tuple(_need(one, variables, speaks_sql) for one in chosen)


def with_services(
    variables: tuple[EnvironmentVariable, ...], needs: tuple[ServiceNeed, ...]
) -> tuple[EnvironmentVariable, ...]:
    """The variables, each that leads to a service with what follows from that.

    A connection string without a default is required; one without a description is described; for
    a PostgreSQL database, a new one can be had in the place of a value.
    """
    by_variable = {need.variable: need for need in needs if need.variable}
    return tuple(
        _with_service(one, by_variable[one.key]) if one.key in by_variable else one
        for one in variables
    )


def _with_service(variable: EnvironmentVariable, need: ServiceNeed) -> EnvironmentVariable:
    record = next(record for record in SERVICES if record.kind == need.kind)
    if not record.is_database or variable.type is not VariableType.DATABASE_CONNECTION:
        return variable
    can_be_new = need.kind == "postgresql" and variable.key == DATABASE_VARIABLE
    return variable.model_copy(
        update={
            "required": variable.required or (variable.default is None and not record.is_file),
            "description": variable.description or f"{record.name} connection string",
            "offers": (PROVISION_NEW,) if can_be_new else (),
        }
    )


def _names(packages: Packages | None) -> tuple[str, dict[str, bool]]:
    """The registry's language and the dependencies as records spell them, with whether each is
    one of production."""
    if packages is None:
        return "", {}
    language = _SAME_REGISTRY.get(packages.language, packages.language)
    names = {_spelled(language, name): False for name in packages.development}
    return language, {**names, **{_spelled(language, name): True for name in packages.production}}


def _spelled(language: str, name: str) -> str:
    if language == "go":
        return _MAJOR_VERSION.sub("", name.lower())
    if language == "java":
        return _SCALA_VERSION.sub("", name.replace("/", ":"))
    if language == "swift":
        return name.rpartition("/")[2].removesuffix(".git").lower()
    return name.lower()


def _is_of_a_skeleton(variable: EnvironmentVariable, names: Iterable[str]) -> bool:
    """Whether it tells nothing: browsers see it, or it is there for what could be configured."""
    if is_public(variable.key):
        return True
    places = [place for package in names for place in _SKELETONS.get(package, ())]
    return any(f"/{place}" in f"/{variable.file}" for place in places)


def _find(
    record: ServiceRecord,
    language: str,
    names: Mapping[str, bool],
    declared: Mapping[str, Declared],
    own: Iterable[EnvironmentVariable],
    variables: tuple[EnvironmentVariable, ...],
) -> _Finding | None:
    alone = _variable(record, own, by_any_name=False)
    drivers = names.keys() & record.drivers.get(language, frozenset())
    driver: str | None = None
    in_production = sorted(name for name in drivers if names[name])
    if in_production:
        driver = in_production[0]
    elif alone or (record.speaks_sql and _variable(record, variables, by_any_name=True)):
        # Packages of development may serve its tests alone, and toolkits something else.
        toolkits = names.keys() & record.toolkits.get(language, frozenset())
        driver = min(drivers | toolkits, default=None)
    place = declared.get(record.kind)
    if not (driver or place or alone):
        return None
    return _Finding(record, driver, bool(in_production), place, alone)


def _with_one_sql_database(findings: list[_Finding]) -> list[_Finding]:
    """Without the databases that the app could talk to and does not."""
    databases = [one for one in findings if one.record.speaks_sql]
    if len(databases) < 2:
        return findings
    best = min(databases, key=lambda one: one.weakness)
    return [
        one
        for one in findings
        if not one.record.speaks_sql or one is best or (one.in_production and one.alone)
    ]


def _need(
    found: _Finding, variables: tuple[EnvironmentVariable, ...], speaks_sql: bool
) -> ServiceNeed:
    record = found.record
    by_any_name = record.speaks_sql or (record.is_database and not speaks_sql)
    variable = _variable(record, variables, by_any_name=by_any_name)
    reasons = []
    if found.driver:
        reasons.append(f"depends on {found.driver}")
    if found.declared:
        reasons.append(f"names it in {found.declared.files.at(found.declared.path)}")
    if variable and (reasons or not _names_it(record, variable)):
        reasons.append(f"reads {variable.key}")
    elif variable:
        reasons.append(f"the default of {variable.key} names it")
    *before, last = reasons
    reason = f"{', '.join(before)} and {last}" if before else last
    return ServiceNeed(kind=record.kind, reason=reason, variable=variable.key if variable else None)


def _variable(
    record: ServiceRecord, variables: Iterable[EnvironmentVariable], *, by_any_name: bool
) -> EnvironmentVariable | None:
    """The variable that leads to the service, best by its default, then by name and type.

    Args:
        by_any_name: whether those count that are named for any database.
    """
    ranked = [
        (rank, one.key, one)
        for one in variables
        if (rank := _rank(record, one, by_any_name)) is not None
    ]
    return min(ranked, key=lambda each: each[:2])[2] if ranked else None


def _rank(record: ServiceRecord, variable: EnvironmentVariable, by_any_name: bool) -> int | None:
    key, kind = variable.key.upper(), variable.type
    owners = _owners(key)
    is_own = record.kind in owners
    if _names_it(record, variable):
        return 0
    if by_any_name and key == DATABASE_VARIABLE:
        return 1
    if is_own and kind in _CONNECTIONS:
        return 2
    if by_any_name and kind is VariableType.DATABASE_CONNECTION:
        # Another service's own variable is not this one's.
        return None if owners - {record.kind} else 3
    if is_own:
        return 4 if _ADDRESS.search(key) else 6
    return 5 if by_any_name and _PART_OF_A_CONNECTION.match(key) else None


@lru_cache(4096)
def _owners(key: str) -> frozenset[str]:
    """The kinds of services whose own variables are named so."""
    return frozenset(record.kind for record in SERVICES if record.variables.search(key))


def _names_it(record: ServiceRecord, variable: EnvironmentVariable) -> bool:
    return bool(record.schemes) and (variable.default or "").startswith(record.schemes)
