"""The variables that an app is built and run with, and which of their values are secret."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.redaction import Redactor, passwords_in
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import Item
from autodeploy.kernel.vault.columns import Place, place_of
from autodeploy.services.analyzer.plan import DATABASE_VARIABLE, Plan
from autodeploy.services.analyzer.variables.build_inputs import may_be_built_in
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.models import (
    Deployment,
    Environment,
    EnvironmentVariable,
    Project,
)
from autodeploy.services.deployer.resolution import (
    Given,
    Known,
    databases_in,
    resolve,
    slugs_in,
)
from autodeploy.services.deployer.variable_schemas import VariableScope

MAIN_DATABASE = "main"
_SECRET_NAME = re.compile(
    r"(^|_)(SECRETS?|TOKENS?|PASSWORDS?|PASSWD|PASS|PWD|KEYS?|CREDENTIALS?|DSN|PRIVATE|SALT"
    r"|DATABASE_URL|REDIS_URL|MONGODB_URI|AUTH)($|_)"
)
_OWN_ID = "AUTODEPLOY_DEPLOYMENT_ID"
_OWN_COMMIT = "AUTODEPLOY_COMMIT"
#: What each deployment is given another value of.
OF_DEPLOYMENT = frozenset({_OWN_ID, _OWN_COMMIT})
_MOST_REASONS = 10
_PRIVATE_KEY = "PRIVATE KEY-----"
_PUBLIC_NAME = re.compile(r"^(NEXT_PUBLIC|VITE|REACT_APP|NUXT_PUBLIC|PUBLIC|GATSBY)_")


class ReferenceUnresolved(DeploymentFailed):
    """The value of a variable refers to something that is not there."""

    code = "reference_unresolved"
    usual_remedy = (
        "Set what it refers to, or change the value (`autodeploy env set`), and deploy again."
    )


@dataclass(frozen=True)
class AppEnvironment:
    """What is set for an app, with references resolved.

    ``version`` is the number of the last change of the variables; ``versions`` change whenever a
    value does, also by what it refers to. ``unresolved`` says of variables why their references
    cannot be resolved now. ``databases`` are the names of those that are referred to, and of the
    app's own where it is given its URL; ``private`` are the providers of those projects that are
    referred to and private, by slug.
    """

    values: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)
    scopes: Mapping[str, VariableScope]
    versions: tuple[tuple[str, str], ...]
    version: int
    unresolved: Mapping[str, str]
    databases: frozenset[str]
    private: Mapping[str, str] = field(default_factory=dict)

    def for_build(self, deployment: Deployment) -> dict[str, str]:
        """Nothing here differs between two builds of the same commit and configuration.

        Raises ``ReferenceUnresolved``.
        """
        self.require_resolved()
        return {**_metadata(deployment), **self._without(VariableScope.RUNTIME)}

    def for_run(self, deployment: Deployment) -> dict[str, str]:
        """What the app and its release command get. Raises ``ReferenceUnresolved``."""
        self.require_resolved()
        own = {_OWN_ID: str(deployment.id)}
        return {**_metadata(deployment), **own, **self._without(VariableScope.BUILD)}

    def provided(self, deployment: Deployment) -> frozenset[str]:
        """The names of what the app is given."""
        return frozenset({*_metadata(deployment), _OWN_ID, *self.values, *self.unresolved})

    def require_resolved(self) -> None:
        """Raise ``ReferenceUnresolved`` when a reference leads nowhere."""
        if self.unresolved:
            reasons = [self.unresolved[key] for key in sorted(self.unresolved)]
            raise ReferenceUnresolved(" ".join(reasons[:_MOST_REASONS]))

    def require_reachable(self, provider: str) -> None:
        """Raise ``ReferenceUnresolved`` for a private project that an app at the provider does not
        reach, since it is at another one."""
        for slug, place in sorted(self.private.items()):
            if place != provider:
                raise ReferenceUnresolved(
                    f"The project {slug} is private, and only apps at the same provider reach it: "
                    f"it is at {place}, and this one is deployed to {provider}.",
                    remedy="Deploy both to the same provider, or make it public: `private = false` "
                    "in its autodeploy.toml.",
                )

    def reading(self, databases: Iterable[ProjectDatabase]) -> frozenset[str]:
        """The variables whose values hold what these databases give, or a part of that."""
        given = {_version_of_url(each) for each in databases}
        return frozenset(key for key, version in self.versions if given & {*version.split("|")})

    def redactor(self) -> Redactor:
        return Redactor(self.secrets)

    def fingerprint(self, deployment: Deployment, *, fixed: bool = False) -> str:
        """Equal for deployments whose builds are interchangeable: of the variables, those count
        that may be built in; all, where builds ``fixed`` those of the running app, too."""
        plan = Plan.model_validate(deployment.plan)
        versions = [one for one in self.versions if fixed or self._may_be_built_in(plan, one[0])]
        decisive = [deployment.commit_sha, deployment.provider, deployment.plan, versions]
        if fixed:
            # Where all count, none is meant for which only those counted that may be built in.
            decisive.append("all variables")
        data = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(data.encode()).hexdigest()

    def _may_be_built_in(self, plan: Plan, key: str) -> bool:
        match self.scopes.get(key, VariableScope.BOTH):
            case VariableScope.RUNTIME:
                return False
            case VariableScope.BUILD:
                return True
            case VariableScope.BOTH:
                return may_be_built_in(plan, key)

    def _without(self, scope: VariableScope) -> dict[str, str]:
        return {key: value for key, value in self.values.items() if self.scopes.get(key) != scope}


def looks_secret(key: str, value: str) -> bool:
    """Whether a variable is a secret by its name or its value, where nobody said it."""
    if _PUBLIC_NAME.match(key.upper()):
        return False
    named = bool(_SECRET_NAME.search(key.upper()))
    return named or bool(passwords_in([value])) or _PRIVATE_KEY in value


def variable_place(row: EnvironmentVariable) -> Place:
    """Where a variable's ciphertext belongs: to its organization, since it outlives its author."""
    return place_of(
        EnvironmentVariable.encrypted_value,
        organization_id=row.organization_id,
        project_id=row.project_id,
        environment=row.environment,
        key=row.key,
    )


