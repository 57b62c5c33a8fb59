"""Organizations whose projects act by a connection that has failed are told, once a failure."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select, update
from tests.kernel.http.servers import answer, scripted
from tests.services.auth.accounts import principal
from tests.services.deployer.databases.office import Office
from tests.services.deployer.hosted import CLOUD_TOKEN, HostedProvider
from tests.services.deployer.platform import Platform
from tests.services.monitor.notifications.receivers import Stage, verified

from autodeploy.kernel.mail import MailNotSent
from autodeploy.providers.hosted import TokenAccount
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.models import Repository
from autodeploy.services.auth.connection_checks import doubt
from autodeploy.services.auth.models import OrganizationEvent, ProviderIntegration
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer.connection_failures import keep_connections
from autodeploy.services.deployer.databases.models import ProjectDatabase
from autodeploy.services.deployer.runner import Runner

OK = answer(204, b"")


class Connected:
    """A user who has connected an account at a cloud, and an organization of hers."""

    def __init__(self, stage: Stage):
        self.stage = stage
        platform = stage.platform
        self.cloud = HostedProvider(platform.resources.home, platform.resources.objects)
        self.providers = Registry([platform.provider, self.cloud])
        platform.engine = replace(platform.engine, providers=self.providers)
        platform.runner = Runner(platform.engine)

    async def connect(self) -> None:
        await connect_by_token(
            self.stage.resources,
            self.stage.principal,
            self.stage.principal.user_id,
            "cloud",
            ProviderTokenInput(token=CLOUD_TOKEN),
            providers=self.providers,
        )

    async def connection_id(self) -> UUID:
        async with self.stage.resources.db.transaction() as session:
            return (await session.scalars(select(ProviderIntegration.id))).one()

    async def look(self, *, works: bool, missing: tuple[str, ...] = ()) -> None:
        """One pass of a worker, with the connection in doubt."""
        self.cloud.accounts.clear()
        if works:
            self.cloud.accounts[CLOUD_TOKEN] = TokenAccount("1", "ada", (), missing)
        await doubt(self.stage.resources, [await self.connection_id()])
        await keep_connections(self.stage.platform.engine)

    async def told(self) -> list[OrganizationEvent]:
        return [each for each in await self.stage.events() if each.type == "connection.failed"]


@pytest.fixture
async def connected(stage: Stage) -> AsyncIterator[Connected]:
    connected = Connected(stage)
    await connected.connect()
    yield connected


async def test_failure_is_told_with_its_remedy_and_without_the_token(connected: Connected) -> None:
    stage = connected.stage
    async with scripted(OK) as receiver:
        webhook = await stage.webhook(receiver, events=["connection.failed"])
        project = await stage.platform.project()
        await stage.platform.deployed(project, provider="cloud")
        await connected.look(works=False)
        await stage.send()

    [seen] = receiver.seen
    told = verified(webhook.secret, seen)["data"]["connection"]
    assert told["failedAt"]
    del told["failedAt"]
    remedy = told["error"].pop("remedy")
    assert "autodeploy connections add cloud" in remedy
    assert told == {
        "provider": "cloud",
        "accountName": "ada",
        "error": {
            "code": "provider_credential_refused",
            "message": "A cloud does not accept the token.",
        },
        "projects": [str(project.id)],
    }
    assert CLOUD_TOKEN.encode() not in seen.body


async def test_failure_is_told_once_and_the_next_one_again(connected: Connected) -> None:
    platform = connected.stage.platform
    await platform.deployed(await platform.project(), provider="cloud")
    for _ in range(3):
        await connected.look(works=False)
    assert len(await connected.told()) == 1
    await connected.look(works=True)
    assert len(await connected.told()) == 1
    await connected.look(works=False)
    first, second = await connected.told()
    assert first.data["connection"]["failedAt"] < second.data["connection"]["failedAt"]


async def test_rights_that_are_lost_are_told_once(connected: Connected) -> None:
    platform = connected.stage.platform
    await platform.deployed(await platform.project(), provider="cloud")
    for _ in range(3):
        await connected.look(works=True, missing=("projects:read",))
    [told] = await connected.told()
    assert told.data["connection"]["error"]["code"] == "provider_refused"
    assert "projects:read" in told.data["connection"]["error"]["message"]


async def test_event_that_nobody_is_told_of_does_not_come_back(connected: Connected) -> None:
    stage = connected.stage
    await stage.platform.deployed(await stage.platform.project(), provider="cloud")
    await connected.look(works=False)
    await stage.send()
    await connected.look(works=False)
    assert await connected.told() == []


async def test_mail_that_is_not_taken_keeps_organizations_from_nothing(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_self: object, _mail: object) -> None:
        raise MailNotSent("The mail server is away.")

    platform = connected.stage.platform
    await platform.deployed(await platform.project(), provider="cloud")
    monkeypatch.setattr(type(platform.resources.mail), "send", refuse)
    await connected.look(works=False)
    assert len(await connected.told()) == 1


async def test_each_organization_hears_of_its_own_projects_alone(connected: Connected) -> None:
    stage = connected.stage
    mine = await stage.platform.project()
    await stage.platform.deployed(mine, provider="cloud")
    deploying, storing, unconcerned = [
        Platform(stage.resources, await principal(stage.resources)) for _ in range(3)
    ]
    by_repository = await deploying.project()
    by_database = await Office(storing).made()
    await unconcerned.deployed(await unconcerned.project())
    used = {"connection_id": await connected.connection_id()}
    async with stage.resources.db.transaction() as session:
        theirs = Repository.id == by_repository.repository.id
        await session.execute(update(Repository).where(theirs).values(used))
        await session.execute(update(ProjectDatabase).values(used))

    await connected.look(works=False)

    told = {
        each.organization_id: each.data["connection"]["projects"] for each in await connected.told()
    }
    assert told == {
        mine.organization_id: [str(mine.id)],
        by_repository.organization_id: [str(by_repository.id)],
        next(iter(storing.principal.roles)): [str(by_database.project.id)],
    }


async def test_project_whose_repository_is_read_by_an_app_is_not_concerned(
    connected: Connected,
) -> None:
    stage = connected.stage
    project = await stage.platform.project()
    assert project.repository is not None
    used = {"connection_id": await connected.connection_id(), "github_installation_id": 7}
    async with stage.resources.db.transaction() as session:
        theirs = Repository.id == project.repository.id
        await session.execute(update(Repository).where(theirs).values(used))
    await connected.look(works=False)
    assert await connected.told() == []


async def test_endpoint_of_some_projects_is_told_where_one_of_them_acts_by_it(
    connected: Connected,
) -> None:
    stage = connected.stage
    shop = await stage.platform.project()
    blog = await stage.platform.project(name="blog")
    await stage.platform.deployed(shop, provider="cloud")
    await stage.platform.deployed(blog)
    async with scripted(OK) as of_shop, scripted(OK) as of_blog:
        await stage.webhook(of_shop, events=["connection.failed"], projects=[shop.id, blog.id])
        await stage.webhook(of_blog, events=["connection.failed"], projects=[blog.id])
        await connected.look(works=False)
        await stage.send()

    assert len(of_shop.seen) == 1
    assert of_blog.seen == []


async def test_people_read_which_account_failed_and_what_to_do(connected: Connected) -> None:
    stage = connected.stage
    await stage.platform.deployed(await stage.platform.project(), provider="cloud")
    async with scripted(answer(200, b"ok")) as slack:
        channel = await stage.channel("slack", f"{slack.url}/x")
        await connected.look(works=False)
        await stage.send()

    assert "connection.failed" in (channel.events or [])
    text = slack.seen[-1].body.decode()
    assert "*cloud (ada): connection failed*" in text
    assert "A cloud does not accept the token. (provider_credential_refused)" in text
    assert "autodeploy connections add cloud" in text
