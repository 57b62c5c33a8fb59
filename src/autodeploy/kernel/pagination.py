"""Keyset pagination: newest first, by ``(created_at, id)``; the cursor is opaque to callers."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from autodeploy.kernel.errors import InvalidInput

DEFAULT_LIMIT = 50
MAXIMUM_LIMIT = 200

_LONGEST_POSITION = 9

Row = TypeVar("Row")


def encode_cursor(created_at: datetime, row_id: UUID) -> str:
    """The cursor that continues after the row with these two values."""
    return _pack(created_at.isoformat(), str(row_id))


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The ``(created_at, id)`` that ``encode_cursor`` was given.

    Raises ``InvalidInput`` with field ``cursor`` for anything else.
    """
    with _cursors_only():
        moment, row_id = _unpack(cursor)
        return _moment(moment), UUID(row_id)


def encode_ranked(rank: float, created_at: datetime, row_id: UUID) -> str:
    """The cursor that continues a list by rank after the row with these values."""
    return _pack(repr(rank), created_at.isoformat(), str(row_id))


def decode_ranked(cursor: str) -> tuple[float, datetime, UUID]:
    """What ``encode_ranked`` was given. Raises ``InvalidInput`` for anything else."""
    with _cursors_only():
        rank, moment, row_id = _unpack(cursor)
        return float(rank), _moment(moment), UUID(row_id)


def encode_position(position: int) -> str:
    """The cursor that continues a list of somebody else's at a position."""
    return _pack(str(position))


def decode_position(cursor: str) -> int:
    """What ``encode_position`` was given. Raises ``InvalidInput`` for anything else."""
    with _cursors_only():
        [position] = _unpack(cursor)
        if not position.isdecimal() or len(position) > _LONGEST_POSITION:
            raise ValueError("this is no position")
        return int(position)


def _pack(*parts: str) -> str:
    return urlsafe_b64encode("|".join(parts).encode()).decode().rstrip("=")


def _unpack(cursor: str) -> list[str]:
    padded = cursor + "=" * (-len(cursor) % 4)
    return urlsafe_b64decode(padded).decode("ascii").split("|")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a cursor's time names its zone")
    return moment


@contextmanager
def _cursors_only() -> Iterator[None]:
    try:
        yield
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(
            "The cursor is not one that this list gave out.",
            field="cursor",
            remedy="Pass the nextCursor of the page before, or leave the parameter out.",
        ) from error


def keyset(
    statement: Select[Any],
    created_at: InstrumentedAttribute[datetime] | ColumnElement[datetime],
    row_id: InstrumentedAttribute[UUID] | ColumnElement[UUID],
    *,
    limit: int,
    cursor: str | None,
) -> Select[Any]:
    """``statement`` ordered newest first, after ``cursor``, with one row more than ``limit``.

    The row too many tells ``split_page`` that another page follows.
    """
    if cursor is not None:
        moment, last_id = decode_cursor(cursor)
        statement = statement.where(tuple_(created_at, row_id) < (moment, last_id))
    return statement.order_by(created_at.desc(), row_id.desc()).limit(limit + 1)


def _place(row: Any) -> tuple[datetime, UUID]:
    return row.created_at, row.id


def split_page(
    rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[datetime, UUID]] = _place
) -> tuple[Sequence[Row], str | None]:
    """The rows of this page and the cursor of the next, given what ``keyset`` selected."""
    page = rows[:limit]
    return page, encode_cursor(*key(page[-1])) if len(rows) > limit else None
