"""Search, on a table of its own."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.db import Database
from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.search import Searched, index_on

DOCUMENT = "name || ' the ' || translate(name, '/._-', '    ')"
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

THINGS = Table(
    "things",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text),
    Column("created_at", DateTime(timezone=True)),
)
SEARCHED = Searched(
    document=DOCUMENT,
    function="search_things",
    weights=index_on(DOCUMENT),
    name=THINGS.c.name,
    created_at=THINGS.c.created_at,
    row_id=THINGS.c.id,
)


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[AsyncSession]:
    database = Database(database_url)
    async with database.transaction() as session:
        await session.execute(
            text("CREATE TABLE things (id uuid PRIMARY KEY, name text, created_at timestamptz)")
        )
        await session.execute(
            text(
                "CREATE FUNCTION search_things(uuid[], query tsquery) RETURNS SETOF uuid "
                f"LANGUAGE sql AS $$ SELECT id FROM things WHERE {index_on(DOCUMENT)} @@ $2 $$"
            )
        )
        yield session
    await database.close()


async def _add(session: AsyncSession, names: Sequence[str]) -> None:
    rows = [
        {"id": uuid4(), "name": name, "created_at": BEGIN + timedelta(seconds=number)}
        for number, name in enumerate(names)
    ]
    await session.execute(insert(THINGS), rows)


async def _search(
    session: AsyncSession, q: str | None, limit: int = 50, cursor: str | None = None
) -> tuple[list[str], str | None]:
    statement: Any = select(THINGS.c.name)
    rows, following = await SEARCHED.list_page(
        session, statement, [], q=q, limit=limit, cursor=cursor
    )
    return list(rows), following


NAMES = [
    "Shop", "web-shop", "acme/web-store", "Deployment board", "Running total", "carpet", "car",
    "api.example.com", "my_tool", "The", "Größer Schöner", "customer portal", "portal", "100% real",
    "app-2",
]  # fmt: skip


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("shop", {"Shop", "web-shop"}),
        ("SHOPS", {"Shop", "web-shop"}),
        ("sh", {"Shop", "web-shop"}),
        ("web", {"web-shop", "acme/web-store"}),
        ("web-shop", {"web-shop"}),
        ("web-sh", {"web-shop"}),
        ("acme/web-store", {"acme/web-store"}),
        ("acme/web-st", {"acme/web-store"}),
        ("acme/", {"acme/web-store"}),
        ("store", {"acme/web-store"}),
        ("example", {"api.example.com"}),
        ("api.example.com", {"api.example.com"}),
        ("tool", {"my_tool"}),
        ("app-2", {"app-2"}),
        ("app 2", {"app-2"}),
        ('"web-shop"', {"web-shop"}),
        ('"web-store"', {"acme/web-store"}),
        ("my_tool", {"my_tool"}),
        ("größ", {"Größer Schöner"}),
        ("portal customer", {"customer portal"}),
        ('"customer portal"', {"customer portal"}),
        ('"portal customer"', set()),
        ("portal -customer", {"portal"}),
        ("shop or carpet", {"Shop", "web-shop", "carpet"}),
        ("carpet or sh", {"Shop", "web-shop", "carpet"}),
        ("carpet", {"carpet"}),  # not car, a word that begins it
        ("car", {"carpet", "car"}),
        ("the", {"The"}),
        ("%", {"100% real"}),
        ("_", {"my_tool"}),
        ("nothing", set()),
        ("!!!", set()),
    ],
)
async def test_what_is_typed_finds(session: AsyncSession, q: str, found: set[str]) -> None:
    await _add(session, NAMES)
    assert set((await _search(session, q))[0]) == found


@pytest.mark.parametrize("whole", ["deployment", "running", "repositories", "analyses", "happily"])
async def test_a_word_is_found_at_every_length_that_it_has_while_it_is_typed(
    session: AsyncSession, whole: str
) -> None:
    await _add(session, [f"the {whole} board", "other"])
    for length in range(1, len(whole) + 1):
        assert (await _search(session, whole[:length]))[0] == [f"the {whole} board"], length


async def test_the_best_match_comes_first_and_the_newest_of_equal_ones(
    session: AsyncSession,
) -> None:
    await _add(session, ["shop of a shop", "shop", "shop a", "other"])
    names, _ = await _search(session, "shop")
    assert names[0] == "shop of a shop"
    assert names[1:] == ["shop a", "shop"]


@pytest.mark.parametrize("q", ["shop", None, " ", "the"])
async def test_pages_hold_each_row_once(session: AsyncSession, q: str | None) -> None:
    everything = [f"the shop {'shop ' * (number % 3)}{number}" for number in range(25)]
    await _add(session, everything)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        names, cursor = await _search(session, q, 7, cursor)
        seen += names
        if cursor is None:
            break
    assert sorted(seen) == sorted(everything)
    assert seen == (await _search(session, q))[0]


async def test_rows_that_come_or_go_between_two_pages_shift_no_others(
    session: AsyncSession,
) -> None:
    await _add(session, [f"shop {number}" for number in range(6)])
    first, cursor = await _search(session, "shop", 3)
    await session.execute(THINGS.delete().where(THINGS.c.name == first[-1]))
    await _add(session, ["shop shop"])
    second, _ = await _search(session, "shop", 3, cursor)
    assert [*first, *second] == [f"shop {number}" for number in reversed(range(6))]


async def test_a_cursor_of_another_list_is_refused(session: AsyncSession) -> None:
    await _add(session, ["shop", "shop", "shop"])
    _, plain = await _search(session, None, 1)
    _, ranked = await _search(session, "shop", 1)
    for q, cursor in (("shop", plain), (None, ranked), ("shop", "bmFufDF8Mg"), ("shop", "é")):
        with pytest.raises(InvalidInput) as refusal:
            await _search(session, q, 1, cursor)
        assert refusal.value.field == "cursor"


@pytest.mark.parametrize(
    "q",
    ["'", "''", "\\", "a'b", "' | 'x", "!", "&", "a & b", "a | !b", "<->", ":*", "a:*", "(", ")",
     '"', '"a', "-", "--a", "or", "or or", "-or", "a or", '-"a b"', "*", "é" * 200, "a" * 200,
     "\ufffe", "1e999", "a\tb\nc", "/" * 200, "'; DROP TABLE things; --", "x:1A", "\u202e"],
)  # fmt: skip
async def test_every_input_is_a_query(session: AsyncSession, q: str) -> None:
    await _add(session, NAMES)
    assert isinstance((await _search(session, q))[0], list)
