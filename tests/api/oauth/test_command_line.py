"""A command line that signs in with the browser: the codes, and the walk with a real one."""

import asyncio
import base64
import hashlib
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from tests.api.chromium import browsing, needs_chromium
from tests.fakes.consent import consent
from tests.fakes.server import serving
from tests.services.auth.accounts import PASSWORD, signed_up

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.user import browser as command_line

VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
CODE_PATH = "/api/v1/auth/command-line/code"
TOKEN_PATH = "/api/v1/auth/command-line/token"


async def _code(member, **scope) -> str:
    answer = await member.client.post(
        CODE_PATH, json={"challenge": CHALLENGE, **scope}, headers=member.headers
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["code"])


async def _redeem(member, code, verifier=VERIFIER):
    body = {"code": code, "verifier": verifier, "name": "laptop"}
    return await member.client.post(TOKEN_PATH, json=body)


async def test_a_code_becomes_a_token_of_its_user_once(member):
    code = await _code(member)
    answers = await asyncio.gather(*(_redeem(member, code) for _ in range(3)))
    assert sorted(each.status_code for each in answers) == [201, 422, 422]
    made = next(each.json() for each in answers if each.status_code == 201)
    assert (made["name"], made["scopes"]) == ("laptop", ["write"])
    headers = {"Authorization": f"Bearer {made['token']}"}
    mine = await member.client.get("/api/v1/auth/me", headers=member.headers)
    assert (await member.client.get("/api/v1/auth/me", headers=headers)).json() == mine.json()


async def test_a_token_has_the_scope_that_its_user_agreed_to(member):
    made = await _redeem(member, await _code(member, scope="admin"))
    assert made.json()["scopes"] == ["admin"]


async def test_a_code_of_another_command_line_is_refused_and_spent(member):
    code = await _code(member)
    refused = await _redeem(member, code, "w" * 43)
    assert (refused.status_code, refused.json()["field"]) == (422, "code")
    assert (await _redeem(member, code)).status_code == 422


async def test_a_code_lives_for_a_minute_under_its_digest(member, resources):
    code = await _code(member)
    (key,) = await resources.cache.redis.keys("autodeploy:cache:command-line:*")
    assert code.encode() not in key
    assert 0 < await resources.cache.redis.ttl(key) <= 60


async def test_a_narrow_token_lets_no_command_line_in(member):
    made = await member.client.post(
        "/api/v1/auth/tokens", json={"name": "ci", "scopes": ["write"]}, headers=member.headers
    )
    member.headers = {"Authorization": f"Bearer {made.json()['token']}"}
    answer = await member.client.post(
        CODE_PATH, json={"challenge": CHALLENGE}, headers=member.headers
    )
    assert answer.status_code == 403


async def test_the_page_loads_nothing_from_elsewhere_and_sits_in_no_frame(browser):
    for path in ("/login", "/auth/github/callback?code=x&state=y", "/login/login.js"):
        answer = await browser.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert (await browser.client.get("/login/other.js")).status_code == 404


