"""Signing in at a provider, or connecting an account there: to its consent page and back."""

from urllib.parse import urlsplit

from autodeploy.kernel.errors import InvalidInput, Unauthenticated
from autodeploy.kernel.resources import Resources
from autodeploy.providers.identity import (
    Attempt,
    Callback,
    Granted,
    IdentityProvider,
    IdentityProviders,
    OAuthRefused,
    Purpose,
    shown_text,
)
from autodeploy.services.auth import attempts, audit, identities
from autodeploy.services.auth.attempts import LIFETIME_SECONDS, Holder
from autodeploy.services.auth.connections import connect
from autodeploy.services.auth.grants import Guard
from autodeploy.services.auth.login import sign_in
from autodeploy.services.auth.oauth_schemas import (
    AuthorizationUrl,
    CallbackInput,
    ConnectionView,
    OidcCallbackInput,
    SignInMethod,
    SignInMethods,
    VercelCallbackInput,
    VercelConnected,
)
from autodeploy.services.auth.permissions import require_scope
from autodeploy.services.auth.principal import Principal, Scope
from autodeploy.services.auth.schemas import SecondFactorNeeded, SignedIn


def list_methods(providers: IdentityProviders) -> SignInMethods:
    """What a page offers to sign in with, and to connect."""
    password = SignInMethod(
        name="password", title="E-mail and password", signs_in=True, connects=False, url_path=None
    )
    elsewhere = [
        SignInMethod(
            name=each.name,
            title=each.title,
            signs_in=each.signs_in,
            connects=each.connects,
            url_path=f"/api/v1/auth/{each.name}/url",
        )
        for each in providers
    ]
    return SignInMethods(page_url=f"{providers.public_url}/login", methods=[password, *elsewhere])


async def begin(
    resources: Resources, providers: IdentityProviders, name: str, holder: Holder
) -> AuthorizationUrl:
    """Where the browser goes: to connect an account of a signed-in caller, else to sign in.

    Raises ``ProviderNotConfigured``, ``ProviderUnavailable``, ``Unauthenticated`` where a
    provider signs nobody in, and ``Forbidden`` without the scope admin.
    """
    _require_scope(holder)
    provider = providers.find(name)
    if holder.principal is None and not provider.signs_in:
        raise Unauthenticated(
            f"{provider.title} signs nobody in; an account there is connected by its user.",
            remedy="Sign in first, and connect it then.",
        )
    attempt = await attempts.begin(resources, name, providers.redirect_uri(name), holder)
    return AuthorizationUrl(
        url=await provider.authorization_url(attempt),
        redirect_uri=attempt.redirect_uri,
        expires_in=LIFETIME_SECONDS,
    )


async def complete(
    resources: Resources,
    providers: IdentityProviders,
    name: str,
    body: CallbackInput,
    holder: Holder,
    *,
    user_agent: str | None,
    address: str | None,
    guard: Guard | None = None,
) -> SignedIn | SecondFactorNeeded | ConnectionView:
    """Take the browser back: a session, or the connection of the caller who began it.

    The state ends with this. Raises ``OAuthStateInvalid``, what ``IdentityProvider.redeem``
    raises, ``EmailTaken``, ``IdentityTaken`` and ``Forbidden``, and as ``guard``, which is asked
    where another account was connected.
    """
    _require_scope(holder)
    provider = providers.find(name)
    attempt = await attempts.take(resources, name, body.state, holder)
    if attempt.purpose is Purpose.CONNECT:
        return await _connect(resources, provider, body, holder, attempt, guard)
    granted = await provider.redeem(_callback(provider, body), attempt)
    return await _sign_in(resources, provider, granted, user_agent, address)


async def complete_vercel(
    resources: Resources,
    providers: IdentityProviders,
    body: VercelCallbackInput,
    principal: Principal,
    *,
    guard: Guard | None = None,
) -> VercelConnected:
    """Take the browser back from Vercel, which signs nobody in. Raises as ``complete``."""
    holder = Holder(principal, None)
    _require_scope(holder)
    provider = providers.find("vercel")
    attempt = await attempts.take(resources, "vercel", body.state, holder)
    view = await _connect(resources, provider, body, holder, attempt, guard)
    return VercelConnected(**view.model_dump(), next=_page_of(provider.issuer, body.next))


def _page_of(origin: str, address: str | None) -> str | None:
    """``address`` when it is a page of ``origin``: a callback is no open redirect."""
    wanted, given = urlsplit(origin), urlsplit(address or "")
    same = (given.scheme, given.netloc) == (wanted.scheme, wanted.netloc)
    return address if same and address and address.isprintable() else None


async def _connect(
    resources: Resources,
    provider: IdentityProvider,
    body: CallbackInput,
    holder: Holder,
    attempt: Attempt,
    guard: Guard | None,
) -> ConnectionView:
    assert holder.principal is not None  # its credential began the attempt
    granted = await provider.redeem(_callback(provider, body), attempt)
    return await connect(resources, holder.principal, provider, granted, guard=guard)


def _require_scope(holder: Holder) -> None:
    """A caller, if there is one, may change the account; raises ``Forbidden`` otherwise."""
    if holder.principal is not None:
        require_scope(holder.principal, Scope.ADMIN)


def _callback(provider: IdentityProvider, body: CallbackInput) -> Callback:
    """The code that came back. Raises ``OAuthRefused`` for an error in its place."""
    if body.error is not None:
        named = shown_text(body.error) or "an error without a name"
        if named == "access_denied":
            raise OAuthRefused(
                f"Access was not given at {provider.title}.",
                remedy="Start again, and allow it there.",
            )
        raise OAuthRefused(f"{provider.title} gave no access: {named}.")
    if body.code is None:
        raise InvalidInput(
            "There is neither a code nor an error.",
            field="code",
            remedy="Pass on the query that the browser came back with.",
        )
    return Callback(body.code, body.iss if isinstance(body, OidcCallbackInput) else None)


async def _sign_in(
    resources: Resources,
    provider: IdentityProvider,
    granted: Granted,
    user_agent: str | None,
    address: str | None,
) -> SignedIn | SecondFactorNeeded:
    """A session. Where the account has a second factor, its code is needed here too: whoever
    holds the account at the provider does not hold that."""
    who = audit.Actor.anonymous(address=address, user_agent=user_agent)
    async with resources.db.transaction() as session:
        user = await identities.find_or_create_user(session, who, provider, granted.account)
    return await sign_in(resources, user, user_agent=user_agent, address=address)
