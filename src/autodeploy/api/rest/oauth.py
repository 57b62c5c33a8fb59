"""``/api/v1/auth``: signing in elsewhere, and ``/api/v1/users/{id}/connections``."""

from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.requests import HTTPConnection

from autodeploy.api.deps import (
    PrincipalDep,
    ResourcesDep,
    client_of,
    get_principal,
    has_credential,
)
from autodeploy.api.rest.providers import ProvidersDep as RegistryDep
from autodeploy.kernel.schema import Page
from autodeploy.providers.identity import IdentityProviders
from autodeploy.services.auth import command_line, connections, oauth, token_connections
from autodeploy.services.auth.attempts import LIFETIME_SECONDS, Holder
from autodeploy.services.auth.oauth_schemas import (
    AuthorizationUrl,
    CallbackInput,
    CommandLineCode,
    CommandLineCodeInput,
    CommandLineTokenInput,
    ConnectionView,
    Disconnected,
    OidcCallbackInput,
    ProviderTokenInput,
    SignInMethods,
    VercelCallbackInput,
    VercelConnected,
)
from autodeploy.services.auth.schemas import NewToken, SecondFactorNeeded, SignedIn
from autodeploy.services.auth.tokens import new_secret
from autodeploy.services.deployer import connection_use

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])
users_router = APIRouter(prefix="/api/v1/users", tags=["users"])

_COOKIE = "autodeploy-sign-in"


async def _identity_providers(connection: HTTPConnection) -> IdentityProviders:
    providers: IdentityProviders = connection.app.state.identity_providers
    return providers


ProvidersDep = Annotated[IdentityProviders, Depends(_identity_providers)]


ForceDep = Annotated[
    bool,
    Query(
        description="Also while environments or databases act by another account that is "
        "connected, which this one takes the place of.",
    ),
]


