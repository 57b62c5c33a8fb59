"""The migrated schema is the models', and the database itself refuses what it must."""

import asyncio
import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.schema import CreateIndex

from autodeploy.kernel.db import Database
from autodeploy.kernel.embedded.postgres import EmbeddedPostgres
from autodeploy.migrations import HEAD
from autodeploy.migrations.models import METADATA
from autodeploy.migrations.upgrade import configuration, upgrade

# PostgreSQL writes these expressions in its own words, which Alembic takes for others.
SEARCH_INDEXES = {"idx_projects_search": "projects", "idx_repositories_search": "repositories"}


async def test_models_and_migrated_schema_do_not_differ(database_url: str) -> None:
    owner = Database(database_url)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_object": lambda _object, name, *_: name not in SEARCH_INDEXES,
            },
        )
        return list(compare_metadata(context, METADATA))

    async with owner.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await owner.close()


def checks_of_models() -> set[tuple[str, str]]:
    return {
        (table.name, str(constraint.name))
        for table in METADATA.tables.values()
        for constraint in table.constraints
        if type(constraint).__name__ == "CheckConstraint"
    }


async def test_checks_of_models_are_in_the_schema(database_url: str) -> None:
    """Alembic does not compare CHECK constraints, so they are compared here."""
    owner = Database(database_url)
    async with owner.transaction() as session:
        rows = await session.execute(
            text(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint"
                " WHERE contype = 'c' AND conrelid <> 0"
            )
        )
        assert {(table, name) for table, name in rows} == checks_of_models()
    await owner.close()


@pytest.mark.parametrize(("name", "table"), SEARCH_INDEXES.items())
async def test_search_index_is_the_one_of_the_model(
    database_url: str, name: str, table: str
) -> None:
    [index] = [each for each in METADATA.tables[table].indexes if each.name == name]
    definition = text("SELECT pg_get_indexdef(CAST(:name AS regclass))")
    owner = Database(database_url)
    async with owner.transaction() as session:
        migrated = await session.scalar(definition, {"name": name})
        await session.execute(text(f"DROP INDEX {name}"))
        await session.execute(CreateIndex(index))
        assert await session.scalar(definition, {"name": name}) == migrated
    await owner.close()


async def test_search_index_covers_projects_without_a_description(database: Database) -> None:
    async with database.transaction() as session:
        definition = await session.execute(
            text("SELECT pg_get_indexdef(CAST('idx_projects_search' AS regclass))")
        )
        assert "COALESCE(description, ''::text)" in definition.scalar_one()


async def insert_project(session: AsyncSession) -> dict[str, object]:
    ids = {"organization": uuid4(), "project": uuid4()}
    await session.execute(
        text("INSERT INTO organizations (id, name, slug) VALUES (:organization, 'o', 'o')"), ids
    )
    await session.execute(
        text(
            "INSERT INTO projects (id, organization_id, name, slug)"
            " VALUES (:project, :organization, 'p', 'p')"
        ),
        ids,
    )
    return ids


INSERT_DEPLOYMENT = text(
    "INSERT INTO deployments (organization_id, project_id, branch, commit_sha, provider, status)"
    " VALUES (:organization, :project, 'main', repeat('a', 40), 'local', :status)"
)


INSERT_ENVIRONMENT = text(
    "INSERT INTO environments (organization_id, project_id, name, host, created_at)"
    " VALUES (:organization, :project, :name, gen_random_uuid()::text, :created)"
)
INSERT_PROMOTED = text(
    "INSERT INTO deployments (organization_id, project_id, environment, branch, commit_sha,"
    " provider, status, promoted_at) VALUES (:organization, :project, :environment, :branch,"
    " repeat('a', 40), 'local', 'ready', :promoted)"
)


async def test_known_status_is_stored(database: Database) -> None:
    async with database.transaction() as session:
        ids = await insert_project(session)
        await session.execute(INSERT_DEPLOYMENT, {**ids, "status": "building"})


async def test_unknown_status_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError, match="ck_deployments_status"):
        async with database.transaction() as session:
            ids = await insert_project(session)
            await session.execute(INSERT_DEPLOYMENT, {**ids, "status": "finished"})


async def test_second_running_deployment_of_an_environment_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError, match="uq_deployments_running"):
        async with database.transaction() as session:
            ids = await insert_project(session)
            await session.execute(INSERT_DEPLOYMENT, {**ids, "status": "building"})
            await session.execute(INSERT_DEPLOYMENT, {**ids, "status": "deploying"})