@pytest.fixture
def listened(monkeypatch):
    """Starts the command line's half; returns its task and the address that it opens."""
    opened: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_event_loop()

    def note(address: str) -> bool:
        loop.call_soon_threadsafe(opened.put_nowait, address)
        return True

    monkeypatch.setattr("webbrowser.open", note)
    monkeypatch.setattr(command_line, "WAIT_SECONDS", 30.0)

    async def start(url: str) -> tuple["asyncio.Task[str]", str]:
        token = asyncio.create_task(
            asyncio.to_thread(command_line.token_from_browser, url, "laptop", "admin")
        )
        waiting = asyncio.create_task(opened.get())
        await asyncio.wait({token, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            token.result()
        return token, waiting.result()

    return start


@pytest.fixture
async def platform(app, github):
    """The platform at its own address, where GitHub sends the browser back to."""
    async with serving(app) as url:
        app.state.identity_providers.public_url = url
        github.redirect_uri = f"{url}/auth/github/callback"
        yield url


async def _who(browser, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await browser.client.get("/api/v1/auth/me", headers=headers)
    return str(answer.json()["email"])


async def _scopes(browser, token: str) -> list[str]:
    headers = {"Authorization": f"Bearer {token}"}
    [listed] = (await browser.client.get("/api/v1/auth/tokens", headers=headers)).json()["items"]
    scopes: list[str] = listed["scopes"]
    return scopes


async def test_a_command_line_takes_a_code_from_who_brings_its_state(platform, listened, member):
    token, address = await listened(platform)
    query = dict(parse_qsl(urlsplit(address).query))
    issued = await member.client.post(
        CODE_PATH, json={"challenge": query["challenge"]}, headers=member.headers
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{query['port']}") as client:
        for wrong in ({"code": "x", "state": "other"}, {"code": "x"}, {}):
            assert (await client.get("/", params=wrong)).status_code == 404
        right = {"code": issued.json()["code"], "state": query["state"]}
        assert (await client.get("/", params=right)).status_code == 200
    mine = await member.client.get("/api/v1/auth/me", headers=member.headers)
    assert await _who(member, await token) == mine.json()["email"]


async def test_a_command_line_does_not_wait_for_ever(platform, listened, monkeypatch):
    monkeypatch.setattr(command_line, "WAIT_SECONDS", 0.1)
    token, _ = await listened(platform)
    with pytest.raises(CommandError, match="five minutes"):
        await token


@needs_chromium
async def test_a_command_line_is_let_in_with_a_password(
    platform, listened, browser, resources, home
):
    await signed_up(resources, "ada@example.com")
    token, address = await listened(platform)
    async with browsing(home / "profile") as page:
        await page.open(address)
        await page.fill("#email", "ada@example.com")
        await page.fill("#secret", "wrong")
        await page.press("#password button")
        await page.see("password is wrong")
        await page.fill("#secret", PASSWORD)
        await page.press("#password button")
        await page.see("work as ada@example.com, with a token of the scope admin?")
        await page.press("#command-line button")
        assert await _who(browser, await token) == "ada@example.com"
        assert await _scopes(browser, await token) == ["admin"]
        await page.see("let in")


@needs_chromium
async def test_a_command_line_is_let_in_with_github(platform, listened, browser, github, home):
    token, address = await listened(platform)
    async with browsing(home / "profile") as page:
        await page.open(address)
        await page.press("#with-github")
        await page.press("button[value=deny]")
        await page.see("Access was not given at GitHub")
        assert await page.evaluate("location.search") == ""
        await page.press("#with-github")
        await page.press("button[value=allow]")
        await page.see("work as octocat@example.com")
        await page.press("#command-line button")
        assert await _who(browser, await token) == "octocat@example.com"
        assert await _scopes(browser, await token) == ["admin"]


async def test_the_page_leaves_alone_what_it_did_not_begin(platform, member, github, home):
    _, query = await consent(await member.begin("github"))
    async with browsing(home / "profile") as page:
        await page.open(f"{platform}/auth/github/callback?{urlencode(query)}")
        await page.see("begun elsewhere")
        assert query["code"] in await page.evaluate("location.search")
    assert (await member.finish("github", query)).status_code == 200


@needs_chromium
async def test_who_cancels_in_the_browser_lets_nobody_in(platform, listened, resources, home):
    await signed_up(resources, "ada@example.com")
    token, address = await listened(platform)
    async with browsing(home / "profile") as page:
        await page.open(address)
        await page.fill("#email", "ada@example.com")
        await page.fill("#secret", PASSWORD)
        await page.press("#password button")
        await page.press("#refuse")
        with pytest.raises(CommandError) as failed:
            await token
    assert failed.value.exit_code == ExitCode.NOT_PERMITTED
