"""Webhooks of ours at GitHub: there while they are wanted, and asked for what did not come."""

from dataclasses import replace

import pytest
from tests.services.deployer.pushes.hub import Hub

from autodeploy.kernel.clock import now
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.pushes import service
from autodeploy.services.deployer.pushes.webhooks import _is_reachable


async def _status(hub: Hub) -> service.PushToDeployStatusView:
    return await service.get_status(hub.platform.resources, hub.platform.principal, hub.project.id)


async def _switch_off(hub: Hub) -> None:
    await service.switch_off(hub.platform.resources, hub.platform.principal, hub.project.id)


async def test_a_webhook_is_there_while_pushes_deploy(hub: Hub) -> None:
    assert (await _status(hub)).webhook.state == "off"
    await hub.switch_on()
    assert (await _status(hub)).webhook.state == "pending"
    await hub.follow()
    assert (await _status(hub)).webhook.state == "registered"
    [hook] = hub.repo.hooks.values()
    assert hook["config"]["url"].startswith("https://autodeploy.test/api/v1/webhooks/github/")
    assert hook["events"] == ["push", "pull_request"]
    await hub.follow(120)
    assert len(hub.repo.hooks) == 1
    await _switch_off(hub)
    await hub.follow()
    assert hub.repo.hooks == {}
    assert await hub.webhooks() == []


async def test_a_webhook_goes_with_its_project(hub: Hub, monkeypatch) -> None:
    monkeypatch.setattr(projects, "DELETION_WAIT_SECONDS", 0.0)
    await hub.switch_on()
    await hub.follow()
    await projects.delete_project(hub.platform.resources, hub.platform.principal, hub.project.id)
    await hub.follow(120)
    assert hub.repo.hooks == {}


@pytest.mark.parametrize("fault", ["lost", "503"])
async def test_a_webhook_whose_making_was_interrupted_is_not_made_twice(
    hub: Hub, fault: str
) -> None:
    hub.sources.fake.faults.fail(f"POST /repos/{hub.repo.full_name}/hooks", fault)
    await hub.switch_on()
    for _ in range(3):
        await hub.follow(700)
    assert len(hub.repo.hooks) == 1


