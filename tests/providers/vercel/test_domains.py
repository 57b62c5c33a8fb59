"""A domain is added once, proved, pointed at Vercel and removed."""

import pytest
from tests.fakes.vercel_state import Project
from tests.providers.vercel.conftest import TEAM, TOKEN

from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderRefused
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
