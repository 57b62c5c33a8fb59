"""Connecting an organization of Supabase: its OAuth apps, with PKCE.

supabase.com/docs, "Build a Supabase integration", and the description of the Management API, as of
2026-05: the scopes are those of the app, a grant is for one organization, the exchange answers 201,
tokens live for about an hour and each renewal answers a new token to renew with, which alone is
good from then on.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from autodeploy.kernel.clock import now
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import CredentialRefused, ProviderUnavailable
from autodeploy.kernel.http.models import Lenient
from autodeploy.kernel.http.retries import ONCE
from autodeploy.providers.identity import (
    Account,
    Attempt,
    Callback,
    Grant,
    Granted,
    OAuthRefused,
    ProviderMisconfigured,
    exact_text,
    shown_text,
)
from autodeploy.providers.supabase.refusals import message_of
from autodeploy.providers.supabase.service import API_URL, SCOPES, service_at
from autodeploy.providers.supabase.shapes import Organization

_TOKEN_PATTERN = r"^[\x21-\x7e]+$"  # noqa: S105 - what one looks like


class _Exchange(BaseModel):
    access_token: Annotated[str, Field(pattern=_TOKEN_PATTERN, max_length=8192)]
    refresh_token: Annotated[str, Field(pattern=_TOKEN_PATTERN, max_length=8192)]
    expires_in: Annotated[int, Field(gt=0, lt=10**9)]


class _Refusal(Lenient):
    """As RFC 6749 has it, or as Supabase's other refusals."""

    error: object = None
    error_description: object = None
    message: object = None


class SupabaseOAuth:
    """One OAuth app, at the API whose address is ``api_url``."""

    name = "supabase"
    title = "Supabase"
    signs_in = False
    connects = True

    def __init__(self, *, client_id: str, client_secret: str, api_url: str = API_URL):
        self.issuer = api_url
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._http = HttpClient(service_at(api_url), patience=ONCE)

    async def authorization_url(self, attempt: Attempt) -> str:
        query = {
            "client_id": self._client["client_id"],
            "redirect_uri": attempt.redirect_uri,
            "response_type": "code",
            "state": attempt.state,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.issuer}/v1/oauth/authorize?{urlencode(query)}"

    async def redeem(self, callback: Callback, attempt: Attempt) -> Granted:
        answer = await self._ask_for_token(
            grant_type="authorization_code",
            code=callback.code,
            redirect_uri=attempt.redirect_uri,
            code_verifier=attempt.verifier,
        )
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise OAuthRefused("Supabase did not accept the code: it is used or expired.")
        grant = _grant(answer, {})
        organization = await self._read_organization(grant.token)
        account = Account(subject=organization.slug, name=shown_text(organization.name))
        return Granted(account, _grant(answer, {"organizationSlug": organization.slug}))

    async def refresh(self, grant: Grant) -> Grant:
        """The grant with new tokens, in whose place it is to be stored at once: the token to renew
        with is spent.

        Raises ``CredentialRefused`` when it is spent or revoked already, ``ProviderMisconfigured``
        and, for any other refusal, which may be that of a proxy, ``ProviderUnavailable``.
        """
        if grant.refresh_token is None:
            raise CredentialRefused("Nothing is kept to renew the access to Supabase with.")
        answer = await self._send_for_token(
            grant_type="refresh_token", refresh_token=grant.refresh_token
        )
        if answer.status < HTTPStatus.BAD_REQUEST:
            return _grant(answer, grant.details)
        if not _names_the_grant(answer):
            self._refuse_client(answer)
            if answer.status != HTTPStatus.BAD_REQUEST:
                raise answer.unusable("the access was not renewed")
        raise CredentialRefused("Supabase does not renew the access of the connected account.")

    async def revoke(self, grant: Grant) -> None:
        """End what the organization has authorized. Needs the grant's token to renew with."""
        if grant.refresh_token is None:
            raise CredentialRefused("Nothing is kept to end the access to Supabase with.")
        call = Call(
            "POST",
            "/v1/oauth/revoke",
            body={**self._client, "refresh_token": grant.refresh_token},
            safe=True,
        )
        answer = await self._http.send(call)
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND):
            self._refuse_client(answer)
            raise answer.unusable("it did not revoke the access")

    async def retire(self, grant: Grant) -> None:
        """Revoking ends the authorization of the organization, which the newer token is of, too.
        The earlier one ends by itself within the hour."""

    async def close(self) -> None:
        await self._http.close()

    async def _ask_for_token(self, **values: str) -> Answer:
        answer = await self._send_for_token(**values)
        self._refuse_client(answer)
        return answer

    async def _send_for_token(self, **values: str) -> Answer:
        form = {**self._client, **values}
        return await self._http.send(Call("POST", "/v1/oauth/token", form=form))

    def _refuse_client(self, answer: Answer) -> None:
        """Errors have no code: a client that is not known is 401, or the sentence names it."""
        if answer.status < HTTPStatus.BAD_REQUEST:
            return
        told = message_of(answer, self._client["client_secret"])
        if answer.status == HTTPStatus.UNAUTHORIZED or "client" in told.lower():
            raise ProviderMisconfigured(
                f"Supabase does not accept this platform's app: {told or f'HTTP {answer.status}'}.",
                remedy="The operator compares AUTODEPLOY_PROVIDERS__SUPABASE__CLIENT_ID, "
                "__CLIENT_SECRET and the callback address with the app's settings at Supabase.",
            )

    async def _read_organization(self, token: str) -> Organization:
        """The one that the grant is for."""
        answer = await self._http.bound(token=token).send(Call("GET", "/v1/organizations"))
        if answer.status == HTTPStatus.FORBIDDEN:
            raise ProviderMisconfigured(
                "This platform's app at Supabase may not read the organization that it is for.",
                remedy=f"The operator gives the app these scopes: {', '.join(SCOPES)}.",
            )
        if answer.status != HTTPStatus.OK:
            raise answer.unusable("the organization could not be read")
        found = answer.read(list[Organization])
        if len(found) != 1 or exact_text(found[0].slug) is None:
            raise answer.unusable("it names no organization, or several")
        return found[0]


def _names_the_grant(answer: Answer) -> bool:
    """Whether a refusal says that what was sent to renew with is no good, whatever its status."""
    try:
        told = answer.read(_Refusal)
    except ProviderUnavailable:
        return False  # no JSON: it is not Supabase's
    text = f"{told.error} {told.error_description} {told.message}".lower().replace("_", " ")
    return "invalid grant" in text or "refresh token" in text


def _grant(answer: Answer, details: Mapping[str, Any]) -> Grant:
    exchange = answer.read(_Exchange)
    return Grant(
        token=exchange.access_token,
        refresh_token=exchange.refresh_token,
        expires_at=now() + timedelta(seconds=exchange.expires_in),
        details=details,
    )
