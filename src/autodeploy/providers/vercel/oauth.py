"""Connecting a Vercel account or team: its integration flow, the one whose token may deploy.

vercel.com/docs/integrations, as of 2026-11: the browser installs the integration, comes back with
a code that works once within 30 minutes, and the token that it is exchanged for does not expire.
There is no PKCE in this flow: the state alone binds it. Removing the installation ends the token.
"""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, urlencode

import structlog
from pydantic import BaseModel, Field

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient, Service
from autodeploy.kernel.http.errors import CredentialRefused
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

WEB_URL = "https://vercel.com"
API_URL = "https://api.vercel.com"

_log = structlog.get_logger(__name__)


class _Exchange(BaseModel):
    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=4096)]
    installation_id: str
    user_id: str
    team_id: str | None = None


class _Failure(BaseModel):
    """An error, as OAuth names it (``error`` is a code) or as Vercel's API does."""

    class Detail(BaseModel):
        code: str = ""
        invalid_token: Annotated[bool, Field(alias="invalidToken")] = False

    error: str | Detail = ""

    @property
    def code(self) -> str:
        return self.error if isinstance(self.error, str) else self.error.code

    @property
    def token_is_gone(self) -> bool:
        return isinstance(self.error, self.Detail) and self.error.invalid_token


class _User(BaseModel):
    class User(BaseModel):
        username: str

    user: User


class _Team(BaseModel):
    slug: str


class VercelOAuth:
    """The integration ``slug`` of the operator."""

    name = "vercel"
    title = "Vercel"
    signs_in = False
    connects = True

    def __init__(
        self, *, slug: str, client_id: str, client_secret: str, web_url: str, api_url: str
    ):
        self.issuer = web_url
        self._slug = slug
        self._client = (client_id, client_secret)
        self._web_url = web_url
        self._api_url = api_url
        self._http = HttpClient(Service(name=self.title), patience=ONCE)

    async def authorization_url(self, attempt: Attempt) -> str:
        query = urlencode({"state": attempt.state})
        return f"{self._web_url}/integrations/{quote(self._slug, safe='')}/new?{query}"

    async def redeem(self, callback: Callback, attempt: Attempt) -> Granted:
        exchange = await self._exchange(callback.code, attempt.redirect_uri)
        details = {
            "installationId": exact_text(exchange.installation_id),
            "userId": exact_text(exchange.user_id),
            "teamId": exact_text(exchange.team_id),
        }
        account = Account(
            subject=details["installationId"] or "",
            name=await self._read_name(exchange.access_token, details["teamId"]),
        )
        return Granted(account, Grant(token=exchange.access_token, details=details))

    async def revoke(self, grant: Grant) -> None:
        installation = grant.details.get("installationId")
        if installation is None:
            raise CredentialRefused("The token is of no installation that could be removed.")
        team = grant.details.get("teamId")
        account = self._http.bound(token=grant.token, query={"teamId": str(team)} if team else None)
        answer = await account.send(
            Call(
                "DELETE",
                f"{self._api_url}/v1/integrations/configuration/{{id}}",
                parts={"id": str(installation)},
            )
        )
        if answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED):
            return
        if answer.status == HTTPStatus.FORBIDDEN and answer.read(_Failure).token_is_gone:
            return
        raise answer.unusable("it did not remove the integration")

    async def retire(self, grant: Grant) -> None:
        """The installation is the same one still: nothing of it is to be removed."""

    async def close(self) -> None:
        await self._http.close()

    async def _exchange(self, code: str, redirect_uri: str) -> _Exchange:
        form = {
            "client_id": self._client[0],
            "client_secret": self._client[1],
            "code": code,
            "redirect_uri": redirect_uri,
        }
        url = f"{self._api_url}/v2/oauth/access_token"
        answer = await self._http.send(Call("POST", url, form=form))
        if answer.status == HTTPStatus.OK:
            exchange = answer.read(_Exchange)
            if exact_text(exchange.installation_id) is None:
                raise answer.unusable("installation_id is of another form")
            return exchange
        refusal = shown_text(answer.read(_Failure).code) or f"HTTP {answer.status}"
        if refusal in ("invalid_grant", "bad_request", "invalid_code"):
            raise OAuthRefused(
                "Vercel did not accept the code: it is used, or older than 30 minutes."
            )
        raise ProviderMisconfigured(
            f"Vercel does not accept this platform's integration: {refusal}.",
            remedy="The operator compares AUTODEPLOY_PROVIDERS__VERCEL__CLIENT_ID, __CLIENT_SECRET "
            "and the redirect URL with the integration's settings at Vercel.",
        )

    async def _read_name(self, token: str, team_id: str | None) -> str | None:
        """The team's or user's name, for people. The code is spent: without it, it is connected."""
        try:
            path = "/v2/teams/{id}" if team_id else "/v2/user"
            call = Call("GET", f"{self._api_url}{path}", parts={"id": team_id} if team_id else {})
            answer = await self._http.bound(token=token).send(call)
            if answer.status != HTTPStatus.OK:
                raise answer.unusable("the name could not be read")
            if team_id:
                return shown_text(answer.read(_Team).slug)
            return shown_text(answer.read(_User).user.username)
        except AutoDeployError as error:
            _log.warning("no name of a connected account", provider=self.name, reason=error.message)
            return None
