"""A domain is added to a service once, looked at, and removed with the other of its pair."""

import pytest
from tests.providers.render.conftest import APP, Log, build_request

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import OutcomeUnknown
from autodeploy.providers.domains import DnsRecord, DomainRefused

pytestmark = pytest.mark.contract(provider="render")

NAME = "shop.example.com"


@pytest.fixture
async def deployed(apps, log: Log) -> None:
    await apps.build(build_request(), log)


async def test_a_domain_is_verified_once_its_record_leads_to_the_service(apps, render, deployed):
    for _ in range(2):
        status = await apps.ensure_domain(APP, NAME)
        target = f"{render.service.name}.onrender.com"
        assert (status.verified, status.records) == (False, (DnsRecord("CNAME", NAME, target),))
    path = f"/services/{render.service.id}/custom-domains"
    assert len(render.calls("POST", path)) == 1
    render.records.add(NAME)
    status = await apps.ensure_domain(APP, NAME)
    assert (status.verified, status.records) == (True, ())


async def test_an_apex_gets_an_address_and_goes_with_its_www(apps, render, deployed):
    status = await apps.ensure_domain(APP, "example.com")
    assert status.records == (DnsRecord("A", "example.com", "216.24.57.1"),)
    assert list(render.service.domains) == ["example.com", "www.example.com"]
    await apps.ensure_domain(APP, NAME)
    for _ in range(2):
        await apps.remove_domain(APP, "example.com")
    assert list(render.service.domains) == [NAME]


@pytest.mark.parametrize("fault", ["lost", "cut", "silence"])
async def test_a_domain_whose_answer_is_lost_is_looked_for(hasty_apps, render, deployed, fault):
    render.faults.fail(f"POST /services/{render.service.id}/custom-domains", fault)
    if fault == "silence":
        with pytest.raises(OutcomeUnknown):
            await hasty_apps.ensure_domain(APP, NAME)
    assert (await hasty_apps.ensure_domain(APP, NAME)).records
    assert list(render.service.domains) == [NAME]


async def test_a_domain_of_another_service_is_refused(apps, render, deployed):
    other = {**render.service.sent, "name": "other"}
    taken = {NAME: {"id": "cdm-1", "name": NAME, "redirects": "", "verified": True}}
    service = type(render.service)(other, 0.0, {}, {}, domains=taken)
    render.services[service.id] = service
    with pytest.raises(DomainRefused, match=NAME):
        await apps.ensure_domain(APP, NAME)


async def test_an_app_that_is_not_there_has_no_domains(apps):
    with pytest.raises(NotFound):
        await apps.ensure_domain(APP, NAME)
    await apps.remove_domain(APP, NAME)


async def test_a_domain_that_is_answered_as_if_it_were_there_before_is_served(
    apps, render, deployed
):
    """With 200 instead of 201."""
    render.faults.fail(f"POST /services/{render.service.id}/custom-domains", "as_200")
    assert (await apps.ensure_domain(APP, NAME)).records
    render.exchanges.clear()  # Render's description does not know it