async def test_one_that_was_made_and_not_noted_is_removed_all_the_same(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    async with hub.platform.resources.db.transaction() as session:
        [webhook] = await hub.webhooks()
        webhook = await session.merge(webhook)
        webhook.external_id = webhook.url = None
    await _switch_off(hub)
    await hub.follow()
    assert hub.repo.hooks == {}


@pytest.mark.parametrize("what", ["removed", "switched off", "fewer events", "another address"])
async def test_one_that_somebody_removes_or_changes_at_github_is_restored(
    hub: Hub, what: str
) -> None:
    await hub.switch_on()
    await hub.follow()
    [hook] = hub.repo.hooks.values()
    url = hook["config"]["url"]
    match what:
        case "removed":
            hub.repo.hooks.clear()
        case "switched off":
            hook["active"] = False
        case "fewer events":
            hook["events"] = ["push"]
        case _:
            hook["config"]["url"] = "https://elsewhere.test"
    await hub.follow(30)
    [restored] = [each for each in hub.repo.hooks.values() if each["config"]["url"] == url]
    assert restored["active"]
    assert restored["events"] == ["push", "pull_request"]
    assert (await _status(hub)).webhook.state == "registered"
    sha = hub.push("second")
    await hub.deliver([hub.repo.outgoing[-1]])
    await hub.follow()
    assert (await hub.commits())[-1] == sha


async def test_one_that_signs_with_another_secret_gets_ours_again(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    [hook_id] = hub.repo.hooks
    ours, hub.repo.secrets[hook_id] = hub.repo.secrets[hook_id], "another"
    hub.push("second")
    await hub.deliver()
    assert hub.answers == [401]
    await hub.follow(30)
    assert hub.repo.secrets == {hook_id: ours}
    await hub.deliver()
    assert hub.answers == [401, 204], "it was asked for again"
    changes = f"/repos/{hub.repo.full_name}/hooks/{hook_id}"
    await hub.follow(30)
    assert len(hub.sources.fake.calls("PATCH", changes)) == 1


async def test_where_none_may_be_made_it_is_said_and_branches_are_looked_at(hub: Hub) -> None:
    hub.repo.admin = False
    await hub.switch_on()
    await hub.follow()
    webhook = (await _status(hub)).webhook
    assert webhook.state == "unavailable"
    assert webhook.note
    sha = hub.push("second")
    await hub.follow(10)
    assert (await hub.commits())[-1] == sha
    hub.repo.admin = True
    await hub.follow(700)
    assert (await _status(hub)).webhook.state == "registered"


def _move(hub: Hub, public_url: str) -> None:
    resources = replace(hub.platform.resources, public_url=public_url)
    hub.platform.engine = replace(hub.platform.engine, resources=resources)


@pytest.mark.parametrize("url", ["http://10.0.0.5:8000", "http://127.0.0.1:8000"])
async def test_a_github_in_the_same_network_calls_a_platform_there(hub: Hub, url: str) -> None:
    _move(hub, url)
    await hub.switch_on()
    await hub.follow()
    [hook] = hub.repo.hooks.values()
    assert hook["config"]["url"].startswith(f"{url}/api/v1/webhooks/github/")
    assert (await _status(hub)).webhook.state == "registered"


async def test_a_platform_that_github_cannot_reach_only_looks(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.sources.providers.sources("github"), "is_public", True)
    _move(hub, "http://localhost:8000")
    await hub.switch_on()
    await hub.follow()
    assert hub.repo.hooks == {}
    assert "AUTODEPLOY_PUBLIC_URL" in ((await _status(hub)).webhook.note or "")
    sha = hub.push("second")
    await hub.follow(10)
    assert (await hub.commits())[-1] == sha


async def test_a_platform_that_moved_has_its_webhook_at_the_new_address(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    _move(hub, "https://elsewhere.test")
    await hub.follow(120)
    [hook] = hub.repo.hooks.values()
    assert hook["config"]["url"].startswith("https://elsewhere.test/")


async def test_a_delivery_that_failed_is_asked_for_again_a_few_times(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    hub.push("second")
    [lost] = hub.repo.outgoing
    for _ in range(6):
        for each in hub.repo.outgoing:
            each.delivery["status_code"] = 502
        hub.repo.outgoing.clear()
        await hub.follow(61)
    [hook_id] = hub.repo.hooks
    guid = lost.delivery["guid"]
    attempts = [each for each in hub.repo.deliveries[hook_id] if each["guid"] == guid]
    assert len(attempts) == 3


async def test_what_was_missed_while_the_account_was_refused_is_asked_for_when_it_works_again(
    hub: Hub,
) -> None:
    await hub.switch_on()
    await hub.follow()
    tokens = dict(hub.sources.fake.tokens)
    hub.sources.fake.tokens.clear()
    sha = hub.push("second")
    [lost] = hub.repo.outgoing
    lost.delivery["status_code"] = 502
    hub.repo.outgoing.clear()
    for _ in range(4):
        await hub.follow(700)
    assert hub.repo.outgoing == []
    assert sha not in await hub.commits()
    assert (await _status(hub)).webhook.note
    hub.sources.fake.tokens.update(tokens)
    await hub.follow(700)
    assert [each.delivery["guid"] for each in hub.repo.outgoing] == [lost.delivery["guid"]]
    await hub.deliver()
    assert hub.answers == [204]
    assert (await _status(hub)).webhook.note is None
    for _ in range(3):
        await hub.follow(61)
    assert hub.repo.outgoing == [], "it has come"
    assert (await hub.commits()).count(sha) == 1


async def test_a_secret_that_was_changed_while_the_account_was_refused_is_ours_again(
    hub: Hub,
) -> None:
    """What was refused here is by then not of the last moments."""
    await hub.switch_on()
    await hub.follow()
    tokens = dict(hub.sources.fake.tokens)
    hub.sources.fake.tokens.clear()
    await hub.follow(30)
    [hook_id] = hub.repo.hooks
    ours, hub.repo.secrets[hook_id] = hub.repo.secrets[hook_id], "another"
    sha = hub.push("second")
    await hub.deliver()
    await hub.follow(700)
    hub.sources.fake.tokens.update(tokens)
    await hub.follow(700)
    for _ in range(2):
        await hub.deliver()
        await hub.follow(30)
    await hub.deliver()
    assert hub.repo.secrets == {hook_id: ours}
    assert hub.answers == [401, 401, 204]
    assert (await hub.commits()).count(sha) == 1


async def test_one_that_came_is_not_asked_for_again(hub: Hub) -> None:
    await hub.switch_on()
    await hub.follow()
    hub.push("second")
    await hub.deliver()
    [hook_id] = hub.repo.hooks
    hub.repo.deliveries[hook_id][0]["status_code"] = 504  # its answer was lost
    await hub.follow(61)
    assert hub.repo.outgoing == []
    assert len(await hub.commits()) == 2
    assert now() < hub.clock()


@pytest.mark.parametrize(
    ("url", "reachable"),
    [
        ("https://deploy.example.com", True),
        ("https://203.0.113.9", False),  # for documentation alone
        ("https://93.184.216.34", True),
        ("http://localhost:8000", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://10.0.0.4", False),
        ("http://box.local", False),
        ("http://box", False),
    ],
)
def test_addresses_of_this_machine_and_network_are_not_reachable(url: str, reachable: bool) -> None:
    assert _is_reachable(url) is reachable