class _Browser:
    """The cookie by which a browser that has not signed in yet is known again.

    ``SameSite=Strict`` is enough: the page that the provider comes back to is our own, and sends
    the code itself. Over https the name binds the cookie to this host (``__Host-``).
    """

    def __init__(self, request: Request, providers: IdentityProviders):
        self._secure = urlsplit(providers.public_url).scheme == "https"
        self._name = f"__Host-{_COOKIE}" if self._secure else _COOKIE
        self.secret = request.cookies.get(self._name)

    def remember(self, response: Response) -> str:
        """The browser's secret, for as long as an attempt lives; one for all its tabs."""
        self.secret = self.secret or new_secret()
        response.set_cookie(
            self._name,
            self.secret,
            max_age=LIFETIME_SECONDS,
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return self.secret


async def _browser(request: Request, providers: ProvidersDep) -> _Browser:
    return _Browser(request, providers)


BrowserDep = Annotated[_Browser, Depends(_browser)]


@router.get("/methods", operation_id="listSignInMethods")
async def list_methods(providers: ProvidersDep) -> SignInMethods:
    """What this installation offers to sign in with, and to connect."""
    return oauth.list_methods(providers)


async def _holder(connection: HTTPConnection, browser: BrowserDep) -> Holder:
    """Who begins or ends an attempt. A credential that is not valid is refused, not left out:
    connecting an account would turn into signing in with it."""
    principal = await get_principal(connection) if has_credential(connection) else None
    return Holder(principal, browser.secret)


HolderDep = Annotated[Holder, Depends(_holder)]


@router.get("/github/url", operation_id="getGithubUrl")
async def github_url(
    response: Response,
    resources: ResourcesDep,
    providers: ProvidersDep,
    holder: HolderDep,
    browser: BrowserDep,
) -> AuthorizationUrl:
    """Where to sign in with GitHub; with a credential, where to connect an account of GitHub."""
    holder = _known_again(response, holder, browser)
    return await oauth.begin(resources, providers, "github", holder)


@router.post("/github/callback", operation_id="completeGithub")
async def github_callback(
    request: Request,
    resources: ResourcesDep,
    providers: ProvidersDep,
    holder: HolderDep,
    body: CallbackInput,
    force: ForceDep = False,
) -> SignedIn | SecondFactorNeeded | ConnectionView:
    """Back from GitHub: a session, or the connection of the caller."""
    guard = connection_use.guard_for(force=force)
    return await oauth.complete(
        resources, providers, "github", body, holder, guard=guard, **client_of(request)
    )


@router.get("/oidc/url", operation_id="getOidcUrl")
async def oidc_url(
    response: Response,
    resources: ResourcesDep,
    providers: ProvidersDep,
    holder: HolderDep,
    browser: BrowserDep,
) -> AuthorizationUrl:
    """Where to sign in with the OpenID Connect provider; with a credential, to link an account."""
    holder = _known_again(response, holder, browser)
    return await oauth.begin(resources, providers, "oidc", holder)


@router.post("/oidc/callback", operation_id="completeOidc")
async def oidc_callback(
    request: Request,
    resources: ResourcesDep,
    providers: ProvidersDep,
    holder: HolderDep,
    body: OidcCallbackInput,
) -> SignedIn | SecondFactorNeeded | ConnectionView:
    """Back from the OpenID Connect provider: a session, or the linked account of the caller."""
    return await oauth.complete(resources, providers, "oidc", body, holder, **client_of(request))


@router.get("/vercel/url", operation_id="getVercelUrl")
async def vercel_url(
    resources: ResourcesDep, providers: ProvidersDep, principal: PrincipalDep
) -> AuthorizationUrl:
    """Where to connect an account or a team of Vercel."""
    return await oauth.begin(resources, providers, "vercel", Holder(principal, None))


@router.post("/vercel/callback", operation_id="completeVercel")
async def vercel_callback(
    resources: ResourcesDep,
    providers: ProvidersDep,
    principal: PrincipalDep,
    body: VercelCallbackInput,
    force: ForceDep = False,
) -> VercelConnected:
    """Back from Vercel: the connection of the caller."""
    guard = connection_use.guard_for(force=force)
    return await oauth.complete_vercel(resources, providers, body, principal, guard=guard)


@router.get("/supabase/url", operation_id="getSupabaseUrl")
async def supabase_url(
    resources: ResourcesDep, providers: ProvidersDep, principal: PrincipalDep
) -> AuthorizationUrl:
    """Where to connect an organization of Supabase."""
    return await oauth.begin(resources, providers, "supabase", Holder(principal, None))


@router.post("/supabase/callback", operation_id="completeSupabase")
async def supabase_callback(
    request: Request,
    resources: ResourcesDep,
    providers: ProvidersDep,
    principal: PrincipalDep,
    body: CallbackInput,
    force: ForceDep = False,
) -> ConnectionView:
    """Back from Supabase: the connection of the caller."""
    answer = await oauth.complete(
        resources,
        providers,
        "supabase",
        body,
        Holder(principal, None),
        guard=connection_use.guard_for(force=force),
        **client_of(request),
    )
    assert isinstance(answer, ConnectionView)  # what the caller began cannot be a sign-in
    return answer


@router.post("/command-line/code", operation_id="issueCommandLineCode")
async def command_line_code(
    resources: ResourcesDep, principal: PrincipalDep, body: CommandLineCodeInput
) -> CommandLineCode:
    """A code that lets a command line work as the caller, for the holder of its verifier."""
    return await command_line.issue_code(resources, principal, body)


@router.post("/command-line/token", status_code=201, operation_id="createCommandLineToken")
async def command_line_token(
    request: Request, resources: ResourcesDep, body: CommandLineTokenInput
) -> NewToken:
    """Exchange a code, which works once, for a personal token."""
    return await command_line.redeem_code(resources, body, **client_of(request))


@users_router.get("/{user_id}/connections", operation_id="listConnections")
async def list_connections(
    resources: ResourcesDep, principal: PrincipalDep, user_id: UUID
) -> Page[ConnectionView]:
    """The caller's connected accounts, with their scopes and expiry."""
    return await connections.list_connections(resources, principal, user_id)


@users_router.put("/{user_id}/connections/{provider}", operation_id="connectByToken")
async def connect_by_token(
    resources: ResourcesDep,
    registry: RegistryDep,
    principal: PrincipalDep,
    user_id: UUID,
    provider: Annotated[str, Path(max_length=100)],
    body: ProviderTokenInput,
    force: ForceDep = False,
) -> ConnectionView:
    """Connect an account by a token that was made in the provider's console, which is asked
    first whose it is. The token is never shown again.

    While environments or databases act by another account that it would take the place of, it is
    refused with their names unless forced."""
    guard = connection_use.guard_for(force=force)
    return await token_connections.connect_by_token(
        resources, principal, user_id, provider, body, providers=registry, guard=guard
    )


@users_router.delete("/{user_id}/connections/{provider}", operation_id="disconnect")
async def disconnect(
    resources: ResourcesDep,
    providers: ProvidersDep,
    principal: PrincipalDep,
    user_id: UUID,
    provider: Annotated[str, Path(max_length=100)],
    force: Annotated[
        bool, Query(description="Also while environments or databases act by it.")
    ] = False,
) -> Disconnected:
    """End a connection here and at the provider; the answer says whether the latter worked.

    While environments or databases act by it, it is refused with their names unless forced."""
    return await connection_use.disconnect(
        resources, providers, principal, user_id, provider, force=force
    )


def _known_again(response: Response, holder: Holder, browser: _Browser) -> Holder:
    if holder.principal is not None:
        return holder
    return Holder(None, browser.remember(response))
