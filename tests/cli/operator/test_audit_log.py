"""``audit prune``, as an operator meets it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import ProgrammingError
from tests.cli.command import run

from autodeploy.kernel.db import Database
from autodeploy.services.auth.models import AuditEntry
from autodeploy.services.auth.upkeep import delete_audit_entries

AGES = (1, 100, 400, 500)


@pytest.fixture
async def ages(owner_database):
    """Entries of these ages in days; returns those that are left."""
    now = datetime.now(UTC)
    async with owner_database.transaction() as session:
        for days in AGES:
            await session.execute(
                insert(AuditEntry).values(
                    actor="system",
                    action="project.update",
                    object_type="project",
                    created_at=now - timedelta(days=days),
                )
            )

    async def left() -> list[int]:
        async with owner_database.transaction() as session:
            rows = await session.scalars(
                select(AuditEntry.created_at).order_by(AuditEntry.created_at.desc())
            )
            return [(now - each).days for each in rows]

    return left


@pytest.fixture
def operator(home, database_url):
    """Runs commands of the operator on the platform's machine."""
    known = {"AUTODEPLOY_HOME": str(home), "AUTODEPLOY_DATABASE_URL": database_url}

    async def command(*arguments: str, stdin: str | None = None):
        return await asyncio.to_thread(run, home, *arguments, stdin=stdin, **known)

    return command


@pytest.fixture
def prune(operator):
    return partial(operator, "audit", "prune")


async def test_old_entries_are_deleted_after_their_number_was_typed(ages, prune):
    for typed in ("yes\n", "3\n", ""):
        refused = await prune("--before", "52w", stdin=typed)
        assert refused.returncode == 2
        assert "This deletes 2 entries" in refused.stderr
        assert await ages() == list(AGES)
    done = await prune("--before", "52w", stdin="2\n")
    assert done.returncode == 0, done.stderr
    assert "Deleted 2 entries from before " in done.stderr
    assert await ages() == [1, 100]


async def test_nothing_is_asked_where_nothing_is_old_or_with_yes(ages, prune):
    none = await prune("--before", "600d", "--json")
    assert json.loads(none.stdout)["deleted"] == 0
    day = f"{datetime.now() - timedelta(days=50):%Y-%m-%d}"
    done = await prune("--before", day, "--yes", "--json")
    answer = json.loads(done.stdout)
    assert answer["deleted"] == 3
    assert datetime.fromisoformat(answer["before"]).date() <= datetime.now().date()
    assert await ages() == [1]


@pytest.mark.parametrize(
    ("before", "said"), [("soon", "'soon' is no time"), ("2999-01-01", "still to come")]
)
async def test_a_time_that_is_none_or_to_come_deletes_nothing(ages, prune, before, said):
    refused = await prune("--before", before, "--yes")
    assert (refused.returncode, said in refused.stderr) == (2, True)
    assert await ages() == list(AGES)


async def test_options_of_the_list_are_not_taken_for_those_of_prune(ages, operator):
    refused = await operator("audit", "--org", "acme", "prune", "--before", "1h", "--yes")
    assert (refused.returncode, "behind its name" in refused.stderr) == (2, True)
    assert await ages() == list(AGES)


async def test_database_that_does_not_answer_is_told(home):
    known = {"AUTODEPLOY_HOME": str(home)}
    ended = await asyncio.to_thread(run, home, "audit", "prune", "--before", "1d", **known)
    assert ended.returncode == 69
    assert "autodeploy up" in ended.stderr


@pytest.mark.parametrize("role", ["autodeploy_app", "autodeploy_worker"])
async def test_no_other_role_of_the_database_can_delete(ages, database_url, role):
    database = Database(database_url, role=role)
    with pytest.raises(ProgrammingError, match="permission denied"):
        await delete_audit_entries(database, datetime.now(UTC))
    await database.close()
    assert await ages() == list(AGES)
