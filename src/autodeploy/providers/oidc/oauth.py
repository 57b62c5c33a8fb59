"""Signing in with any OpenID Connect provider (Keycloak, Entra ID, Google, authentik …).

OpenID Connect Core 1.0 and Discovery 1.0 with errata 2, RFC 9207 for the issuer in the callback,
RFC 7636 for PKCE. Everything but the issuer and the client comes from the discovery document.
"""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote_plus, urlencode, urlsplit

import structlog
from pydantic import BaseModel, Field

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.retries import ONCE
from autodeploy.providers.identity import (
    Account,
    Attempt,
    Callback,
    Grant,
    Granted,
    IdentityRefused,
    OAuthRefused,
    ProviderMisconfigured,
    exact_text,
    shown_text,
    web_address,
)
from autodeploy.providers.oidc.discovery import Discovery, Document
from autodeploy.providers.oidc.id_token import IdTokenInvalid, verify_id_token

_log = structlog.get_logger(__name__)


class _Exchange(BaseModel):
    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=16384)]
    id_token: Annotated[str, Field(pattern=r"^[A-Za-z0-9._=-]+$")]


class _Failure(BaseModel):
    error: str


class _Claims(BaseModel):
    """What an ID token or the user info says of the person. ``email_verified`` is text in some."""

    sub: str
    name: str | None = None
    preferred_username: str | None = None
    email: str | None = None
    email_verified: bool | None = None
    picture: str | None = None


class OidcProvider:
    """One client at one issuer. ``email_domains`` limits who may sign in; empty allows all."""

    name = "oidc"
    signs_in = True
    connects = False

    def __init__(
        self,
        *,
        title: str,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        scopes: str,
        email_domains: frozenset[str],
    ):
        self.title = title
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = scopes
        self._email_domains = email_domains
        self._http = HttpClient(Service(name=title), patience=ONCE)
        self._discovery = Discovery(self._http, issuer)

    async def authorization_url(self, attempt: Attempt) -> str:
        document = await self._discovery.document()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": attempt.redirect_uri,
            "scope": self._scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        endpoint = document.authorization_endpoint
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    async def redeem(self, callback: Callback, attempt: Attempt) -> Granted:
        document = await self._discovery.document()
        self._check_issuer(callback.issuer, document)
        exchange = await self._exchange(document, callback.code, attempt)
        try:
            verified = await verify_id_token(
                exchange.id_token,
                self._discovery,
                client_id=self._client_id,
                nonce=attempt.nonce,
            )
        except IdTokenInvalid as error:
            _log.warning("ID token refused", provider=self.title, reason=str(error))
            raise IdentityRefused(
                f"The ID token of {self.title} cannot be trusted: {error}.",
                remedy="Start again. If it stays, the operator checks AUTODEPLOY_OIDC__ISSUER, "
                "__CLIENT_ID and the clocks of both machines.",
            ) from None
        claims = await self._complete(document, verified, exchange.access_token)
        return Granted(self._account(claims), None)

    async def revoke(self, grant: Grant) -> None:
        """No token of this provider is kept."""

    async def retire(self, grant: Grant) -> None:
        """No token of this provider is kept."""

    async def close(self) -> None:
        await self._http.close()

    def _check_issuer(self, issuer: str | None, document: Document) -> None:
        """RFC 9207: a code of another issuer is not sent to this one."""
        if issuer is None and not document.authorization_response_iss_parameter_supported:
            return
        if issuer != self.issuer:
            raise IdentityRefused(
                f"The answer does not come from {self.title}.",
                remedy="Start again, and pass on iss as it came with the code.",
            )

    async def _exchange(self, document: Document, code: str, attempt: Attempt) -> _Exchange:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
            "client_id": self._client_id,
        }
        basic = None
        if self._client_secret is not None:
            if "client_secret_basic" in document.token_endpoint_auth_methods_supported:
                # RFC 6749 2.3.1: both are form-encoded before they become a user and a password.
                basic = (quote_plus(self._client_id), quote_plus(self._client_secret))
            else:
                form["client_secret"] = self._client_secret
        answer = await self._http.send(
            Call("POST", "/token", address=document.token_endpoint, form=form, basic=basic)
        )
        if answer.status == HTTPStatus.OK:
            return answer.read(_Exchange)
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> OAuthRefused | ProviderMisconfigured:
        error = answer.read(_Failure).error
        if error == "invalid_grant":
            return OAuthRefused(f"{self.title} did not accept the code: it is used or expired.")
        return ProviderMisconfigured(
            f"{self.title} does not accept this platform's client: {shown_text(error)}.",
            remedy="The operator compares AUTODEPLOY_OIDC__CLIENT_ID, __CLIENT_SECRET and the "
            "redirect URI with the client's settings at the provider.",
        )

    async def _complete(
        self, document: Document, verified: dict[str, Any], access_token: str
    ) -> _Claims:
        """The claims, with those of the user info where the ID token has no e-mail address."""
        if "email" in verified or document.userinfo_endpoint is None:
            return self._claims(verified)
        answer = await self._http.bound(token=access_token).send(
            Call("GET", "/userinfo", address=document.userinfo_endpoint)
        )
        if answer.status != HTTPStatus.OK:
            raise answer.unusable("the account could not be read")
        told = answer.json()
        if not isinstance(told, dict) or told.get("sub") != verified["sub"]:
            raise answer.unusable("the user info is of another account")
        return self._claims({**told, **verified})

    def _claims(self, values: dict[str, Any]) -> _Claims:
        try:
            return _Claims.model_validate(values)
        except ValueError:
            raise IdentityRefused(
                f"{self.title} describes the account in a form that cannot be used."
            ) from None

    def _account(self, claims: _Claims) -> Account:
        if exact_text(claims.sub) is None:
            raise IdentityRefused(f"{self.title} gives the account an id that cannot be used.")
        email = exact_text(claims.email) if claims.email_verified else None
        if self._email_domains:
            domain = (email or "").rpartition("@")[2].lower()
            if domain not in self._email_domains:
                raise IdentityRefused(
                    "Your e-mail address is not one of those that may sign in here, or "
                    f"{self.title} has not verified it.",
                    remedy="Sign in with an address of your organization; the operator names the "
                    "domains in AUTODEPLOY_OIDC__EMAIL_DOMAINS.",
                )
        return Account(
            subject=claims.sub,
            name=shown_text(claims.preferred_username) or email,
            display_name=shown_text(claims.name),
            email=email,
            avatar_url=web_address(claims.picture),
        )
