"""``repositories`` against the real API, and a deployment of ``owner/name``."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.api.conftest import shared_app
from tests.cli.shapes import check, documented
from tests.cli.user.conftest import Person, PersonMaker
from tests.conftest import open_database
from tests.fakes.github_api import TOKEN
from tests.fakes.server import serving
from tests.services.analyzer.github import Sources, sources_of
from tests.services.deployer.provider import FolderProvider

from autodeploy.kernel.resources import Resources


@pytest.fixture
async def github(resources: Resources) -> AsyncIterator[Sources]:
    local = FolderProvider(resources.home / "machine", resources.objects)
    async with sources_of(resources, local) as sources:
        yield sources


@pytest.fixture
async def url(resources: Resources, database_url: str, github: Sources) -> AsyncIterator[str]:
    """A served platform that has its sources from the emulated GitHub."""
    database = open_database(database_url, "autodeploy_app")
    with shared_app(replace(resources, db=database)) as app:
        app.state.providers = github.providers
        async with serving(app) as url:
            yield url
    await database.close()


async def connected(person: Person) -> Person:
    done = await person.run("connections", "add", "github", stdin=TOKEN)
    assert done.returncode == 0, done.stderr
    assert "Connected octocat at github." in done.stderr
    return person


async def test_github_is_connected_listed_and_deployed_from(
    person: PersonMaker, github: Sources
) -> None:
    ada = await connected(await person("ada"))
    shop = github.fake.add("acme/shop", private=True, language="Python")
    shop.push({"index.html": b"<h1>"})
    github.fake.add("octocat/site")
    shown = (await ada.run("repositories", "list", "--github")).stdout.splitlines()
    assert shown[1].split()[:4] == ["acme/shop", "yes", "main", "Python"]
    assert shown[1].split()[-1] == "no"
    deployed = await ada.run("deploy", "acme/shop", "--detach")
    assert deployed.returncode == 0, deployed.stderr
    assert "DEPLOYMENT " in deployed.stdout
    listed = await ada.run("repositories", "list", "--github", "--search", "SHOP", "--json")
    [found] = json.loads(listed.stdout)["items"]
    check(found, documented("found"))
    [added] = (await ada.json("repositories list"))["items"]
    assert found["repositoryId"] == added["id"]
    assert (added["kind"], added["private"]) == ("github", True)
    shown = (await ada.run("repositories", "list")).stdout.splitlines()
    assert shown[1].split()[:4] == ["acme/shop", "github", "octocat", "main"]
    await github.set(added["id"], github_installation_id=7)
    assert "GitHub App" in (await ada.run("repositories", "list")).stdout


async def test_nothing_to_list_says_what_to_do(person: PersonMaker, github: Sources) -> None:
    ada = await person("ada")
    assert "autodeploy deploy" in (await ada.run("repositories", "list")).stderr
    refused = await ada.refused("repositories", "list", "--github")
    assert "autodeploy connections add github" in refused
    await connected(ada)
    assert "sees no repository" in (await ada.run("repositories", "list", "--github")).stderr
    searched = await ada.run("repositories", "list", "--search", "x")
    assert "--github looks at GitHub" in searched.stderr


async def test_repository_that_the_account_does_not_see_is_no_folder_either(
    person: PersonMaker,
) -> None:
    ada = await connected(await person("ada"))
    said = await ada.refused("deploy", "acme/none")
    assert "There is no folder acme/none here" in said
    assert "repositories list --github" in said


async def test_token_without_its_scopes_is_refused_with_those_that_it_lacks(
    person: PersonMaker, github: Sources
) -> None:
    ada = await person("ada")
    github.fake.tokens["ghp_few"] = "public_repo"
    said = await ada.refused("connections", "add", "github", stdin="ghp_few")
    assert "repo, admin:repo_hook, read:org" in said
