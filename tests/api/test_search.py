"""``?q=`` of projects and repositories: tenants apart, found by the index."""

from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import event, text
from tests.api.conftest import SignUp
from tests.api.deployer import API, User

from autodeploy.kernel.resources import Resources


@pytest.fixture
async def user(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


@pytest.fixture
async def stranger(client: httpx.AsyncClient, sign_up: SignUp) -> User:
    return User(client, await sign_up())


async def _names(user: User, path: str, field: str) -> list[str]:
    return [item[field] for item in (await user.call("GET", path, status=200))["items"]]


async def test_projects_of_the_caller_are_found_the_name_before_the_description(
    user: User, stranger: User
) -> None:
    for name, description in (("Till", "the shop of the museum"), ("Shop", None), ("Blog", None)):
        await user.call("POST", "/projects", {"name": name, "description": description}, status=201)
    await stranger.call("POST", "/projects", {"name": "Shop of others"}, status=201)
    assert await _names(user, "/projects?q=shops", "name") == ["Shop", "Till"]
    assert await _names(user, "/projects?q=mus", "name") == ["Till"]
    assert await _names(user, "/projects?q=", "name") == ["Blog", "Shop", "Till"]


async def test_a_page_of_a_search_links_to_the_next_of_the_same_search(
    user: User, client: httpx.AsyncClient
) -> None:
    for number in range(3):
        await user.call("POST", "/projects", {"name": f"shop {number}"}, status=201)
    url, seen = f"{API}/projects?q=shop&limit=2", []
    answer = await client.get(url, headers=user.headers)
    seen += answer.json()["items"]
    following = answer.headers["Link"].partition(">")[0].lstrip("<")
    answer = await client.get(following, headers=user.headers)
    seen += answer.json()["items"]
    assert [item["name"] for item in seen] == ["shop 2", "shop 1", "shop 0"]
    assert "Link" not in answer.headers


async def test_repositories_are_found_by_each_part_of_their_names(
    user: User, stranger: User, resources: Resources
) -> None:
    for owner, name in ((user, "acme/web-shop"), (user, "acme/site"), (stranger, "other/shop")):
        uploaded = await owner.repository()
        assert uploaded
        await _rename(resources, uploaded["repository"]["id"], name)
    assert await _names(user, "/repositories?q=shop", "fullName") == ["acme/web-shop"]
    assert await _names(user, "/repositories?q=acme/si", "fullName") == ["acme/site"]


async def _rename(resources: Resources, repository_id: str, name: str) -> None:
    async with resources.db.transaction() as session:
        await session.execute(
            text("UPDATE repositories SET full_name = :name WHERE id = CAST(:id AS uuid)"),
            {"name": name, "id": repository_id},
        )


@pytest.mark.parametrize(
    ("table", "insert"),
    [
        (
            "projects",
            "INSERT INTO projects (organization_id, name, slug) SELECT :organization, "
            "'thing ' || n, 'thing-' || n FROM generate_series(1, 20000) AS n",
        ),
        (
            "repositories",
            "INSERT INTO repositories (organization_id, kind, full_name, url) SELECT :organization,"
            " 'git', 'acme/thing-' || n, 'https://x' FROM generate_series(1, 20000) AS n",
        ),
    ],
)
async def test_the_search_of_a_big_table_uses_its_index(
    user: User, resources: Resources, database_url: str, table: str, insert: str
) -> None:
    [organization] = (await user.call("GET", "/organizations", status=200))["items"]
    async with resources.db.transaction() as session:
        await session.execute(text(insert), {"organization": organization["id"]})
    owner = await asyncpg.connect(database_url)
    await owner.execute(f"VACUUM ANALYZE {table}")  # as the server does by itself, later
    await owner.close()
    plans = await _plans_of(resources, user, f"/{table}?q=thing 4711")
    assert any(f"idx_{table}_search" in plan for plan in plans), plans


async def _plans_of(resources: Resources, user: User, path: str) -> list[str]:
    """How PostgreSQL runs the statements of a call, by running them again under EXPLAIN."""
    statements: list[tuple[str, Any]] = []

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "@@" in statement:
            statements.append((statement, parameters))

    engine = resources.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    found = await user.call("GET", path, status=200)
    event.remove(engine, "before_cursor_execute", keep)
    assert len(found["items"]) == 1
    plans = []
    for statement, parameters in statements:
        async with resources.db.engine.connect() as connection:
            raw = await connection.get_raw_connection()
            rows = await raw.driver_connection.fetch(f"EXPLAIN {statement}", *parameters)
            plans.append("\n".join(row[0] for row in rows))
    return plans
