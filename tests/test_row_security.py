"""Row-level security: a query without any condition shows a caller its own rows and no other."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from tests.api.tenancy.world import World, make_world

from autodeploy.kernel.db import Database
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.tenancy import Tenancy, join
from autodeploy.migrations.models import METADATA
from autodeploy.services.auth import store
from autodeploy.services.auth.models import User
from autodeploy.services.auth.personal_tokens import ensure_administrator

#: Tables without policies, and why nobody's rows can be seen there.
WITHOUT_POLICIES = {"alembic_version": "one row, the revision of the schema"}


@pytest.fixture
async def world(resources: Resources) -> World:
    return await make_world(resources)


@pytest.fixture
async def app_database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, role="autodeploy_app")
    yield database
    await database.close()


def tenancy_of(organization_id: UUID, user_id: UUID) -> Tenancy:
    return Tenancy(organizations=frozenset({organization_id}), user=user_id, caller=user_id)


async def count_rows(session: AsyncSession) -> dict[str, int]:
    return {
        name: await session.scalar(select(func.count()).select_from(table)) or 0
        for name, table in METADATA.tables.items()
    }


async def test_every_table_has_policies_for_both_roles(database: Database) -> None:
    async with database.transaction() as session:
        rows = await session.execute(
            text(
                "SELECT c.relname, c.relrowsecurity, array_remove(array_agg(r.rolname::text), NULL)"
                " FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid"
                " LEFT JOIN pg_roles r ON r.oid = ANY (p.polroles)"
                " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
                " GROUP BY c.oid"
            )
        )
        found = {name: enabled and set(roles) for name, enabled, roles in rows}
    protected = {name for name, roles in found.items() if roles}
    assert found.keys() - protected == WITHOUT_POLICIES.keys()
    assert {frozenset(found[name]) for name in protected} == {
        frozenset({"autodeploy_app", "autodeploy_worker"})
    }


async def test_roles_do_not_bypass_policies(database: Database) -> None:
    async with database.transaction() as session:
        rows = await session.execute(
            text(
                "SELECT rolname FROM pg_roles WHERE rolname ~ '^autodeploy_'"
                " AND (rolbypassrls OR rolsuper OR rolcanlogin)"
            )
        )
        assert rows.all() == []
        owned = await session.execute(
            text(
                "SELECT relname FROM pg_class WHERE relowner IN"
                " ('autodeploy_app'::regrole, 'autodeploy_worker'::regrole)"
            )
        )
        assert owned.all() == []


async def test_transaction_that_is_told_nothing_sees_nothing(
    world: World, app_database: Database
) -> None:
    async with app_database.transaction() as session:
        assert {name for name, count in (await count_rows(session)).items() if count} == set()


async def test_queries_without_any_filter_show_the_callers_rows_alone(
    world: World, app_database: Database, database: Database
) -> None:
    async with database.transaction() as session:
        everything = await count_rows(session)
    ours, theirs = world.ours, world.theirs
    for estate in (ours, theirs):
        bound = app_database.acting_for(tenancy_of(estate.organization_id, estate.owner_id))
        async with bound.transaction() as session:
            seen = await count_rows(session)
            for name, table in METADATA.tables.items():
                if "organization_id" in table.columns:
                    owners = await session.scalars(select(table.c.organization_id).distinct())
                    assert set(owners) <= {estate.organization_id}, name
        filled = {name for name, count in everything.items() if count} - {"sessions"}
        assert [name for name in filled if not seen[name]] == []
        assert all(seen[name] < everything[name] for name in filled)


async def test_connection_carries_nothing_over_to_the_next_transaction(
    world: World, database_url: str
) -> None:
    single = Database(database_url, role="autodeploy_app", pool_size=1)
    bound = single.acting_for(tenancy_of(world.ours.organization_id, world.ours.owner_id))
    async with bound.transaction() as session:
        assert (await count_rows(session))["projects"] == 2
        backend = await session.scalar(select(func.pg_backend_pid()))
    async with single.transaction() as session:
        assert await session.scalar(select(func.pg_backend_pid())) == backend
        assert (await count_rows(session))["projects"] == 0
    await single.close()


async def test_rows_of_others_can_neither_be_made_nor_changed_nor_removed(
    world: World, app_database: Database
) -> None:
    bound = app_database.acting_for(tenancy_of(world.ours.organization_id, world.ours.owner_id))
    theirs = world.theirs
    async with bound.transaction() as session:
        for statement in (
            "UPDATE projects SET name = 'mine' WHERE id = :id",
            "DELETE FROM projects WHERE id = :id",
            "UPDATE users SET name = 'mine' WHERE id = :owner",
            "DELETE FROM users WHERE id = :owner",
        ):
            result = await session.execute(
                text(statement + " RETURNING id"),
                {"id": theirs.project_id, "owner": theirs.owner_id}
                if ":id" in statement
                else {"owner": theirs.owner_id},
            )
            assert result.all() == [], statement
    with pytest.raises(DBAPIError, match="row-level security"):
        async with bound.transaction() as session:
            await session.execute(
                text("INSERT INTO projects (organization_id, name, slug) VALUES (:id, 'x', 'x')"),
                {"id": theirs.organization_id},
            )
    with pytest.raises(DBAPIError, match="row-level security"):
        async with bound.transaction() as session:
            await session.execute(
                text("UPDATE projects SET organization_id = :id"), {"id": theirs.organization_id}
            )


async def test_co_members_are_seen_and_not_changed(world: World, app_database: Database) -> None:
    bound = app_database.acting_for(tenancy_of(world.ours.organization_id, world.ours.owner_id))
    async with bound.transaction() as session:
        assert await session.get(User, world.users["member"]) is not None
        for statement in ("UPDATE users SET name = 'x'", "DELETE FROM users"):
            changed = await session.execute(
                text(f"{statement} WHERE id = :id RETURNING id"), {"id": world.users["member"]}
            )
            assert changed.all() == []


async def test_nobody_makes_himself_a_member_of_what_he_was_not_told(
    world: World, app_database: Database
) -> None:
    user, organization = world.theirs.owner_id, world.ours.organization_id
    statement = text(
        "INSERT INTO organization_members (organization_id, user_id) VALUES (:organization, :user)"
    )
    ids = {"organization": organization, "user": user}
    bound = app_database.acting_for(tenancy_of(world.theirs.organization_id, user))
    with pytest.raises(DBAPIError, match="row-level security"):
        async with bound.transaction() as session:
            await session.execute(statement, ids)
    async with bound.transaction() as session:
        await join(session, organization)  # what an accepted invitation does
        await session.execute(statement, ids)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "zebra@example.com"),
        ("email", "nobody@example.com"),
        ("session", uuid4()),
        ("token", uuid4()),
        ("token", "00" * 32),
        ("", ""),
        ("email", "' OR true --"),
    ],
)
async def test_presented_credential_shows_what_belongs_to_its_owner_alone(
    world: World, app_database: Database, kind: str, value: object
) -> None:
    owner = {world.theirs.owner_id} if value == "zebra@example.com" else set()
    async with app_database.transaction() as session:
        await store.present(session, kind, value)
        assert set(await session.scalars(select(User.id))) == owner
        seen = await count_rows(session)
        assert {name for name, count in seen.items() if count} <= {
            "users",
            "api_tokens",
            "sessions",
            "organization_members",
        }


async def test_administrator_is_made_with_the_rights_of_the_api(
    resources: Resources, app_database: Database
) -> None:
    from dataclasses import replace

    as_app = replace(resources, db=app_database)
    assert await ensure_administrator(as_app, "boss@example.com")
    assert await ensure_administrator(as_app, "boss@example.com")
