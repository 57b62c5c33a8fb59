"""Whether a condition holds in the database, asked over and over at the price of one statement.

A transaction of SQLAlchemy that finds nothing costs a millisecond or two. Here a condition is put
into the words of PostgreSQL once, and asked as ``Database.fetch_row`` asks.
"""

from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, DateTime, bindparam, select
from sqlalchemy.dialects.postgresql import asyncpg

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import Database

#: A moment as a condition is given it: one that is known, or ``ASKED_AT``.
Moment = datetime | BindParameter[datetime]
#: In the condition of a question, the moment at which it is asked. (Without a value of its own
#: the condition could not be put into words.)
ASKED_AT: BindParameter[datetime] = bindparam("asked_at", None, DateTime(timezone=True))


class Question:
    """A condition about whole tables, such as that a row of a kind exists."""

    def __init__(self, condition: ColumnElement[bool]):
        compiled = select(condition.label("holds")).compile(
            dialect=asyncpg.dialect(),  # type: ignore[no-untyped-call]
            compile_kwargs={"render_postcompile": True},
        )
        self._statement = compiled.string
        self._values = {name: compiled.params[name] for name in compiled.positiontup or ()}

    async def holds(self, db: Database, moment: datetime | None = None) -> bool:
        """Whether it holds of what the role of ``db`` sees without a tenancy, at this moment or
        another one.

        Raises ``DatabaseAway``, ``DatabaseRefused``.
        """
        asked_at = {ASKED_AT.key: moment or now()}
        values = {name: asked_at.get(name, value) for name, value in self._values.items()}
        row = await db.fetch_row(self._statement, *values.values())
        return row is not None and row["holds"]
