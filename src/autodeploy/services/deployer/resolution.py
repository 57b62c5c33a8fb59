"""The values that an app gets: references in them replaced by what they stand for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from autodeploy.kernel.errors import InvalidInput
from autodeploy.services.deployer.references import (
    DatabaseReference,
    ProjectReference,
    Reference,
    Template,
    VariableReference,
    parse,
    references_of,
)
from autodeploy.services.deployer.variable_schemas import MAXIMUM_VALUE_CHARACTERS, VariableScope

_DEEPEST = 50


@dataclass(frozen=True)
class Given:
    """A variable as it was set. ``template`` is None where its value holds what is no reference.

    ``version`` changes whenever the value does.
    """

    value: str = field(repr=False)
    version: str
    is_secret: bool
    scope: VariableScope
    template: Template | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "template", _template(self.value))


@dataclass(frozen=True)
class Known:
    """A value with what changes when it does."""

    value: str = field(repr=False)
    version: str
    is_secret: bool = False


@dataclass(frozen=True)
class Resolution:
    """The values of the variables, and of the others why they have none."""

    values: dict[str, Known] = field(repr=False)
    unresolved: dict[str, str]


def slugs_in(given: Mapping[str, Given]) -> frozenset[str]:
    """The projects that are referred to."""
    return frozenset(one.slug for one in _all(given) if isinstance(one, ProjectReference))


def databases_in(given: Mapping[str, Given]) -> frozenset[str]:
    """The databases that are referred to."""
    return frozenset(one.name for one in _all(given) if isinstance(one, DatabaseReference))


def resolve(
    given: Mapping[str, Given],
    databases: Mapping[str, Known],
    projects: Mapping[str, Known],
    environment: str,
) -> Resolution:
    """Replace every reference.

    Args:
        databases: the connection strings of the environment's databases, by name.
        projects: the addresses of projects that are live in the environment, by slug.
    """
    resolver = _Resolver(given, databases, projects, environment)
    found = Resolution({}, {})
    for key in given:
        try:
            found.values[key] = resolver.value_of(key, ())
        except _Unresolved as reason:
            found.unresolved[key] = f"{key}: {reason}"
    return found


class _Unresolved(Exception):
    """A reference leads nowhere; the text says why."""


class _Resolver:
    def __init__(
        self,
        given: Mapping[str, Given],
        databases: Mapping[str, Known],
        projects: Mapping[str, Known],
        environment: str,
    ):
        self._given = given
        self._databases = databases
        self._projects = projects
        self._environment = environment
        self._found: dict[str, Known] = {}

    def value_of(self, key: str, path: tuple[str, ...]) -> Known:
        """The value of a variable; ``path`` are the variables on the way to it."""
        if key not in self._found:
            self._found[key] = self._resolved(key, path)
        return self._found[key]

    def _resolved(self, key: str, path: tuple[str, ...]) -> Known:
        given, here = self._given[key], (*path, key)
        if key in path:
            raise _Unresolved(f"it refers to itself ({' → '.join(here[here.index(key) :])}).")
        if len(here) > _DEEPEST:
            raise _Unresolved(f"its references are more than {_DEEPEST} deep.")
        if given.template is None:
            raise _Unresolved("what stands in ${{ }} of its value is no reference.")
        texts, versions, is_secret, length = [], [given.version], given.is_secret, 0
        for part in given.template:
            if isinstance(part, str):
                text = part
            else:
                known = self._meant(part, key, here)
                text = known.value
                versions.append(known.version)
                is_secret = is_secret or known.is_secret
            length += len(text)
            if length > MAXIMUM_VALUE_CHARACTERS:
                raise _Unresolved("with its references resolved it is too long.")
            texts.append(text)
        return Known("".join(texts), "|".join(versions), is_secret)

    def _meant(self, reference: Reference, key: str, path: tuple[str, ...]) -> Known:
        match reference:
            case VariableReference(other):
                return self._variable(other, key, path)
            case DatabaseReference(name, part):
                if name not in self._databases:
                    raise _Unresolved(f"{self._environment} has no database {name}.")
                database = self._databases[name]
                return Known(part.of(database.value), database.version, part.is_secret)
            case ProjectReference(slug):
                if slug not in self._projects:
                    raise _Unresolved(
                        f"the project {slug} is not there, or has nothing live in "
                        f"{self._environment}."
                    )
                return self._projects[slug]

    def _variable(self, other: str, key: str, path: tuple[str, ...]) -> Known:
        if other not in self._given:
            raise _Unresolved(f"it refers to {other}, which is not set in {self._environment}.")
        scope = self._given[other].scope
        if scope not in (VariableScope.BOTH, self._given[key].scope):
            raise _Unresolved(f"it refers to {other}, which is for {_FOR[scope]} only.")
        return self.value_of(other, path)


_FOR = {VariableScope.BUILD: "the build", VariableScope.RUNTIME: "the running app"}


def _template(value: str) -> Template | None:
    try:
        return parse(value)
    except InvalidInput:  # it was set before values could refer to anything
        return None


def _all(given: Mapping[str, Given]) -> Iterator[Reference]:
    for one in given.values():
        yield from references_of(one.template or ())
