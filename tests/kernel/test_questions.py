"""Questions say what a query with the same condition would find."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import exists, func, literal, or_, select

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Database, DatabaseAway
from autodeploy.kernel.questions import ASKED_AT, Question
from autodeploy.services.deployer.leases import OPEN, has_status
from autodeploy.services.deployer.models import Deployment


async def test_values_are_those_of_the_condition_whatever_their_order(database: Database) -> None:
    hour = timedelta(hours=1)
    noon = datetime(2026, 11, 27, 12, tzinfo=UTC)
    question = Question(
        (literal("a") == func.lower("A"))
        & (noon - hour < ASKED_AT)
        & literal(3).in_([1, 2, 3])
        & (ASKED_AT - hour < noon)
        & ~exists(select(Deployment.id).where(has_status(Deployment, OPEN)))
    )
    asked = [await question.holds(database, noon + hour * ahead) for ahead in (-1, 0, 0.5, 1)]
    assert asked == [False, True, True, False]


async def test_without_a_moment_it_is_asked_now(database: Database) -> None:
    moment = now()
    assert await Question(moment <= ASKED_AT).holds(database)
    assert not await Question(moment + timedelta(minutes=1) < ASKED_AT).holds(database)


async def test_what_is_unknown_does_not_hold(database: Database) -> None:
    nothing = select(Deployment.branch).scalar_subquery()
    assert not await Question(or_(nothing == "main", literal(False))).holds(database)


async def test_a_database_that_is_away_says_so(home):
    lost = Database(f"postgresql://u:p@/x?host={home}")
    with pytest.raises(DatabaseAway):
        await Question(exists(select(Deployment.id))).holds(lost)
    await lost.close()
