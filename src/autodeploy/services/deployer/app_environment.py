"""The variables that an app is built and run with, and which of their values are secret."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from sqlalchemy import select

from autodeploy.kernel.redaction import Redactor
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import Item
from autodeploy.kernel.vault.columns import Place, place_of
from autodeploy.services.analyzer.plan import DATABASE_VARIABLE, Plan
from autodeploy.services.analyzer.variables.build_inputs import may_be_built_in
from autodeploy.services.deployer.models import (
    Deployment,
    EnvironmentVariable,
    Project,
    ProjectDatabase,
)

MAIN_DATABASE = "main"
_SECRET_NAME = re.compile(
    r"(^|_)(SECRETS?|TOKENS?|PASSWORDS?|PASSWD|PASS|PWD|KEYS?|CREDENTIALS?|DSN|PRIVATE|SALT"
    r"|DATABASE_URL|REDIS_URL|MONGODB_URI|AUTH)($|_)"
)
_PRIVATE_KEY = "PRIVATE KEY-----"
_PUBLIC_NAME = re.compile(r"^(NEXT_PUBLIC|VITE|REACT_APP|NUXT_PUBLIC|PUBLIC|GATSBY)_")


@dataclass(frozen=True)
class AppEnvironment:
    """``values`` is everything set for the app; ``versions`` change whenever a value does."""

    values: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)
    versions: tuple[tuple[str, str], ...]

    def for_build(self, deployment: Deployment) -> dict[str, str]:
        """Nothing here differs between two builds of the same commit and configuration."""
        return {**_metadata(deployment), **self.values}

    def for_run(self, deployment: Deployment) -> dict[str, str]:
        own = {"AUTODEPLOY_DEPLOYMENT_ID": str(deployment.id)}
        return {**_metadata(deployment), **own, **self.values}

    def provided(self, deployment: Deployment) -> frozenset[str]:
        """The names of what the app is given."""
        return frozenset(self.for_run(deployment))

    def redactor(self) -> Redactor:
        return Redactor(self.secrets)

    def fingerprint(self, deployment: Deployment) -> str:
        """Equal for deployments whose builds are interchangeable: of the variables, those count
        that may be built in."""
        plan = Plan.model_validate(deployment.plan)
        versions = [one for one in self.versions if may_be_built_in(plan, one[0])]
        decisive = [deployment.commit_sha, deployment.provider, deployment.plan, versions]
        data = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(data.encode()).hexdigest()


def looks_secret(key: str, value: str) -> bool:
    """Whether a variable is a secret by its name or its value, where nobody said it."""
    if _PUBLIC_NAME.match(key.upper()):
        return False
    named = bool(_SECRET_NAME.search(key.upper()))
    return named or bool(_passwords([value])) or _PRIVATE_KEY in value


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


async def load_app_environment(
    resources: Resources, project: Project, environment: str
) -> AppEnvironment:
    """Open the variables of an environment and the URL of its database."""
    async with resources.db.transaction() as session:
        variables = (
            await session.scalars(
                select(EnvironmentVariable).where(
                    EnvironmentVariable.project_id == project.id,
                    EnvironmentVariable.environment == environment,
                )
            )
        ).all()
        database = await session.scalar(
            select(ProjectDatabase).where(
                ProjectDatabase.project_id == project.id,
                ProjectDatabase.environment == environment,
                ProjectDatabase.name == MAIN_DATABASE,
                ProjectDatabase.status == "available",
            )
        )
    values: dict[str, str] = {}
    secrets: set[str] = set()
    versions: list[tuple[str, str]] = []
    if database is not None and database.encrypted_url is not None:
        place = place_of(
            ProjectDatabase.encrypted_url, organization_id=database.organization_id, id=database.id
        )
        url = await resources.vault.decrypt_for(
            place.subject, database.encrypted_url, context=place.context
        )
        values[DATABASE_VARIABLE] = url
        secrets |= {url, *_passwords([url])}
        versions.append((DATABASE_VARIABLE, f"{database.id}:{database.updated_at.isoformat()}"))
    opened = await resources.vault.decrypt_many([sealed_variable(row) for row in variables])
    for variable, value in zip(variables, opened, strict=True):
        values[variable.key] = value
        versions.append((variable.key, f"{variable.id}:{variable.updated_at.isoformat()}"))
        if variable.is_secret:
            secrets.add(value)
    secrets |= _passwords(values.values())
    return AppEnvironment(values, frozenset(secrets), tuple(sorted(versions)))


def _passwords(values: Iterable[str]) -> set[str]:
    """The passwords inside URLs, which programs print by themselves."""
    found = set()
    for value in values:
        if "://" not in value:
            continue
        try:
            password = urlsplit(value).password
        except ValueError:
            continue
        if password:
            found |= {password, unquote(password)}
    return found


def _metadata(deployment: Deployment) -> dict[str, str]:
    return {
        "AUTODEPLOY": "1",
        "AUTODEPLOY_ENVIRONMENT": deployment.environment,
        "AUTODEPLOY_COMMIT": deployment.commit_sha,
    }
