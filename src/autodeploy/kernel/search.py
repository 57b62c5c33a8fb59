"""Full-text search in PostgreSQL: what a person typed becomes a query, the best match comes first.

The words of a text are stored by their English stems, so that ``deploys`` finds ``deployment``. The
last word that was typed may be unfinished: it also finds what begins with it, which takes more than
a prefix query, because the stem of the finished word may be shorter (``deploym`` of ``deployment``,
whose stem is ``deploy``).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    REAL,
    ColumnElement,
    Select,
    Uuid,
    cast,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from autodeploy.kernel.pagination import decode_ranked, encode_ranked, keyset, split_page

Row = TypeVar("Row")

# The parser takes acme/shop and app.example for one word each, a file and a host, and in app-2 a
# number below zero. Documents hold their parts too, and queries the parts alone.
_JOINTS = re.compile(r"(?<=\w)[/._-]")
_LAST_WORD = re.compile(r"[^\W_]+$")
_EXCLUDES = re.compile(r"(^|\s)-$")
_EITHER = re.compile(r"(^|\s)or\s+$", re.IGNORECASE)
_SHORTEST_STEM = 3

_PARSE = text(
    """
    SELECT numnode(whole), numnode(last), whole::text,
           (CASE WHEN :either THEN head || (last || begun) ELSE head && (last || begun) END)::text,
           (CASE WHEN :either THEN head || (last || begun || stems)
                 ELSE head && (last || begun || stems) END)::text
    FROM (SELECT websearch_to_tsquery('english', :whole) AS whole,
                 websearch_to_tsquery('english', :head) AS head,
                 websearch_to_tsquery('english', :word) AS last,
                 CAST(:begun AS tsquery) AS begun,
                 CAST(:stems AS tsquery) AS stems) AS parts
    """
)


@dataclass(frozen=True)
class Query:
    """Texts of PostgreSQL's type ``tsquery``.

    ``narrow`` finds what certainly fits. ``wide`` also finds what may, and then ``word``, the one
    that may be unfinished, has to occur as it was typed.
    """

    narrow: str
    wide: str
    word: str | None


async def parse(session: AsyncSession, typed: str) -> Query | None:
    """The query for what a person typed, in the notation of web search engines: ``two words``,
    ``"a phrase"``, ``this or that``, ``-without``. Every input is one.

    None when it holds no word to look for, but only such as *the*, or signs.
    """
    typed = _JOINTS.sub(" ", typed).strip()
    head, word = _split(typed)
    stems = [word[:length] for length in range(_SHORTEST_STEM, len(word))]
    row = await session.execute(
        _PARSE,
        {
            "whole": typed,
            "head": head,
            "word": word,
            "begun": f"'{word}':*" if word else "",
            "stems": "|".join(f"'{stem}'" for stem in stems),
            "either": _EITHER.search(head) is not None,
        },
    )
    nodes, nodes_of_last, whole, narrow, wide = row.one()
    if not nodes:
        return None
    return Query(narrow, wide, word) if nodes_of_last else Query(whole, whole, None)


def _split(typed: str) -> tuple[str, str]:
    """What comes before the last word, and that word, or nothing where it is quoted, excluded
    or no word."""
    found = _LAST_WORD.search(typed)
    if found is None:
        return typed, ""
    head = typed[: found.start()]
    if head.count('"') % 2 or _EXCLUDES.search(head):
        return typed, ""
    return head, found.group().lower()


def index_on(document: str) -> str:
    """The expression of the GIN index over an SQL text."""
    return f"to_tsvector('english', {document})"


@dataclass(frozen=True)
class Searched:
    """A table that is searched.

    Args:
        document: the SQL text that ``index_on`` was given.
        function: the SQL function that gives the ids of the rows of some organizations whose
            document matches a query, by the index, which row-level security keeps from us.
        weights: an SQL tsvector that says which parts of it count more.
        name: serves the queries that hold no word to look for.
    """

    document: str
    function: str
    weights: str
    name: InstrumentedAttribute[str]
    created_at: InstrumentedAttribute[datetime]
    row_id: InstrumentedAttribute[UUID]

    async def list_page(
        self,
        session: AsyncSession,
        statement: Select[Row],
        organization_ids: Collection[UUID],
        *,
        q: str | None,
        limit: int,
        cursor: str | None,
    ) -> tuple[Sequence[Row], str | None]:
        """One page of the rows of ``statement``, which are of these organizations, that match
        ``q``, and the cursor of the next.

        The best match comes first, of equal ones the newest. Without ``q`` these are all rows,
        newest first, and with one that holds no word to look for those whose name holds it.

        A ranked page continues by ``(rank, created_at, id)``, so rows that come or go between two
        pages shift none of the others; it costs what it costs to rank all matches. Raises
        ``InvalidInput`` for a cursor of another list.
        """
        q = q.strip() if q else None
        query = await parse(session, q) if q else None
        if query is not None:
            statement = statement.where(self._find(organization_ids, query))
            return await self._list_ranked(session, statement, query, limit, cursor)
        if q:
            statement = statement.where(self.name.icontains(q, autoescape=True))
        statement = statement.add_columns(self.created_at, self.row_id)
        found = await session.execute(
            keyset(statement, self.created_at, self.row_id, limit=limit, cursor=cursor)
        )
        page, following = split_page(found.all(), limit, lambda row: (row[1], row[2]))
        return [row[0] for row in page], following

    async def _list_ranked(
        self,
        session: AsyncSession,
        statement: Select[Row],
        query: Query,
        limit: int,
        cursor: str | None,
    ) -> tuple[Sequence[Row], str | None]:
        weights: ColumnElement[Any] = literal_column(self.weights)
        rank = cast(func.ts_rank(weights, cast(query.wide, TSQUERY)), REAL)
        position = (rank, self.created_at, self.row_id)
        wanted = statement.add_columns(*position)
        if cursor is not None:
            wanted = wanted.where(tuple_(*position) < tuple_(*decode_ranked(cursor)))
        found = await session.execute(
            wanted.order_by(*(column.desc() for column in position)).limit(limit + 1)
        )
        rows = found.all()
        page = rows[:limit]
        following = encode_ranked(*page[-1][1:]) if len(rows) > limit else None
        return [row[0] for row in page], following

    def _find(self, organization_ids: Collection[UUID], query: Query) -> ColumnElement[bool]:
        wide = cast(query.wide, TSQUERY)
        search = getattr(func, self.function)
        ids = select(search(cast(list(organization_ids), ARRAY(Uuid)), wide))
        found = self.row_id.in_(ids)
        if query.word is None:
            return found
        vector: ColumnElement[Any] = literal_column(index_on(self.document))
        narrow = vector.bool_op("@@")(cast(query.narrow, TSQUERY))
        document: ColumnElement[str] = literal_column(f"({self.document})")
        return found & or_(narrow, document.icontains(query.word, autoescape=True))
