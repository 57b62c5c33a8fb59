"""What we send to GitHub and Vercel, and what the emulated ones answer, is as they describe it."""

import pytest
from tests.fakes.contract import require_contract


def _check(provider, exchanges) -> set[str]:
    """The paths that the description covers; fails with everything that it does not allow."""
    contract = require_contract(provider)
    covered, found = set(), []
    for exchange in exchanges:
        told = contract.violations(exchange)
        if told is not None:
            covered.add(f"{exchange.method} {exchange.path}")
            found += told
    assert found == [], "\n".join(found)
    return covered


@pytest.mark.contract(provider="github")
async def test_calls_to_github_are_as_it_describes_them(member, stranger, github):
    require_contract("github")
    await stranger.sign_in("github")
    github.add(77, "work", "work@example.com")
    await member.walk("github")
    await member.walk("github")
    await member.disconnect("github")
    assert _check("github", github.exchanges) == {
        "GET /login/oauth/authorize",
        "POST /login/oauth/access_token",
        "GET /user",
        "GET /user/emails",
        "DELETE /applications/Iv1.0123456789abcdef/token",
        "DELETE /applications/Iv1.0123456789abcdef/grant",
    }
    for exchange in github.calls("/user"):
        assert exchange.request_headers["x-github-api-version"] == "2022-11-28"
        assert exchange.request_headers["user-agent"].startswith("autodeploy/")


@pytest.mark.contract(provider="vercel")
async def test_calls_to_vercel_are_as_it_describes_them(member, vercel):
    require_contract("vercel")
    await member.walk("vercel")
    await member.disconnect("vercel")
    vercel.team_id = "team_7"
    await member.walk("vercel")
    (installation,) = vercel.installations
    await member.disconnect("vercel")
    assert _check("vercel", vercel.exchanges) >= {
        "POST /v2/oauth/access_token",
        "GET /v2/user",
        "GET /v2/teams/team_7",
        f"DELETE /v1/integrations/configuration/{installation}",
    }
