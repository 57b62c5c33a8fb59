import re
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError
from tests.architecture.source import import_everything
from tests.services.auth.accounts import principal
from tests.services.auth.people import entries, team

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Base, Database
from autodeploy.kernel.errors import Forbidden, NotFound
from autodeploy.services.auth import audit, audit_reading, organizations
from autodeploy.services.auth.audit import FIELDS, Actor, ObjectType
from autodeploy.services.auth.audit_reading import AuditFilter
from autodeploy.services.auth.models import Organization, Role, User
from autodeploy.services.auth.organization_schemas import OrganizationUpdate
from autodeploy.services.auth.permissions import Action
from autodeploy.services.auth.principal import Scope

SECRET = re.compile(r"password|secret|token|hash|encrypted|refresh")


def test_each_field_of_the_log_is_a_column_and_none_that_is_shown_holds_a_secret():
    import_everything()
    mapped = {
        mapper.local_table.name: {column.key for column in mapper.column_attrs}
        for mapper in Base.registry.mappers
    }
    for table, fields in FIELDS.items():
        columns = mapped[table]
        assert set(fields.shown) | set(fields.hidden) <= columns, table
        assert [name for name in fields.shown if SECRET.search(name) and name != "is_secret"] == []
    assert {fields.object_type for fields in FIELDS.values()} == set(ObjectType)


async def read(resources, person, organization_id, **wanted):
    page = await audit_reading.list_organization_entries(
        resources, person, organization_id, AuditFilter(**wanted), limit=50, cursor=None
    )
    return page.items


async def renamed(resources, person, organization_id, name):
    await organizations.update_organization(
        resources, person, organization_id, OrganizationUpdate(name=name)
    )


async def test_an_entry_says_who_what_where_and_from_what_to_what(resources):
    acme = await team(resources)
    caller = replace(acme.owner, address="203.0.113.7", user_agent="tests/1")
    await renamed(resources, caller, acme.id, "Acme Ltd")
    entry, _ = await read(resources, acme.owner, acme.id)
    assert (entry.actor, entry.user_id, entry.user) == (
        "user", acme.owner.user_id, acme.owner.email,
    )  # fmt: skip
    assert (entry.action, entry.object_type, entry.object_id) == (
        "organization.update", "organization", str(acme.id),
    )  # fmt: skip
    assert (entry.address, entry.user_agent) == ("203.0.113.7", "tests/1")
    (change,) = entry.changes
    assert (change.field, change.before, change.after, change.hidden) == (
        "name", "Acme", "Acme Ltd", False,
    )  # fmt: skip


async def test_a_personal_token_is_named_beside_its_user(resources):
    acme = await team(resources)
    token_id = uuid4()
    await renamed(resources, replace(acme.owner, token_id=token_id), acme.id, "Acme Ltd")
    entry, _ = await read(resources, acme.owner, acme.id)
    assert (entry.actor, entry.token_id, entry.user_id) == (
        "token", token_id, acme.owner.user_id,
    )  # fmt: skip


async def test_a_hidden_field_is_said_to_have_changed_and_never_shown(resources):
    ada = await principal(resources)
    async with resources.db.transaction() as session:
        user = await session.get_one(User, ada.user_id)
        before = audit.snapshot(user)
        user.encrypted_password = "a-planted-canary"
        after = audit.snapshot(user)
        await audit.record(
            session, ada, audit.OwnAction.USER_UPDATE, user, before=before, after=after
        )
    (entry,) = await entries(resources, "auth.user_update")
    assert entry.changes == {"encrypted_password": {"hidden": True}}
    page = await audit_reading.list_account_entries(
        resources, ada, AuditFilter(action="auth.user_update"), limit=5, cursor=None
    )
    assert [(each.field, each.hidden) for each in page.items[0].changes] == [
        ("encryptedPassword", True)
    ]


async def test_an_entry_is_written_with_its_change_or_not_at_all(resources):
    acme = await team(resources)
    with pytest.raises(RuntimeError):
        async with resources.db.transaction() as session:
            organization = await session.get_one(Organization, acme.id)
            organization.name = "Gone"
            await audit.record(session, acme.owner, Action.ORGANIZATION_UPDATE, organization)
            raise RuntimeError
    assert await entries(resources, "organization.update") == []


