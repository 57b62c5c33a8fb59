"""A domain is added once, proved, pointed at Vercel and removed."""

import pytest
from tests.fakes.vercel_state import Project
from tests.providers.vercel.conftest import TEAM, TOKEN, Story

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
from autodeploy.providers.domains import DnsRecord, DomainRefused
from autodeploy.providers.vercel.domains import Domains

pytestmark = pytest.mark.contract(provider="vercel")

NAME = "shop.example.com"


@pytest.fixture
def project(vercel) -> Project:
    vercel.projects.append(Project(TEAM, "shop"))
    return vercel.projects[0]


@pytest.fixture
def domains(provider, project) -> Domains:
    return Domains(provider._http.bound(token=TOKEN, query={"teamId": TEAM}), project.id)


async def test_a_domain_of_ones_own_is_verified_at_once_and_added_once(domains, vercel, project):
    for _ in range(2):
        assert (await domains.ensure(NAME)).verified
    assert len(vercel.calls("POST", f"/v10/projects/{project.id}/domains")) == 1
    for _ in range(2):
        await domains.remove(NAME)
    assert project.domains == {}


async def test_a_domain_of_another_account_is_proved_by_a_record(domains, vercel):
    vercel.owned_elsewhere.add(NAME)
    added = await domains.ensure(NAME)
    (challenge,) = added.verification
    assert (added.verified, challenge.type, challenge.domain) == (False, "TXT", f"_vercel.{NAME}")
    with pytest.raises(ProviderRefused, match="missing_txt_record"):
        await domains.verify(NAME)
    assert (await domains.records(NAME)).misconfigured
    vercel.records.add(NAME)
    assert (await domains.verify(NAME)).verified
    found = await domains.records(NAME)
    assert not found.misconfigured
    assert found.addresses[0].value == ("76.76.21.21",)
    assert found.names[0].value == "cname.vercel-dns.com"


@pytest.mark.parametrize("fault", ["lost", "cut", "silence"])
async def test_a_domain_whose_answer_is_lost_is_looked_for(domains, vercel, project, fault):
    vercel.faults.fail(f"POST /v10/projects/{project.id}/domains", fault)
    if fault == "silence":
        with pytest.raises(OutcomeUnknown):
            await domains.ensure(NAME)
    assert (await domains.ensure(NAME)).name == NAME
    assert list(project.domains) == [NAME]


async def test_a_domain_of_another_project_is_refused(domains, vercel):
    vercel.projects.append(Project(TEAM, "other", domains={NAME: True}))
    with pytest.raises(ProviderRefused, match="domain_already_in_use"):
        await domains.ensure(NAME)


async def test_an_app_is_served_at_a_domain_once_its_records_are_there(story: Story, vercel):
    await story.ship()
    vercel.owned_elsewhere.add(NAME)
    waiting = await story.deployer.ensure_domain(story.app, NAME)
    assert not waiting.verified
    challenge = DnsRecord("TXT", f"_vercel.{NAME}", f"vc-domain-verify={NAME},1")
    assert waiting.records == (challenge, DnsRecord("CNAME", NAME, "cname.vercel-dns.com"))
    vercel.records.add(NAME)
    assert (await story.deployer.ensure_domain(story.app, NAME)).verified
    apex = await story.deployer.ensure_domain(story.app, "example.com")
    assert apex.records == (DnsRecord("A", "example.com", "76.76.21.21"),)
    for name in (NAME, "example.com", NAME):
        await story.deployer.remove_domain(story.app, name)
    assert vercel.projects[0].domains == {}


@pytest.mark.parametrize("name", [NAME, "example.com"])
@pytest.mark.parametrize(
    ("addresses", "names"),
    [([], []), ([{"rank": 1, "value": []}], []), ([{"rank": 1, "value": [""]}],
                                                  [{"rank": 1, "value": ""}])],
)  # fmt: skip
async def test_where_vercel_recommends_no_record_none_is_told(
    story: Story, vercel, name, addresses, names
):
    await story.ship()
    vercel.recommended = {"recommendedIPv4": addresses, "recommendedCNAME": names}
    waiting = await story.deployer.ensure_domain(story.app, name)
    assert (waiting.verified, waiting.records) == (False, ())


async def test_the_best_record_that_vercel_recommends_is_told(story: Story, vercel):
    await story.ship()
    vercel.recommended = {
        "recommendedIPv4": [{"rank": 2, "value": ["76.0.0.2"]}, {"rank": 1, "value": []}],
        "recommendedCNAME": [{"rank": 2, "value": "b.test"}, {"rank": 1, "value": "a.test"}],
    }
    told = [await story.deployer.ensure_domain(story.app, each) for each in (NAME, "example.com")]
    assert [each.value for one in told for each in one.records] == ["a.test", "76.0.0.2"]


async def test_a_domain_that_another_project_has_is_said_to_be_taken(story: Story, vercel):
    await story.ship()
    vercel.projects.append(Project(TEAM, "other", domains={NAME: True}))
    with pytest.raises(DomainRefused, match=NAME):
        await story.deployer.ensure_domain(story.app, NAME)


async def test_no_domain_leads_to_a_preview_or_to_an_app_that_is_not_there(story, preview):
    with pytest.raises(DomainRefused, match="production"):
        await preview.deployer.ensure_domain(preview.app, NAME)
    with pytest.raises(NotFound):
        await story.deployer.ensure_domain(story.app, NAME)
    await story.deployer.remove_domain(story.app, NAME)
