"""Render refuses or fails in each way that is known of it: every error says what to do, and none
quotes what Render said."""

import pytest
from tests.fakes.render_api import TOKEN
from tests.providers.render.conftest import SERVER, account, build_request, release_request

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.http.errors import (
    CredentialRefused,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)

pytestmark = pytest.mark.contract(provider="render")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("401", CredentialRefused), ("402", ProviderRefused), ("403", ProviderRefused),
        ("404", NotFound), ("406", ProviderRefused), ("409", ProviderRefused), ("410", NotFound),
        ("400", ProviderRefused), ("422", ProviderRefused),
        ("redirect", ProviderUnavailable), ("long_limit", RateLimited),
        ("truncated", ProviderUnavailable), ("html", ProviderUnavailable),
        ("list", ProviderUnavailable), ("empty", ProviderUnavailable),
        ("huge", ProviderUnavailable),
    ],
)  # fmt: skip
async def test_a_failure_is_told_once_with_what_to_do(provider, render, fault, error):
    render.faults.fail("/users", fault)
    with pytest.raises(error) as raised:
        await provider.check_token(TOKEN)
    assert type(raised.value) is error
    assert raised.value.remedy
    assert "injected" not in raised.value.message
    assert TOKEN not in f"{raised.value!r}"
    assert len(render.exchanges) == 1


@pytest.mark.parametrize("fault", ["500", "502", "503", "cut", "retry_after"])
async def test_a_read_that_fails_for_a_moment_is_repeated(provider, render, fault):
    render.faults.fail("/owners", fault)
    assert (await provider.check_token(TOKEN)).owners


async def test_a_key_that_is_none_is_refused(provider):
    with pytest.raises(CredentialRefused):
        await provider.check_token("rnd_nobody")
    with pytest.raises(InvalidInput):
        await provider.check_token("two words")


async def test_a_repository_that_render_may_not_fetch_says_where_to_allow_it(apps, render, log):
    render.unreachable.add("https://github.com/octo/shop")
    with pytest.raises(ProviderRefused, match="HTTP 400") as raised:
        await apps.build(build_request(), log)
    assert "linked in Render's dashboard" in raised.value.remedy
    assert render.services == {}


async def test_a_paid_plan_without_payment_information_says_where_to_enter_it(
    open_provider, render, log
):
    render.pays = False
    apps = open_provider(plan="standard").deploys_as(account())
    with pytest.raises(ProviderRefused, match="payment") as raised:
        await apps.build(build_request(), log)
    assert "billing" in raised.value.remedy


async def test_a_name_of_what_is_wrong_is_told(apps, render, log):
    await apps.build(build_request(), log)
    taken = dict(render.services)
    render.services.clear()
    request = build_request()
    request.notes.at["creating", "after"] = lambda: render.services.update(taken)
    for service in taken.values():
        service.sent["ownerId"] = "tea-other"
    with pytest.raises(ProviderRefused, match="name_taken"):
        await apps.build(request, log)


@pytest.mark.parametrize("fault", ["401", "403"])
async def test_a_key_that_is_revoked_in_the_midst_is_told_and_the_build_goes_on_later(
    apps, render, log, fault
):
    request = build_request()

    def revoke() -> None:
        deploy = render.service.deploys[0]
        render.faults.fail(f"/services/{render.service.id}/deploys/{deploy.id}", fault)

    request.notes.at["deploy", "after"] = revoke
    with pytest.raises((CredentialRefused, ProviderRefused)):
        await apps.build(request, log)
    await apps.build(request, log)
    assert len(render.service.deploys) == 1


@pytest.mark.parametrize("status", ["404", "410"])
async def test_what_is_gone_while_it_is_removed_is_done(apps, render, log, status):
    await apps.build(build_request(), log)
    render.faults.fail(f"DELETE /services/{render.service.id}", status)
    await apps.destroy(build_request().app)


async def test_a_removal_that_fails_for_a_moment_is_repeated(apps, render, log):
    await apps.build(build_request(), log)
    render.faults.fail(f"DELETE /services/{render.service.id}", "503", "cut")
    await apps.destroy(build_request().app)
    assert render.services == {}


async def test_variables_that_cannot_be_set_stop_the_deploy(apps, render, log):
    await apps.build(build_request(), log)
    render.faults.fail(f"PUT /services/{render.service.id}/env-vars", "400")
    with pytest.raises(ProviderRefused):
        await apps.build(build_request(), log)
    assert len(render.service.deploys) == 1


async def test_the_reason_of_a_failure_that_cannot_be_read_is_left_out(apps, render, log):
    render.outcomes = ["update_failed"]
    artifact = await apps.build(build_request(), log)
    render.faults.fail(f"/services/{render.service.id}/events", *["500"] * 4)
    with pytest.raises(Exception, match="did not start") as raised:
        await apps.deploy(release_request(artifact.key, spec=SERVER), log)
    assert raised.value.cause is None