async def test_long_text_is_cut(resources):
    acme = await team(resources)
    async with resources.db.transaction() as session:
        organization = await session.get_one(Organization, acme.id)
        before = audit.snapshot(organization)
        await audit.record(
            session, acme.owner, Action.ORGANIZATION_UPDATE, organization,
            before=before, after={**before, "name": "x" * 5000},
        )  # fmt: skip
    (entry,) = await entries(resources, "organization.update")
    assert entry.changes["name"]["after"] == "x" * 1000 + "…"


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
async def test_below_admin_nobody_reads_the_log(resources, role):
    acme = await team(resources)
    with pytest.raises(Forbidden):
        await read(resources, await acme.joined(role), acme.id)


async def test_the_log_of_another_organization_is_not_found(resources):
    acme, other = await team(resources), await team(resources, "Other")
    with pytest.raises(NotFound):
        await read(resources, other.owner, acme.id)
    assert [entry.object_id for entry in await read(resources, other.owner, other.id)] == [
        str(other.id)
    ]


async def test_an_exporter_reads_the_log_with_a_token_that_can_only_read(resources):
    acme = await team(resources)
    reader = replace(acme.owner, scopes=frozenset({Scope.READ}))
    assert len(await read(resources, reader, acme.id)) == 1


async def test_filters_find_exactly_their_entries(resources):
    acme = await team(resources)
    admin = await acme.joined(Role.ADMIN)
    await renamed(resources, admin, acme.id, "One")
    start = now()
    await renamed(resources, acme.owner, acme.id, "Two")

    async def names(**wanted):
        found = await read(resources, acme.owner, acme.id, **wanted)
        return [entry.changes[0].after for entry in found]

    assert await names() == ["Two", "One", "Acme"]
    assert await names(action="organization.update") == ["Two", "One"]
    assert await names(user_id=admin.user_id) == ["One"]
    assert await names(object_type=ObjectType.MEMBER) == []
    assert await names(object_id=str(acme.id)) == ["Two", "One", "Acme"]
    assert await names(since=start) == ["Two"]
    assert await names(until=start) == ["One", "Acme"]
    assert await names(since=start, until=start + timedelta(microseconds=1)) == []


async def test_pages_of_the_log_hold_each_entry_once_newest_first(resources):
    acme = await team(resources)
    for name in ("1", "2", "3", "4"):
        await renamed(resources, acme.owner, acme.id, name)
    seen, cursor = [], None
    for _ in range(3):
        page = await audit_reading.list_organization_entries(
            resources, acme.owner, acme.id, AuditFilter(), limit=2, cursor=cursor
        )
        seen += [entry.changes[0].after for entry in page.items]
        cursor = page.next_cursor
    assert seen == ["4", "3", "2", "1", "Acme"]
    assert cursor is None


async def test_an_account_sees_its_own_entries_alone(resources):
    ada, eve = await principal(resources), await principal(resources)
    async with resources.db.transaction() as session:
        user = await session.get_one(User, ada.user_id)
        stranger = Actor(kind=audit.ActorKind.ANONYMOUS, address="203.0.113.9")
        await audit.record(session, stranger, audit.OwnAction.LOGIN_FAILED, user)
    wanted = AuditFilter(action="auth.login_failed")
    for person, addresses in ((ada, ["203.0.113.9"]), (eve, [])):
        page = await audit_reading.list_account_entries(
            resources, person, wanted, limit=5, cursor=None
        )
        assert [entry.address for entry in page.items] == addresses


async def test_entries_outlive_their_user_and_organization_with_their_ids(resources):
    acme = await team(resources)
    async with resources.db.transaction() as session:
        await session.execute(delete(Organization))
        await session.execute(delete(User))
    (entry,) = await entries(resources, "organization.create")
    assert (entry.organization_id, entry.user_id) == (acme.id, acme.owner.user_id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET action = 'nothing'",
        "UPDATE audit_log SET user_id = NULL",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TABLE audit_log",
    ],
)
@pytest.mark.parametrize("role", ["autodeploy_app", "autodeploy_worker"])
async def test_the_application_can_only_add_to_the_log(resources, database_url, role, statement):
    await team(resources)
    before = len(await entries(resources))
    database = Database(database_url, role=role)
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        async with database.transaction() as session:
            await session.execute(text(statement))
    await database.close()
    assert len(await entries(resources)) == before