def sealed_variable(row: EnvironmentVariable) -> Item:
    """The variable's ciphertext, to be opened with others."""
    place = variable_place(row)
    return Item(place.subject, row.encrypted_value or "", place.context)


def variables_place(database: ProjectDatabase) -> Place:
    """Where the ciphertext of what else a database gives an app belongs."""
    return place_of(
        ProjectDatabase.encrypted_variables,
        organization_id=database.organization_id,
        id=database.id,
    )


async def load_app_environment(
    resources: Resources, project: Project, environment: str
) -> AppEnvironment:
    """Open the variables of an environment and what their values refer to."""
    version, variables, databases = await _load_rows(resources, project, environment)
    open_databases = [row for row in databases if row.status == "available" and row.encrypted_url]
    opened = await resources.vault.decrypt_many(
        [*map(sealed_variable, variables), *map(_sealed_url, open_databases)]
    )
    urls = opened[len(variables) :]
    known = {
        row.name: Known(url, _version_of_url(row), is_secret=True)
        for row, url in zip(open_databases, urls, strict=True)
    }
    given = {
        row.key: Given(
            value,
            f"{row.id}:{row.updated_at.isoformat()}",
            is_secret=row.is_secret,
            scope=VariableScope(row.scope),
        )
        for row, value in zip(variables, opened[: len(variables)], strict=True)
    }
    used = databases_in(given)
    if DATABASE_VARIABLE not in given and any(row.name == MAIN_DATABASE for row in databases):
        used |= {MAIN_DATABASE}
    if MAIN_DATABASE in known and DATABASE_VARIABLE not in given:
        main = known[MAIN_DATABASE]
        given[DATABASE_VARIABLE] = Given(
            main.value, main.version, is_secret=True, scope=VariableScope.BOTH
        )
    for key, value in (await _open_variables(resources, open_databases)).items():
        given.setdefault(
            key,
            Given(value, known[MAIN_DATABASE].version, is_secret=True, scope=VariableScope.BOTH),
        )
    live = await _load_projects(resources, project, environment, slugs_in(given))
    projects = {each.slug: Known(each.url, f"{each.id}:{each.url}") for each in live if each.url}
    resolution = resolve(given, known, projects, environment)
    values = {key: one.value for key, one in resolution.values.items()}
    secrets = {one.value for one in resolution.values.values() if one.is_secret}
    return AppEnvironment(
        values=values,
        secrets=frozenset(secrets | passwords_in(values.values()) | set(urls) | passwords_in(urls)),
        scopes={key: one.scope for key, one in given.items()},
        versions=tuple(sorted((key, one.version) for key, one in resolution.values.items())),
        version=version,
        unresolved=resolution.unresolved,
        databases=used,
        private={each.slug: each.provider for each in live if each.private},
    )


