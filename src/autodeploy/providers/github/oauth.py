"""Signing in with GitHub, and connecting an account of it (OAuth apps and GitHub Apps).

The pages and calls are those of docs.github.com, "Authorizing OAuth apps" and "Generating a user
access token for a GitHub App", as of 2026-11. What matters: the exchange answers its errors with
HTTP 200; the scopes that were granted may be fewer than those asked for; an account keeps its id
when it is renamed; tokens of a GitHub App may expire and come with a refresh token, which works
once: what it brings stands in the place of both ("Refreshing user access tokens").
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from autodeploy.kernel.clock import now
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.kernel.http.limits import GITHUB
from autodeploy.kernel.http.refusals import credential_refused
from autodeploy.kernel.http.retries import ONCE
from autodeploy.providers.github.service import HEADERS
from autodeploy.providers.hosted import TokenAccount
from autodeploy.providers.identity import (
    Account,
    Attempt,
    Callback,
    Grant,
    Granted,
    IdentityRefused,
    OAuthRefused,
    ProviderMisconfigured,
    Purpose,
    exact_text,
    shown_text,
    web_address,
)

SCOPES = {
    Purpose.SIGN_IN: ("read:user", "user:email"),
    # Private sources, commit statuses and hooks; the organizations whose repositories are listed.
    Purpose.CONNECT: ("read:user", "user:email", "repo", "admin:repo_hook", "read:org"),
}

# What a scope holds besides itself (docs.github.com, "Scopes for OAuth apps").
_INCLUDED = {"user": {"read:user", "user:email"}, "write:org": {"read:org"},
             "admin:org": {"read:org", "write:org"},
             "repo": {"admin:repo_hook"}}  # fmt: skip

_CODE_ERRORS = {"bad_verification_code", "bad_refresh_token", "expired_token", "access_denied"}


class _Exchange(BaseModel):
    """The answer to the exchange of a code: a token, or an error."""

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=4096)] | None = None
    scope: str | None = None
    expires_in: Annotated[int, Field(gt=0, lt=10**9)] | None = None
    refresh_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=4096)] | None = None
    refresh_token_expires_in: Annotated[int, Field(gt=0, lt=10**9)] | None = None
    error: str | None = None


class _User(BaseModel):
    id: Annotated[int, Field(strict=True, gt=0, lt=2**63)]
    login: str
    name: str | None = None
    avatar_url: str | None = None


class _Email(BaseModel):
    email: str
    primary: bool
    verified: bool


_EMAILS = TypeAdapter(list[_Email])


class GitHubOAuth:
    """One OAuth app or GitHub App at ``web_url``, which is GitHub or an Enterprise Server."""

    name = "github"
    title = "GitHub"
    signs_in = True
    connects = True

    def __init__(self, *, client_id: str, client_secret: str, web_url: str, api_url: str):
        self.issuer = web_url
        self._client = (client_id, client_secret)
        self._web_url = web_url
        self._api_url = api_url
        self._http = HttpClient(Service(name=self.title, limits=GITHUB), patience=ONCE)

    async def authorization_url(self, attempt: Attempt) -> str:
        query = {
            "client_id": self._client[0],
            "redirect_uri": attempt.redirect_uri,
            "scope": " ".join(SCOPES[attempt.purpose]),
            "state": attempt.state,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._web_url}/login/oauth/authorize?{urlencode(query)}"

    async def redeem(self, callback: Callback, attempt: Attempt) -> Granted:
        exchange = await self._exchange(
            code=callback.code, redirect_uri=attempt.redirect_uri, code_verifier=attempt.verifier
        )
        assert exchange.access_token is not None
        account = await self._read_account(exchange.access_token, attempt.purpose)
        if attempt.purpose is Purpose.SIGN_IN:
            return Granted(account, None)
        return Granted(account, _grant(exchange, exchange.access_token))

    async def refresh(self, grant: Grant) -> Grant:
        """As ``RenewingProvider.refresh``; only tokens of a GitHub App expire."""
        if grant.refresh_token is None:
            raise CredentialRefused("Nothing is kept to renew the access to GitHub with.")
        try:
            exchange = await self._exchange(
                grant_type="refresh_token", refresh_token=grant.refresh_token
            )
        except OAuthRefused:
            raise CredentialRefused(
                "GitHub does not renew the access of the connected account."
            ) from None
        assert exchange.access_token is not None
        return _grant(exchange, exchange.access_token)

    async def check_token(self, token: str) -> TokenAccount:
        """Whose token it is, and which scopes it lacks, where GitHub says which it has.

        Raises ``CredentialRefused`` and ``ProviderUnavailable``.
        """
        answer = await self._get(token, "/user")
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise credential_refused(self.title)
        if answer.status != HTTPStatus.OK:
            raise answer.unusable("the account could not be read")
        user = answer.read(_User)
        granted = _split(answer.headers.get("x-oauth-scopes"))
        return TokenAccount(str(user.id), shown_text(user.login) or "", (), _missing(granted))

    async def revoke(self, grant: Grant) -> None:
        await self._delete("grant", grant)

    async def retire(self, grant: Grant) -> None:
        await self._delete("token", grant)

    async def close(self) -> None:
        await self._http.close()

    async def _exchange(self, **values: str) -> _Exchange:
        form = {"client_id": self._client[0], "client_secret": self._client[1], **values}
        url = f"{self._web_url}/login/oauth/access_token"
        answer = await self._http.send(Call("POST", url, form=form))
        exchange = answer.read(_Exchange)
        if exchange.error is not None:
            raise _refusal(exchange.error)
        if exchange.access_token is None:
            raise answer.unusable("access_token is missing")
        return exchange

    async def _read_account(self, token: str, purpose: Purpose) -> Account:
        answer = await self._get(token, "/user")
        if answer.status != HTTPStatus.OK:
            raise answer.unusable("the account could not be read")
        user = answer.read(_User)
        return Account(
            subject=str(user.id),
            name=shown_text(user.login),
            display_name=shown_text(user.name),
            email=await self._read_email(token) if purpose is Purpose.SIGN_IN else None,
            avatar_url=web_address(user.avatar_url),
        )

    async def _read_email(self, token: str) -> str:
        """The primary address, when GitHub has verified it: ``/user`` shows any, and unverified."""
        answer = await self._get(token, "/user/emails", per_page="100")
        if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise IdentityRefused(
                "GitHub does not show your e-mail addresses to this platform.",
                remedy="Allow it at GitHub; for a GitHub App, its owner gives it the account "
                "permission to read e-mail addresses.",
            )
        try:
            emails = _EMAILS.validate_python(answer.json())
        except ValidationError:
            raise answer.unusable("the e-mail addresses are of another form") from None
        for each in emails:
            if each.primary and each.verified and exact_text(each.email):
                return each.email
        raise IdentityRefused(
            "Your primary e-mail address at GitHub is not verified.",
            remedy="Verify it in GitHub's e-mail settings, then sign in again.",
        )

    async def _get(self, token: str, path: str, **query: str) -> Answer:
        call = Call("GET", f"{self._api_url}{path}", query=query, headers=HEADERS)
        return await self._http.bound(token=token).send(call)

    async def _delete(self, what: str, grant: Grant) -> None:
        answer = await self._http.send(
            Call(
                "DELETE",
                f"{self._api_url}/applications/{{client_id}}/{what}",
                parts={"client_id": self._client[0]},
                headers=HEADERS,
                body={"access_token": grant.token},
                basic=self._client,
            )
        )
        # GitHub answers 404 or 422 for a token that is revoked or expired already.
        gone = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise _refusal("incorrect_client_credentials")
        if answer.status not in gone:
            raise answer.unusable("it did not revoke the access")


def _grant(exchange: _Exchange, token: str) -> Grant:
    issued, scopes = now(), _split(exchange.scope)
    details = {}
    if exchange.refresh_token_expires_in is not None:
        ends = issued + timedelta(seconds=exchange.refresh_token_expires_in)
        details["refreshTokenExpiresAt"] = ends.isoformat()
    return Grant(
        token=token,
        refresh_token=exchange.refresh_token,
        expires_at=issued + timedelta(seconds=exchange.expires_in) if exchange.expires_in else None,
        scopes=scopes,
        missing=_missing(scopes),
        details=details,
    )


def _split(scopes: str | None) -> tuple[str, ...]:
    found = (scopes or "").replace(",", " ").split()
    return tuple(scope for each in found if (scope := exact_text(each)))


def _missing(granted: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes that are needed and were not granted; none for a GitHub App, which has rights in
    their place and names no scope."""
    held = set(granted).union(*(_INCLUDED.get(scope, set()) for scope in granted))
    return tuple(each for each in SCOPES[Purpose.CONNECT] if each not in held) if granted else ()


def _refusal(error: str) -> OAuthRefused | ProviderMisconfigured:
    """What an error code of the exchange means to the one who waits for it."""
    if error in _CODE_ERRORS:
        return OAuthRefused("GitHub did not accept the code: it is used, or older than 10 minutes.")
    named = shown_text(error) or "an error without a name"
    return ProviderMisconfigured(
        f"GitHub does not accept this platform's app: {named}.",
        remedy="The operator compares AUTODEPLOY_PROVIDERS__GITHUB__CLIENT_ID, __CLIENT_SECRET and "
        "the callback address with the app's settings at GitHub.",
    )
