"""``?q=`` of projects and repositories: tenants apart, found by the index."""

import asyncpg
import httpx
import pytest
from tests.api.conftest import SignUp
from tests.api.deployer import API, User


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
    user: User, stranger: User, database_url: str
) -> None:
    for owner, name in ((user, "acme/web-shop"), (user, "acme/site"), (stranger, "other/shop")):
        uploaded = await owner.repository()
        assert uploaded
        await _run_as_owner(
            database_url,
            "UPDATE repositories SET full_name = $1 WHERE id = $2::uuid",
            name,
            uploaded["repository"]["id"],
        )
    assert await _names(user, "/repositories?q=shop", "fullName") == ["acme/web-shop"]
    assert await _names(user, "/repositories?q=acme/si", "fullName") == ["acme/site"]


async def _run_as_owner(database_url: str, statement: str, *arguments: object) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(statement, *arguments)
    await connection.close()


@pytest.mark.parametrize(
    ("table", "field", "found", "insert"),
    [
        (
            "projects",
            "name",
            "thing 4711",
            "INSERT INTO projects (organization_id, name, slug) SELECT $1::uuid, "
            "'thing ' || n, 'thing-' || n FROM generate_series(1, 20000) AS n",
        ),
        (
            "repositories",
            "fullName",
            "acme/thing-4711",
            "INSERT INTO repositories (organization_id, kind, full_name, url) SELECT $1::uuid,"
            " 'git', 'acme/thing-' || n, 'https://x' FROM generate_series(1, 20000) AS n",
        ),
    ],
)
async def test_the_search_of_a_big_table_uses_its_index(
    user: User, database_url: str, table: str, field: str, found: str, insert: str
) -> None:
    [organization] = (await user.call("GET", "/organizations", status=200))["items"]
    await _run_as_owner(database_url, insert, organization["id"])
    await _run_as_owner(database_url, f"VACUUM ANALYZE {table}")  # as the server does by itself
    assert await _names(user, f"/{table}?q=thing 4711", field) == [found]
    plan = await _plan_of_search(database_url, table, organization["id"], "'thing' & '4711'")
    assert f"idx_{table}_search" in plan


async def _plan_of_search(database_url: str, table: str, organization_id: str, query: str) -> str:
    """How PostgreSQL runs what the function of a table's search consists of."""
    connection = await asyncpg.connect(database_url)
    body = await connection.fetchval(
        "SELECT prosrc FROM pg_proc WHERE proname = $1", f"autodeploy_search_{table}"
    )
    quoted = query.replace("'", "''")
    rows = await connection.fetch(
        "EXPLAIN " + body.replace("$2", f"'{quoted}'::tsquery").replace("$1", "$1::uuid[]"),
        [organization_id],
    )
    await connection.close()
    return "\n".join(row[0] for row in rows)
