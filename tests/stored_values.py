"""Values in every sealed column, and the key file that they are under."""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select, update

from autodeploy.kernel.db import Base, Database
from autodeploy.kernel.vault import EmbeddedBackend, Keyring, Vault
from autodeploy.kernel.vault.columns import place_of, sealed_columns
from autodeploy.migrations.models import METADATA
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.models import (
    IdempotencyKey,
    Organization,
    ProviderIntegration,
    SecondFactor,
    User,
)
from autodeploy.services.deployer.app_environment import variable_place
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.models import (
    Environment,
    EnvironmentVariable,
    Project,
)
from autodeploy.services.deployer.pushes.models import GitHubWebhook
from autodeploy.services.deployer.runs.models import Run
from autodeploy.services.monitor.notifications.models import Endpoint


def open_vault(path: Path) -> Vault:
    return Vault(EmbeddedBackend(Keyring.load(path)))


class Store:
    """One organization with values in every sealed column."""

    def __init__(self, db: Database):
        self.db = db
        self.user_id, self.organization_id, self.project_id = uuid4(), uuid4(), uuid4()
        self.connection_id = uuid4()

    async def fill(self, vault: Vault, variables: int = 3) -> None:
        async with self.db.transaction() as session:
            session.add_all(
                [
                    User(id=self.user_id, email="ada@example.com", name="Ada"),
                    Organization(id=self.organization_id, name="o", slug="o"),
                ]
            )
            await session.flush()
            session.add(
                Project(
                    id=self.project_id, organization_id=self.organization_id, name="p", slug="p"
                )
            )
        await self._add(vault, ProviderIntegration, "encrypted_token", self._connection)
        async with self.db.transaction() as session:
            await session.execute(
                update(ProviderIntegration).values(
                    encrypted_refresh_token=await self._sealed(
                        vault,
                        ProviderIntegration.encrypted_refresh_token,
                        "refresh",
                        self._connection,
                    )
                )
            )
        await self._add(
            vault,
            IdempotencyKey,
            "encrypted_answer",
            {"caller_id": self.user_id, "key": "k1", "request_hash": b"h"},
        )
        await self._add(vault, SecondFactor, "encrypted_secret", {"user_id": self.user_id})
        ids = {"id": uuid4(), "organization_id": self.organization_id}
        endpoint = {**ids, "kind": "webhook", "name": "n", "target": "t"}
        await self._add(vault, Endpoint, "encrypted_secret", endpoint)
        for column in ("encrypted_address", "encrypted_previous_secret"):
            await self._add(vault, Endpoint, column, {**endpoint, "id": uuid4()})
        project = {"project_id": self.project_id, "environment": "production"}
        database = {**ids, **project, "provider": "local"}
        await self._add(vault, ProjectDatabase, "encrypted_url", database)
        another = {**database, "id": uuid4(), "name": "another"}
        await self._add(vault, ProjectDatabase, "encrypted_password", another)
        third = {**database, "id": uuid4(), "name": "third"}
        await self._add(vault, ProjectDatabase, "encrypted_variables", third)
        await self._add(vault, Run, "encrypted_command", await self._run())
        await self._add(vault, GitHubWebhook, "encrypted_secret", await self._github_webhook())
        await self.add_variables(vault, [f"KEY_{number}" for number in range(variables)])

    async def _run(self) -> dict[str, object]:
        """What a command needs beside its own columns: an environment."""
        owned = {"organization_id": self.organization_id, "project_id": self.project_id}
        environment = Environment(id=uuid4(), name="production", host="p", **owned)
        async with self.db.transaction() as session:
            session.add(environment)
        run = {"environment_id": environment.id, "environment": "production"}
        return {"id": uuid4(), **owned, **run, "command": ["ls"], "timeout_seconds": 60}

    async def _github_webhook(self) -> dict[str, object]:
        """What a webhook at GitHub needs beside its own columns: a repository."""
        organization = {"organization_id": self.organization_id}
        repository = Repository(id=uuid4(), kind="github", full_name="o/p", url="u", **organization)
        async with self.db.transaction() as session:
            session.add(repository)
        return {"id": uuid4(), **organization, "repository_id": repository.id}

    @property
    def _connection(self) -> dict[str, object]:
        return {"id": self.connection_id, "user_id": self.user_id, "provider": "github"}

    async def add_variables(self, vault: Vault, keys: list[str]) -> None:
        rows = [
            EnvironmentVariable(
                organization_id=self.organization_id,
                project_id=self.project_id,
                environment="production",
                key=key,
            )
            for key in keys
        ]
        for row in rows:
            place = variable_place(row)
            row.encrypted_value = await vault.encrypt_for(
                place.subject, "encrypted_value", context=place.context
            )
        async with self.db.transaction() as session:
            session.add_all(rows)

    async def _add(
        self, vault: Vault, model: type[Base], name: str, values: Mapping[str, object]
    ) -> None:
        sealed = await self._sealed(vault, getattr(model, name), name, values)
        async with self.db.transaction() as session:
            session.add(model(**values, **{name: sealed}))

    async def _sealed(self, vault, attribute, text, values) -> str:
        place = place_of(attribute, **values)
        return await vault.encrypt_for(place.subject, text, context=place.context)

    async def read_all(self, vault: Vault) -> list[str]:
        """Every stored value, opened where it stands. Raises ``VaultError``."""
        texts = []
        async with self.db.transaction() as session:
            for column in sealed_columns(METADATA):
                query = select(*column.table.columns).where(column.is_not(None))
                for row in (await session.execute(query)).mappings():
                    place = column.info["seal"].of(row)
                    texts.append(
                        await vault.decrypt_for(
                            place.subject, row[column.name], context=place.context
                        )
                    )
        return sorted(texts)


async def connection(db: Database) -> ProviderIntegration:
    async with db.transaction() as session:
        return (await session.scalars(select(ProviderIntegration))).one()