async def _open_variables(
    resources: Resources, databases: Sequence[ProjectDatabase]
) -> dict[str, str]:
    """What the app's own database gives it beside its URL."""
    main = next((each for each in databases if each.name == MAIN_DATABASE), None)
    if main is None or main.encrypted_variables is None:
        return {}
    place = variables_place(main)
    opened = await resources.vault.decrypt_for(
        place.subject, main.encrypted_variables, context=place.context
    )
    variables: dict[str, str] = json.loads(opened)
    return variables


async def _load_rows(
    resources: Resources, project: Project, environment: str
) -> tuple[int, list[EnvironmentVariable], Sequence[ProjectDatabase]]:
    """The variables of an environment with the version that they are, and its databases that are
    made."""
    async with resources.db.transaction() as session:
        # One statement: the variables are those of the version.
        rows = (
            await session.execute(
                select(Environment.variables_version, EnvironmentVariable)
                .outerjoin(
                    EnvironmentVariable,
                    (EnvironmentVariable.project_id == Environment.project_id)
                    & (EnvironmentVariable.environment == Environment.name),
                )
                .where(Environment.project_id == project.id, Environment.name == environment)
            )
        ).all()
        databases = await session.scalars(
            select(ProjectDatabase).where(
                ProjectDatabase.project_id == project.id,
                ProjectDatabase.environment == environment,
                ProjectDatabase.status != "deleting",
                ProjectDatabase.external_id.is_not(None),
            )
        )
        version = rows[0].variables_version if rows else 0
        return version, [row for _, row in rows if row is not None], databases.all()


class _LiveProject(NamedTuple):
    """``id`` and ``provider`` are those of the environment that is live."""

    slug: str
    id: UUID
    url: str | None
    private: bool
    provider: str


async def _load_projects(
    resources: Resources, project: Project, environment: str, slugs: frozenset[str]
) -> list[_LiveProject]:
    """Those projects of the organization that are live in the environment."""
    if not slugs:
        return []
    async with resources.db.transaction() as session:
        rows = await session.execute(
            select(
                Project.slug,
                Environment.id,
                Environment.url,
                Environment.private,
                Environment.provider,
            )
            .join(Environment, Environment.project_id == Project.id)
            .where(
                Project.organization_id == project.organization_id,
                Project.slug.in_(slugs),
                Project.deletion_requested_at.is_(None),
                Environment.name == environment,
                Environment.live_deployment_id.is_not(None),
            )
        )
        return [_LiveProject(*row) for row in rows]


def _version_of_url(row: ProjectDatabase) -> str:
    return f"{row.id}:{row.url_changed_at.isoformat()}"


def _sealed_url(row: ProjectDatabase) -> Item:
    place = place_of(ProjectDatabase.encrypted_url, organization_id=row.organization_id, id=row.id)
    return Item(place.subject, row.encrypted_url or "", place.context)


def _metadata(deployment: Deployment) -> dict[str, str]:
    return {
        "AUTODEPLOY": "1",
        "AUTODEPLOY_ENVIRONMENT": deployment.environment,
        _OWN_COMMIT: deployment.commit_sha,
    }
