"""Stored values move to the current key while the platform runs.

Values are read in small batches without a lock, opened and sealed anew, and each is written only
where the row still holds what was read: whoever changed a value meanwhile wins. A row that is
locked is left for the next pass, so that nobody waits for anybody. Nothing is remembered between
two runs: what is left to do is what the rows say.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    MetaData,
    Text,
    func,
    literal_column,
    select,
    tuple_,
    update,
)

from autodeploy.kernel.db import Database
from autodeploy.kernel.vault.columns import seal_of, sealed_columns
from autodeploy.kernel.vault.errors import VaultError
from autodeploy.kernel.vault.items import KEY_PATTERN, Item
from autodeploy.kernel.vault.vault import Vault

BATCH = 100
_PAUSE_SECONDS = 0.2
#: Passes that move nothing, before what is left is given up: its rows stay locked by others.
_IDLE_PASSES = 50

Progress = Callable[[int, int], None]


@dataclass
class Resealed:
    """``done`` values were written under the current key; ``failures`` name table, row and reason
    of those that do not open; ``left`` stayed locked all the time."""

    done: int = 0
    left: int = 0
    failures: list[str] = field(default_factory=list)


async def count_keys(db: Database, metadata: MetaData) -> Counter[str]:
    """How many stored values there are of each key; ``unknown`` are no ciphertexts."""
    counts: Counter[str] = Counter()
    async with db.transaction() as session:
        for column in sealed_columns(metadata):
            key = _key(column)
            rows = await session.execute(
                select(func.coalesce(key, "unknown"), func.count())
                .where(column.is_not(None))
                .group_by(key)
            )
            counts.update({row[0]: row[1] for row in rows})
    return counts


async def reseal_all(
    db: Database, vault: Vault, metadata: MetaData, *, progress: Progress = lambda *_: None
) -> Resealed:
    """Move every value of every sealed column to the current key.

    ``progress`` hears how many of how many are done. Killed anywhere, all rows can be read, and
    another call does the rest. Raises ``VaultAway`` and ``DatabaseAway``.
    """
    result = Resealed()
    current = await vault.sealing.current_key()
    counts = await count_keys(db, metadata)
    total = counts.total() - counts[current]
    progress(0, total)
    idle = 0
    while True:
        before, result.left, result.failures = result.done, 0, []
        for column in sealed_columns(metadata):
            is_older = _key(column).is_distinct_from(current)
            await _Pass(db, vault, column, result, is_older, progress, total).run()
        idle = idle + 1 if result.done == before else 0
        if not result.left or idle == _IDLE_PASSES:
            return result
        await asyncio.sleep(_PAUSE_SECONDS)


async def reseal_where(
    db: Database, vault: Vault, column: Column[Any], condition: ColumnElement[bool]
) -> Resealed:
    """Seal the values of a few rows anew, also those under the current key."""
    for _ in range(_IDLE_PASSES):
        result = Resealed()
        await _Pass(db, vault, column, result, condition, lambda *_: None, 0).run()
        if not result.left:
            break
        await asyncio.sleep(_PAUSE_SECONDS)
    return result


@dataclass
class _Pass:
    """One walk over a column, in the order of its primary key."""

    db: Database
    vault: Vault
    column: Column[Any]
    result: Resealed
    condition: ColumnElement[bool]
    progress: Progress
    total: int

    async def run(self) -> None:
        last: Sequence[Any] | None = None
        while batch := await self._read(after=last):
            last = self._id(batch[-1])
            sealed = await self._seal(batch)
            locked = await self._write(sealed)
            self.result.left += locked
            self.result.done += len(sealed) - locked
            self.progress(self.result.done, max(self.total, self.result.done))

    async def _read(self, *, after: Sequence[Any] | None) -> list[Mapping[str, Any]]:
        table, key = self.column.table, tuple_(*self._primary_key)
        query = (
            select(*table.columns)
            .where(self.column.is_not(None), self.condition)
            .order_by(*self._primary_key)
            .limit(BATCH)
        )
        if after is not None:
            query = query.where(key > tuple_(*after))
        async with self.db.transaction() as session:
            return [dict(row) for row in (await session.execute(query)).mappings()]

    async def _seal(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], str]]:
        """The rows with their new ciphertexts, without those that do not open."""
        seal = seal_of(self.column)
        places = [seal.of(row) for row in rows]
        opened = await self.vault.try_decrypt_many(
            [
                Item(place.subject, row[self.column.name], place.context)
                for row, place in zip(rows, places, strict=True)
            ]
        )
        readable, items = [], []
        for row, place, text in zip(rows, places, opened, strict=True):
            if isinstance(text, VaultError):
                where = ", ".join(str(part) for part in self._id(row))
                self.result.failures.append(f"{self.column} of {where}: {text.message}")
            else:
                readable.append(row)
                items.append(Item(place.subject, text, place.context))
        return list(zip(readable, await self.vault.encrypt_many(items), strict=True))

    async def _write(self, sealed: Sequence[tuple[Mapping[str, Any], str]]) -> int:
        """Write what is still as it was read; returns how many rows others hold at present."""
        if not sealed:
            return 0
        table = self.column.table
        keys = [tuple(self._id(row)) for row, _ in sealed]
        # The row does not change for anybody who reads it: when it was updated stays.
        kept = {each: each for each in table.columns if each.onupdate is not None}
        async with self.db.transaction() as session:
            free = await session.execute(
                select(*self._primary_key)
                .where(tuple_(*self._primary_key).in_(keys))
                .with_for_update(skip_locked=True)
            )
            ours = {tuple(row) for row in free}
            for row, ciphertext in sealed:
                if tuple(self._id(row)) in ours:
                    await session.execute(
                        update(table)
                        .where(
                            *(each == row[each.name] for each in self._primary_key),
                            self.column == row[self.column.name],
                        )
                        .values({**kept, self.column: ciphertext})
                    )
            if len(ours) == len(keys):
                return 0
            gone_or_locked = [key for key in keys if key not in ours]
            locked = await session.scalar(
                select(func.count())
                .select_from(table)
                .where(tuple_(*self._primary_key).in_(gone_or_locked))
            )
            return locked or 0

    @property
    def _primary_key(self) -> list[Column[Any]]:
        return list(self.column.table.primary_key.columns)

    def _id(self, row: Mapping[str, Any]) -> list[Any]:
        return [row[each.name] for each in self._primary_key]


def _key(column: Column[Any]) -> ColumnElement[str]:
    """The key that a stored value names (a pattern with one group gives the group)."""
    return func.substring(column, literal_column(f"'{KEY_PATTERN}'", Text))
