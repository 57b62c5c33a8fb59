"""Releases at providers elsewhere: asked how they fare, within what each account may be asked."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select
from tests.services.deployer.hosted import CLOUD_TOKEN, HostedProvider
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import fail_with

from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.http.errors import CredentialRefused, RateLimited
from autodeploy.providers.hosted import Pace
from autodeploy.providers.registry import Registry
from autodeploy.services.auth.connection_checks import look_after_connections
from autodeploy.services.auth.connections import list_connections
from autodeploy.services.auth.models import ProviderIntegration
from autodeploy.services.auth.oauth_schemas import ProviderTokenInput
from autodeploy.services.auth.token_connections import connect_by_token
from autodeploy.services.deployer.hosted_upkeep import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    HostedUpkeep,
)
from autodeploy.services.deployer.live_state import RuntimeState
from autodeploy.services.deployer.models import Deployment, DeploymentStep, Environment, Project
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.schemas import ProjectView

SECRET = "s3cret-of-the-app"


class Looked:
    """Passes of one worker, whose clock the test moves."""

    def __init__(self, platform: Platform, cloud: HostedProvider, project: ProjectView):
        self.platform = platform
        self.cloud = cloud
        self.project = project
        self.seconds = 1000.0
        self.upkeep = HostedUpkeep(platform.engine, clock=lambda: self.seconds)

    async def look(self, later: float = 0.0) -> dict[str, object]:
        """The state in the row after a pass, so much later."""
        self.seconds += later
        await self.upkeep.look()
        environment = await self.platform.environment(self.project)
        return dict(environment.runtime or {})

    @property
    def asked(self) -> int:
        return self.cloud.apps.calls["live_status"]


@pytest.fixture
async def looked(platform: Platform) -> AsyncIterator[Looked]:
    resources = platform.resources
    cloud = HostedProvider(resources.home, resources.objects)
    providers = Registry([platform.provider, cloud])
    platform.engine = replace(platform.engine, providers=providers)
    platform.runner = Runner(platform.engine)
    await connect_by_token(
        resources, platform.principal, platform.principal.user_id, "cloud",
        ProviderTokenInput(token=CLOUD_TOKEN), providers=providers,
    )  # fmt: skip
    project = await platform.project()
    view = await platform.deployed(
        project, provider="cloud", configuration={"environmentVariables": {"API_KEY": SECRET}}
    )
    assert view.status == "ready", view.error
    yield Looked(platform, cloud, project)
    await providers.close()


@pytest.mark.parametrize(
    ("told", "state", "reason"),
    [
        ("running", "running", None),
        ("backoff", "restarting", None),
        ("crashed", "crashed", None),
        ("replaced", "replaced", None),
        ("absent", "stopped", "removed_at_provider"),
        ("stopped", "stopped", "stopped_at_provider"),
    ],
)
async def test_what_a_provider_tells_is_what_people_see(
    looked: Looked, told: str, state: str, reason: str | None
) -> None:
    looked.cloud.apps.told = told
    found = await looked.look()
    assert (found["state"], found["reason"]) == (state, reason)
    # What was done at the provider's console is undone there.
    looked.cloud.apps.told = "running"
    assert (await looked.look(LONGEST_PAUSE_SECONDS))["state"] == "running"


async def test_one_that_goes_on_is_asked_for_later_each_time_and_soon_after_a_change(
    looked: Looked,
) -> None:
    pauses, before = [], 0.0
    await looked.look()
    while len(pauses) < 7:
        asked = looked.asked
        await looked.look(1.0)
        before += 1.0
        if looked.asked > asked:
            pauses.append(before)
            before = 0.0
    assert pauses[:4] == [30.0, 60.0, 120.0, 240.0]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    looked.cloud.apps.told = "backoff"
    await looked.look(LONGEST_PAUSE_SECONDS)
    asked = looked.asked
    await looked.look(FIRST_PAUSE_SECONDS)
    assert looked.asked == asked + 1


async def test_nobody_knows_once_answers_are_missing_for_long(looked: Looked) -> None:
    looked.cloud.apps.at["live_status"] = fail_with(Unavailable("A cloud does not answer."))
    for _ in range(2):
        assert (await looked.look(LONGEST_PAUSE_SECONDS))["state"] == "running"
    found = await looked.look(LONGEST_PAUSE_SECONDS)
    assert (found["state"], found["reason"]) == ("unknown", "unavailable")


async def test_one_that_cannot_be_asked_for_does_not_keep_others_from_it(looked: Looked) -> None:
    await _make_many(looked.platform, looked.project, 1)
    looked.cloud.apps.at["live_status"] = fail_with(KeyError("release"), times=1)
    looked.cloud.apps.told = "backoff"
    await looked.look()
    await looked.look(5.0)
    assert looked.asked == 2


async def test_nobody_knows_at_once_where_the_account_is_gone(looked: Looked) -> None:
    async with looked.platform.resources.db.transaction() as session:
        await session.execute(delete(ProviderIntegration))
    found = await looked.look()
    assert (found["state"], found["reason"]) == ("unknown", "account_missing")
    assert looked.asked == 0


async def test_an_account_that_is_over_its_limit_is_left_alone_until_then(looked: Looked) -> None:
    await _make_many(looked.platform, looked.project, 5)
    limited = RateLimited("A cloud takes no more calls.", retry_after_seconds=600)
    looked.cloud.apps.at["live_status"] = fail_with(limited, times=1)
    await looked.look()
    assert looked.asked == 1
    await looked.look(500)
    assert looked.asked == 1
    await looked.look(200)
    assert looked.asked > 1


async def test_hundreds_of_one_account_are_all_asked_for_within_its_budget(
    looked: Looked, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _make_many(looked.platform, looked.project, 499)

    async def nothing(*_: object) -> None: ...

    monkeypatch.setattr("autodeploy.services.deployer.hosted_upkeep.collect_output", nothing)
    looked.cloud.pace = Pace(looks_per_minute=600, keeps_output=True)
    by_pass = []
    for _ in range(11):
        before = looked.asked
        await looked.look(5.0)
        by_pass.append(looked.asked - before)
    assert max(by_pass) == 50
    assert looked.asked >= 500
    async with looked.platform.resources.db.transaction() as session:
        runtimes = (await session.scalars(select(Environment.runtime))).all()
    assert {(each or {}).get("state") for each in runtimes} == {RuntimeState.STOPPED, "running"}
    assert len(runtimes) == 500


async def test_output_is_stored_once_and_without_secrets(looked: Looked) -> None:
    apps = looked.cloud.apps
    apps.output += [(1.0, "stdout", "hello"), (2.0, "stderr", f"key is {SECRET}")]
    await looked.look()
    await looked.look(LONGEST_PAUSE_SECONDS)
    environment = await looked.platform.environment(looked.project)
    assert environment.live_deployment_id is not None
    lines = await looked.platform.messages(environment.live_deployment_id)
    assert lines.count("hello") == 1
    assert sum("key is" in each for each in lines) == 1
    assert SECRET not in "\n".join(lines)


async def _make_many(platform: Platform, project: ProjectView, number: int) -> None:
    """Environments like the first, whose releases are at the provider no more."""
    first = await platform.environment(project)
    async with platform.resources.db.transaction() as session:
        for _ in range(number):
            owned = {"organization_id": project.organization_id, "project_id": uuid4()}
            deployment_id, name = uuid4(), f"p-{uuid4().hex}"
            session.add(
                Project(
                    id=owned["project_id"], organization_id=project.organization_id, name=name,
                    slug=name,
                )
            )  # fmt: skip
            await session.flush()
            session.add(
                Deployment(
                    id=deployment_id, branch="main", commit_sha="a" * 40, provider="cloud",
                    status="ready", plan={}, **owned,
                )
            )  # fmt: skip
            await session.flush()
            await session.execute(
                insert(DeploymentStep).values(
                    organization_id=project.organization_id, deployment_id=deployment_id,
                    position=0, name="deploy_to_provider", estimated_seconds=1,
                    estimated_seconds_p90=1, resources={"release": {"id": name}},
                )
            )  # fmt: skip
            session.add(
                Environment(
                    name="production", host=name, provider="cloud",
                    connection_id=first.connection_id, live_deployment_id=deployment_id, **owned,
                )
            )  # fmt: skip


async def test_connection_that_is_refused_is_checked_soon(looked: Looked) -> None:
    platform = looked.platform
    await look_after_connections(platform.resources, platform.engine.providers)
    looked.cloud.accounts.clear()
    looked.cloud.apps.at["live_status"] = fail_with(CredentialRefused("It is not accepted."))
    assert (await looked.look())["reason"] == "provider_credential_refused"
    await look_after_connections(platform.resources, platform.engine.providers)
    page = await list_connections(
        platform.resources, platform.principal, platform.principal.user_id
    )
    assert [each.status for each in page.items] == ["failed"]
