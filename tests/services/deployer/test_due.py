"""What is asked before a duty begins: it holds whenever the duty would find anything."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ColumnElement, event, update
from tests.services.deployer.databases.office import WITH_DATABASE, Office
from tests.services.deployer.platform import Platform, eventually
from tests.services.deployer.provider import fail_with

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Database, DatabaseAway
from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.questions import ASKED_AT, Question
from autodeploy.services.deployer.databases.dispatch import dispatch_databases, has_due_databases
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.databases.rotation import has_retiring_logins
from autodeploy.services.deployer.dispatch import dispatch_due, has_due_deployments
from autodeploy.services.deployer.domains.work import has_due_domains
from autodeploy.services.deployer.holdings.models import Orphan
from autodeploy.services.deployer.holdings.orphans import has_unwanted
from autodeploy.services.deployer.leases import take_lease
from autodeploy.services.deployer.leftovers import has_leftovers
from autodeploy.services.deployer.models import Environment, Project
from autodeploy.services.deployer.pushes.duties import (
    has_something_to_follow,
    has_something_to_tell,
)
from autodeploy.services.deployer.reconciler import Reconciler
from autodeploy.services.deployer.releases import has_live
from autodeploy.services.deployer.removal import has_deleted
from autodeploy.services.deployer.runs.rows import has_work
from autodeploy.services.monitor.notifications.outbox import has_something_to_send, spread


async def _holds(platform: Platform, condition: ColumnElement[bool]) -> bool:
    return await Question(condition).holds(platform.resources.db)


async def test_nothing_is_due_where_nothing_is_asked_for(platform: Platform) -> None:
    await platform.deployed(await platform.project(), configuration=WITH_DATABASE)
    await spread(platform.resources.db, now())
    conditions = (
        has_due_deployments(),
        has_leftovers(),
        has_deleted(),
        has_due_databases(),
        has_retiring_logins(),
        has_unwanted(),
        has_due_domains(ASKED_AT),
        has_something_to_follow(ASKED_AT),
        has_something_to_tell(ASKED_AT),
        has_work(),
        has_something_to_send(ASKED_AT),
    )
    assert not any([await _holds(platform, each) for each in conditions])


async def test_deployments_are_due_until_they_are_queued_or_run(platform: Platform) -> None:
    created = await platform.deploy(await platform.project())
    assert not await _holds(platform, has_due_deployments()), "it was queued just now"
    for lost in (None, now() - timedelta(seconds=6), now() + timedelta(hours=1)):
        await platform.set(created.id, dispatched_at=lost)
        assert await _holds(platform, has_due_deployments())
        assert await dispatch_due(platform.resources) == 1
        await platform.set(created.id, dispatch=1)
    assert await take_lease(platform.resources.db, created.id, "worker", 60)
    assert not await _holds(platform, has_due_deployments())
    await platform.expire_lease(created.id)
    assert await _holds(platform, has_due_deployments())
    await platform.set(created.id, status="cancelled", completed_at=now())
    assert not await _holds(platform, has_due_deployments())


async def test_deployments_that_wait_for_their_environment_are_not_due(platform: Platform) -> None:
    project = await platform.project()
    first = await platform.deploy(project)
    await take_lease(platform.resources.db, first.id, "worker", 60)
    await platform.set(first.id, status="building")
    second = await platform.deploy(project)
    await platform.set(second.id, dispatched_at=None)
    assert not await _holds(platform, has_due_deployments())
    await platform.set(first.id, status="ready", completed_at=now())
    assert await _holds(platform, has_due_deployments())


async def test_a_live_app_is_seen(platform: Platform) -> None:
    assert not await _holds(platform, has_live())
    await platform.deployed(await platform.project())
    assert await _holds(platform, has_live())


async def test_a_release_that_was_replaced_is_seen_until_it_is_gone(platform: Platform) -> None:
    project = await platform.project()
    platform.provider.at["retire"] = fail_with(Unavailable("away"))
    await platform.deployed(project)
    await platform.deployed(project)
    assert await _holds(platform, has_leftovers())
    platform.provider.at.clear()
    await Reconciler(platform.engine).run_once()
    assert not await _holds(platform, has_leftovers())


@pytest.mark.parametrize("table", [Project, Environment])
async def test_what_is_to_be_deleted_is_seen_until_it_is_gone(
    platform: Platform, table: type[Project | Environment]
) -> None:
    await platform.deployed(await platform.project())
    async with platform.resources.db.transaction() as session:
        await session.execute(update(table).values(deletion_requested_at=now()))
    assert await _holds(platform, has_deleted())
    await Reconciler(platform.engine).run_once()
    assert not await _holds(platform, has_deleted())


async def test_databases_are_due_until_nothing_is_left_to_do(platform: Platform) -> None:
    office = Office(platform)
    asked = await office.asked()
    assert not await _holds(platform, has_due_databases()), "it was queued just now"
    await office.set(ProjectDatabase, asked.id, dispatched_at=None)
    assert await _holds(platform, has_due_databases())
    assert await dispatch_databases(platform.resources) == 1
    await office.work(asked.id)
    for ask in (office.backup, office.rotate):
        await ask(asked.id)
        await office.set(ProjectDatabase, asked.id, dispatched_at=None)
        assert await _holds(platform, has_due_databases())
        await Reconciler(platform.engine).run_once()
        assert not await _holds(platform, has_due_databases()), "it is queued"
        await office.set(ProjectDatabase, asked.id, dispatched_at=None)
        await office.work(asked.id)
        assert not await _holds(platform, has_due_databases())


async def test_a_login_is_seen_until_it_is_shut(
    platform: Platform,
) -> None:
    office = Office(platform)
    database = await office.made()
    await office.rotate(database.id)
    await office.work(database.id)
    assert await _holds(platform, has_retiring_logins())
    await Reconciler(platform.engine).run_once()
    assert not await _holds(platform, has_retiring_logins())


async def test_an_orphan_is_seen_once_its_removal_is_asked_for(platform: Platform) -> None:
    async with platform.resources.db.transaction() as session:
        session.add(
            Orphan(provider="local", kind="release", external_id=str(uuid4()), made_at=now())
        )
    assert not await _holds(platform, has_unwanted())
    async with platform.resources.db.transaction() as session:
        await session.execute(update(Orphan).values(removal_requested_at=now()))
    assert await _holds(platform, has_unwanted())
    await Reconciler(platform.engine).run_once()
    assert not await _holds(platform, has_unwanted())


async def test_an_idle_worker_opens_no_transaction_and_takes_no_lock(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    asked: list[str] = []
    fetch_row = Database.fetch_row

    async def ask(db: Database, statement: str, *arguments: object) -> dict[str, Any] | None:
        asked.append(statement)
        return await fetch_row(db, statement, *arguments)

    monkeypatch.setattr(Database, "fetch_row", ask)
    event.listen(
        platform.resources.db.engine.sync_engine,
        "before_cursor_execute",
        lambda *arguments: statements.append(arguments[2]),
    )
    async with _running(Reconciler(platform.engine, interval_seconds=0.01)):
        await eventually(lambda: _are(asked, more_than=100))
    assert statements == []


async def test_a_question_that_fails_is_asked_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await platform.deploy(await platform.project())
    await platform.set(created.id, dispatched_at=None)
    holds, failures = Question.holds, iter(range(30))

    async def fail_first(question: Question, db: Database, *arguments: Any) -> bool:
        if next(failures, None) is not None:
            raise DatabaseAway
        return await holds(question, db, *arguments)

    monkeypatch.setattr(Question, "holds", fail_first)
    async with _running(Reconciler(platform.engine, interval_seconds=0.01)):
        await eventually(lambda: _is_queued_again(platform, created.id))


@contextlib.asynccontextmanager
async def _running(reconciler: Reconciler) -> AsyncIterator[None]:
    working = asyncio.create_task(reconciler.run())
    try:
        yield
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


async def _are(asked: list[str], *, more_than: int) -> bool:
    return len(asked) > more_than


async def _is_queued_again(platform: Platform, deployment_id: UUID) -> bool:
    return (await platform.row(deployment_id)).dispatch == 2