@pytest.mark.parametrize("role", ["autodeploy_app", "autodeploy_worker"])
async def test_role_is_taken_at_connect(database_url: str, role: str) -> None:
    database = Database(database_url, role=role)
    async with database.transaction() as session:
        assert (await session.execute(text("SELECT current_user"))).scalar_one() == role
    await database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE users",
        "UPDATE audit_log SET action = 'nothing'",
        "DELETE FROM audit_log",
        "UPDATE alembic_version SET version_num = 'x'",
        "CREATE ROLE another SUPERUSER",
    ],
)
@pytest.mark.parametrize("role", ["autodeploy_app", "autodeploy_worker"])
async def test_role_that_exceeds_its_rights_is_refused(
    database_url: str, role: str, statement: str
) -> None:
    database = Database(database_url, role=role)
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        async with database.transaction() as session:
            await session.execute(text(statement))
    await database.close()


async def test_role_may_add_to_the_audit_log(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO audit_log (actor, action, object_type)"
                " VALUES ('system', 'made', 'project')"
            )
        )
        count = await session.execute(text("SELECT count(*) FROM audit_log"))
        assert count.scalar_one() == 1


async def test_migrations_at_once_on_a_missing_database_agree(postgres: EmbeddedPostgres) -> None:
    url = postgres.url("migrated_twice")
    await upgrade(url)
    await asyncio.gather(upgrade(url), upgrade(url))
    database = Database(url)
    async with database.transaction() as session:
        version = await session.execute(text("SELECT version_num FROM alembic_version"))
        assert version.scalars().all() == [HEAD]
    await database.close()


async def test_releases_of_environments_that_are_gone_are_let_go_by_the_migration(
    postgres: EmbeddedPostgres,
) -> None:
    """Those of an environment that is there go on; one of the same name that was made later, or is
    another project's, is not theirs."""
    url = postgres.url("migrated_with_rows")
    await upgrade(url, "0031")
    database = Database(url)
    async with database.transaction() as session:
        ids = await insert_project(session)
        other = {**ids, "project": uuid4()}
        await session.execute(
            text(
                "INSERT INTO projects (id, organization_id, name, slug)"
                " VALUES (:project, :organization, 'q', 'q')"
            ),
            other,
        )
        month = [datetime(2026, number, 1, tzinfo=UTC) for number in (1, 2, 3)]
        for owner, name, created in (
            (ids, "kept", month[0]), (ids, "anew", month[2]), (other, "gone", month[0]),
        ):  # fmt: skip
            await session.execute(INSERT_ENVIRONMENT, {**owner, "name": name, "created": created})
        for branch, environment, promoted in (
            ("kept", "kept", month[1]),
            ("anew", "anew", month[1]),
            ("gone", "gone", month[1]),
            ("never live", "gone", None),
        ):
            values = {"branch": branch, "environment": environment, "promoted": promoted}
            await session.execute(INSERT_PROMOTED, {**ids, **values})
    await database.close()
    await upgrade(url)
    database = Database(url)
    async with database.transaction() as session:
        rows = await session.execute(
            text("SELECT branch FROM deployments WHERE let_go_at IS NOT NULL ORDER BY branch")
        )
        assert list(rows.scalars()) == ["anew", "gone"]
    await database.close()


def test_head_is_the_newest_revision_of_one_history() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [HEAD]


def test_tables_of_the_tenants_name_their_organization() -> None:
    """What belongs to a tenant carries ``organization_id``; the rest is on this list."""
    of_the_platform = {
        "users",
        "organizations",
        "sessions",
        "api_tokens",
        "idempotency_keys",
        "orphans",
    }
    of_a_user = {
        "provider_integrations",
        "identities",
        "account_links",
        "second_factors",
        "recovery_codes",
    }
    without = {
        name for name, table in METADATA.tables.items() if "organization_id" not in table.columns
    }
    assert without == of_the_platform | of_a_user


def test_indexes_of_the_seed_exist() -> None:
    names = {str(i.name) for table in METADATA.tables.values() for i in table.indexes}
    wanted = """idx_deployments_project_status idx_deployments_created_at idx_projects_org_id
        idx_organization_members_org_id idx_env_vars_project_env idx_projects_search
        idx_repositories_search"""
    assert set(re.split(r"\s+", wanted)) <= names
