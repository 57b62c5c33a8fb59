"""Accounts elsewhere: client secrets, states, codes and tokens of providers."""

import json
import re
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.api.oauth.conftest import Browser
from tests.fakes import github_oauth, oidc, vercel_oauth
from tests.security.run import Run

CLIENT_SECRETS = {
    "github": github_oauth.CLIENT_SECRET,
    "vercel": vercel_oauth.CLIENT_SECRET,
    "oidc": oidc.CLIENT_SECRET,
}
# What the platform sends to a provider, and what it gets there.
_SENT = ("code", "code_verifier")
_GIVEN = ("access_token", "refresh_token", "id_token")


async def providers(run: Run) -> None:
    """Connecting GitHub and Vercel, signing in with OpenID Connect; wrong codes; failures."""
    for provider, secret in CLIENT_SECRETS.items():
        run.canaries.learn(f"client secret of {provider}", secret)
    for provider in CLIENT_SECRETS:
        browser = Browser(run.client, {} if provider == "oidc" else run.headers)
        await _walk(run, browser, provider)
        await _fail(run, browser, provider)
        if provider != "oidc":
            assert (await browser.disconnect(provider)).status_code == 200
        _learn_exchanges(run, provider)
    _learn_cookies(run)


async def _walk(run: Run, browser: Browser, provider: str) -> None:
    begun = len(run.recorder.pieces)
    answer = await browser.walk(provider)
    assert answer.status_code == 200, answer.text
    asked = run.recorder.pieces[begun]
    state = re.search(rb"[?&]state=(\w+)", asked.content)
    assert state
    run.learn(f"state of {provider}", state[1].decode(), asked)
    if provider == "oidc":
        run.learn_session(answer)


async def _fail(run: Run, browser: Browser, provider: str) -> None:
    """A code and a state of nobody; then an exchange that the provider does not do."""
    made_up = {name: run.plant(f"made-up {name} for {provider}") for name in ("code", "state")}
    assert (await browser.finish(provider, made_up)).is_client_error
    for fault in ("500", "truncated", "html") if provider == "oidc" else ("",):
        if fault:
            run.faults.fail("/token", fault)
        state = parse_qs(urlsplit(await browser.begin(provider)).query)["state"][0]
        code = run.plant(f"code that {provider} does not exchange {fault}")
        assert (await browser.finish(provider, {"code": code, "state": state})).is_error


def _learn_exchanges(run: Run, provider: str) -> None:
    """What went between platform and provider, as it was on the wire."""
    for exchange in run.exchanges[provider]:
        form = httpx.QueryParams(exchange.request_body.decode())
        given = (
            json.loads(exchange.response_body)
            if exchange.status == 200 and exchange.method == "POST"
            else {}
        )
        for values, names in ((form, _SENT), (given, _GIVEN)):
            for name in names:
                if name in values:
                    text = values[name].rpartition(".")[2]
                    run.canaries.learn(f"{name} of {provider}", text)


def _learn_cookies(run: Run) -> None:
    cookie = re.compile(rb"set-cookie: autodeploy-sign-in=(\w+)", re.IGNORECASE)
    found = [
        (match[1], piece)
        for piece in run.recorder.pieces
        if (match := cookie.search(piece.content))
    ]
    assert found
    for value in {value for value, _ in found}:
        holders = [piece for other, piece in found if other == value]
        run.learn("cookie of a browser that signs in", value.decode(), *holders)
