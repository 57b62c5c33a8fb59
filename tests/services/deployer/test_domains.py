"""Domains: asked for by a row, served where the app is, looked at again, and removed."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from sqlalchemy import select, update
from tests.services.auth.accounts import signed_up
from tests.services.deployer.office import NAME, Office, open_office
from tests.services.deployer.platform import Platform
from tests.services.deployer.provider import fail_with

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import InvalidInput, Unavailable
from autodeploy.providers.domains import DomainRefused, DomainStatus
from autodeploy.providers.manifests import Capability
from autodeploy.services.auth import service as auth
from autodeploy.services.deployer import projects
from autodeploy.services.deployer.domains import service, work
from autodeploy.services.deployer.domains.models import Domain
from autodeploy.services.deployer.domains.names import read_name
from autodeploy.services.deployer.domains.schemas import DomainInput, DomainState
from autodeploy.services.deployer.models import Project
from autodeploy.services.deployer.removal import remove_deleted
from autodeploy.services.deployer.schemas import ProjectInput


@pytest.fixture
async def office(platform: Platform) -> AsyncIterator[Office]:
    async with open_office(platform) as office:
        yield office


async def test_a_domain_waits_for_the_app_then_for_its_records_and_is_verified(
    office: Office,
) -> None:
    added = await office.add()
    assert (added.state, added.provider) == (DomainState.PENDING, None)
    waiting = await office.keep()
    assert waiting is not None
    assert (waiting.state, waiting.next_check_at, office.cloud.domains) == ("pending", None, {})

    await office.deploy("cloud")
    told = await office.keep()
    assert told is not None
    assert (told.state, told.provider) == ("pending", "cloud")
    assert [each.type for each in told.records] == ["CNAME"]
    assert told.next_check_at is not None

    office.cloud.leading.add(NAME)
    served = await office.keep()
    assert served is not None
    assert (served.state, served.records, served.next_check_at) == ("verified", [], None)
    assert served.verified_at is not None


async def test_looks_follow_later_each_time_and_are_given_up(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.deploy("cloud")
    await office.add()
    pauses = []
    monkeypatch.setattr(work, "MOST_CHECKS", 4)
    for _ in range(4):
        seen = await office.keep()
        assert seen is not None
        assert seen.next_check_at is not None
        pauses.append((seen.next_check_at - now()).total_seconds())
    assert [round(later / earlier) for earlier, later in pairwise(pauses)] == [
        2, 2, 2,
    ]  # fmt: skip
    given_up = await office.keep()
    assert given_up is not None
    assert given_up.error is not None
    assert (given_up.state, given_up.error.code) == ("failed", "domain_not_verified")
    assert given_up.records, "they are still to be set"
    assert (await office.ask("verify")).state == "pending"


async def test_what_is_refused_fails_and_an_outage_is_outlasted(office: Office) -> None:
    await office.deploy("cloud")
    await office.add()
    office.cloud.at["ensure_domain"] = fail_with(Unavailable("A cloud does not answer."), times=1)
    away = await office.keep()
    assert away is not None
    assert away.error is not None
    assert (away.state, away.error.code) == ("pending", "unavailable")
    office.cloud.at["ensure_domain"] = fail_with(DomainRefused(f"Another app has {NAME}."), times=1)
    refused = await office.keep()
    assert refused is not None
    assert refused.error is not None
    assert (refused.state, refused.error.code) == ("failed", "domain_refused")
    assert refused.next_check_at is None


@pytest.mark.parametrize("call", ["ensure_domain", "remove_domain"])
async def test_a_look_that_fails_for_no_known_reason_is_told_and_comes_again_later(
    office: Office, call: str
) -> None:
    await office.deploy("cloud")
    await office.add()
    await office.keep()
    if call == "remove_domain":
        await office.ask("remove")
    office.cloud.at[call] = fail_with(ValueError("of a secret"))
    found = await office.keep()
    assert found is not None
    assert found.error is not None
    assert (found.error.code, "ValueError" in found.error.message) == ("internal_error", True)
    assert "secret" not in found.error.message
    assert found.next_check_at is not None
    assert found.next_check_at > now()
    office.cloud.at.clear()
    office.cloud.leading.add(NAME)
    again = await office.keep()
    assert again is None or (again.state, again.error) == ("verified", None)


async def test_a_moved_app_is_served_at_both_until_the_records_lead_to_the_new(
    office: Office,
) -> None:
    await office.deploy("cloud")
    await office.add()
    office.cloud.leading.add(NAME)
    await office.keep()

    await office.deploy("elsewhere")
    moved = await office.keep()
    assert moved is not None
    assert (moved.state, moved.provider) == ("pending", "elsewhere")
    assert (NAME in office.cloud.domains, NAME in office.elsewhere.domains) == (True, True)

    office.elsewhere.leading.add(NAME)
    served = await office.keep()
    assert served is not None
    assert (served.state, served.provider) == ("verified", "elsewhere")
    assert (NAME in office.cloud.domains, NAME in office.elsewhere.domains) == (False, True)


async def test_a_removed_domain_goes_at_its_provider_first(office: Office) -> None:
    await office.deploy("cloud")
    await office.add()
    await office.keep()
    assert (await office.ask("remove")).state == "removing"
    office.cloud.at["remove_domain"] = fail_with(Unavailable("A cloud does not answer."), times=1)
    assert await office.keep() is not None, "what may be there is not forgotten"
    assert await office.keep() is None
    assert office.cloud.domains == {}
    assert (await office.add()).state == "pending"


async def test_a_worker_that_died_between_provider_and_row_leaves_nothing_there(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.deploy("cloud")
    await office.add()

    async def dies(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(work._Keeping, "_tell", dies)
        await office.keep()
    assert NAME in office.cloud.domains
    await office.ask("remove")
    assert await office.keep() is None
    assert office.cloud.domains == {}


async def test_a_wish_that_comes_during_a_look_is_not_lost(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.deploy("cloud")
    await office.add()
    ensure = office.cloud.ensure_domain

    async def meanwhile(*of: object) -> DomainStatus:
        await office.ask("remove")
        return await ensure(*of)  # type: ignore[arg-type]

    office.cloud.leading.add(NAME)
    monkeypatch.setattr(office.cloud, "ensure_domain", meanwhile)
    seen = await office.keep()
    assert seen is not None
    assert (seen.state, seen.next_check_at is not None) == ("removing", True)
    monkeypatch.undo()
    assert await office.keep() is None


async def test_a_project_takes_its_domains_with_it(office: Office) -> None:
    await office.deploy("cloud")
    await office.add()
    await office.keep()
    await office.deploy("elsewhere")
    await office.keep()
    platform = office.platform
    async with platform.resources.db.transaction() as session:
        row = await session.get_one(Project, office.project.id)
        row.deletion_requested_at = now()
    office.cloud.domains.clear()
    async with platform.resources.db.transaction() as session:
        await session.execute(update(Domain).values(next_check_at=now()))
    await work.keep_domains(platform.engine)
    assert office.cloud.domains == {}, "nothing is served anew for what is being deleted"
    office.cloud.domains[NAME] = 1
    await remove_deleted(platform.engine)
    async with platform.resources.db.transaction() as session:
        assert (await session.scalars(select(Domain))).all() == []
    assert (office.cloud.domains, office.elsewhere.domains) == ({}, {})


async def test_a_name_is_of_one_environment_and_nobody_is_told_whose(office: Office) -> None:
    first = await office.add(f" {NAME.upper()}. ")
    assert (first.name, (await office.add()).id) == (NAME, first.id)
    stranger = await signed_up(office.platform.resources, "stranger@example.com")
    principal = await auth.authenticate(office.platform.resources, stranger.access_token)
    resources = office.platform.resources
    theirs = await projects.create_project(resources, principal, ProjectInput(name="theirs"))
    with pytest.raises(service.DomainInUse) as refused:
        await service.add_domain(
            resources, principal, theirs.id, DomainInput(name=NAME),
            providers=office.platform.engine.providers,
        )  # fmt: skip
    told = f"{refused.value.message} {refused.value.remedy}"
    assert not any(word in told for word in ("shop ", str(office.project.id), "production"))


async def test_an_app_at_a_provider_without_domains_gets_none(office: Office) -> None:
    await office.deploy("local")
    assert Capability.DOMAINS not in office.platform.provider.manifest.capabilities
    with pytest.raises(InvalidInput, match="domains"):
        await office.add()
    assert await office.find() is None


@pytest.mark.parametrize(
    ("given", "name"),
    [("Shop.Example.com.", NAME), ("büro.example", "xn--bro-hoa.example"),
     ("faß.example", "xn--fa-hia.example"), ("a-b.c1.example", "a-b.c1.example")],
)  # fmt: skip
def test_names_are_written_as_the_dns_has_them(given: str, name: str) -> None:
    assert read_name(given, public_url="https://deploy.example") == name


@pytest.mark.parametrize(
    "given",
    ["*.example.com", "10.0.0.1", "[::1]", "::1", "localhost", "app.localhost", "example",
     "https://example.com", "example.com/x", "a..example.com", "-a.example.com", "a_b.example.com",
     "1.2.3", f"{'a' * 64}.example.com", ".".join(["a" * 60] * 5), "deploy.example",
     "x.internal", "a b.example.com", "a\x00.example.com", ""],
)  # fmt: skip
def test_what_is_no_name_of_somebody_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_name(given, public_url="https://deploy.example")
    assert refused.value.field == "name"
