"""``autodeploy db create`` and ``list``, against a served platform: which engine a database has."""

from tests.cli.user.conftest import Person


async def _project(ada: Person) -> None:
    (ada.folder / "index.html").write_text("<h1>hi</h1>")
    assert (await ada.run("deploy", "--detach")).returncode == 0


async def test_database_is_listed_and_shown_with_its_engine(ada: Person) -> None:
    await _project(ada)
    made = await ada.json("db create", "reports", "--detach")
    assert (made["name"], made["engine"]) == ("reports", "postgresql")
    listed = await ada.run("db", "list")
    [headings, row] = listed.stdout.splitlines()
    assert headings.split()[:3] == ["NAME", "ENVIRONMENT", "ENGINE"]
    assert row.split()[:3] == ["reports", "production", "postgresql"]
    assert "postgresql" in (await ada.run("db", "show", "reports")).stdout


async def test_engine_that_a_provider_lacks_is_refused_by_name(ada: Person) -> None:
    await _project(ada)
    told = await ada.refused("db", "create", "cache", "--engine", "redis")
    assert "This machine has no redis databases" in told
    assert "mysql" in await ada.refused("db", "create", "cache", "--engine", "mysql", code=2)
    assert (await ada.json("db list"))["items"] == []
