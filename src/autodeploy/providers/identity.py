"""The border to services where people have accounts: they sign in there, or connect them here.

A provider sends the browser to its consent page and exchanges the code that comes back. What it
returns of an account is checked and bounded here, so that services can store it as it is.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol, runtime_checkable

from autodeploy.kernel.errors import AutoDeployError, Conflict, Forbidden
from autodeploy.kernel.http.answers import REPLACEMENT

_LONGEST = 255
_LONGEST_URL = 2048
# What the operator sets to offer each provider.
_SETTINGS = {
    "github": "AUTODEPLOY_PROVIDERS__GITHUB__CLIENT_ID and __CLIENT_SECRET",
    "vercel": "AUTODEPLOY_PROVIDERS__VERCEL__CLIENT_ID, __CLIENT_SECRET and __SLUG",
    "supabase": "AUTODEPLOY_PROVIDERS__SUPABASE__CLIENT_ID and __CLIENT_SECRET",
    "oidc": "AUTODEPLOY_OIDC__ISSUER and __CLIENT_ID",
}


class Purpose(StrEnum):
    """What consent is asked for: to know who it is, or also to act with the account."""

    SIGN_IN = "sign_in"
    CONNECT = "connect"


class ProviderNotConfigured(Conflict):
    """The operator has not set this provider up."""

    code = "provider_not_configured"


class ProviderMisconfigured(Conflict):
    """The provider does not accept what the operator has set up."""

    code = "provider_misconfigured"


class OAuthRefused(AutoDeployError):
    """The provider gave no access: cancelled at its page, or the code is used or expired."""

    code = "oauth_refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    usual_remedy = "Start again: ask for a new address and follow it."


class IdentityRefused(Forbidden):
    """The provider said who it is, but that does not let anybody in here."""

    code = "identity_refused"


def pkce_challenge(verifier: str) -> str:
    """What the method S256 of PKCE (RFC 7636) makes of a verifier."""
    hashed = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(hashed).decode().rstrip("=")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One walk to a consent page and back. ``verifier`` is that of PKCE (RFC 7636)."""

    purpose: Purpose
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)

    @property
    def challenge(self) -> str:
        return pkce_challenge(self.verifier)


@dataclass(frozen=True)
class Callback:
    """What came back with the browser; ``issuer`` where the provider names itself (RFC 9207)."""

    code: str = field(repr=False)
    issuer: str | None = None


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account at a provider. ``subject`` stays when it is renamed, and is never given again.

    ``email`` is one that the provider has verified, ``display_name`` fit to be shown.
    """

    subject: str
    name: str | None = None
    display_name: str | None = None
    email: str | None = None
    avatar_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A token to act with the account; ``details`` are ids that later calls need, no secrets.

    ``missing`` are the scopes that were asked for and not granted, as far as the provider tells.
    """

    token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Granted:
    """The account that consented, and the token where one is kept."""

    account: Account
    grant: Grant | None


class IdentityProvider(Protocol):
    """``issuer`` is the instance whose ids these are, ``connects`` whether its token is kept."""

    name: str
    title: str
    issuer: str
    signs_in: bool
    connects: bool

    async def authorization_url(self, attempt: Attempt) -> str:
        """Where to send the browser. Raises ``ProviderUnavailable``."""
        ...

    async def redeem(self, callback: Callback, attempt: Attempt) -> Granted:
        """Exchange the code, which works once.

        Raises ``OAuthRefused``, ``IdentityRefused``, ``ProviderMisconfigured`` and
        ``ProviderUnavailable``.
        """
        ...

    async def revoke(self, grant: Grant) -> None:
        """End all access that the account gave; one that is gone already is no error.

        Raises ``ProviderUnavailable`` and ``ProviderMisconfigured``.
        """
        ...

    async def retire(self, grant: Grant) -> None:
        """End this token, which another of the same account has replaced. Raises as ``revoke``."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class RenewingProvider(Protocol):
    """Its tokens expire, and come with another that renews them once."""

    name: str
    title: str

    async def refresh(self, grant: Grant) -> Grant:
        """The grant with new tokens, in whose place it is to be stored at once: the token to renew
        with is spent.

        Raises ``CredentialRefused`` when it is spent or revoked already, ``ProviderMisconfigured``
        and ``ProviderUnavailable``.
        """
        ...


class IdentityProviders:
    """The providers that the operator has set up, and where they send the browser back to."""

    def __init__(self, providers: Sequence[IdentityProvider], *, public_url: str):
        self._providers = {provider.name: provider for provider in providers}
        self.public_url = public_url.rstrip("/")

    def __iter__(self) -> Iterator[IdentityProvider]:
        return iter(self._providers.values())

    def find(self, name: str) -> IdentityProvider:
        """Raises ``ProviderNotConfigured`` that says how to set it up."""
        try:
            return self._providers[name]
        except KeyError:
            raise _not_configured(name) from None

    def redirect_uri(self, name: str) -> str:
        """The one address that the provider may send the browser to; register it there."""
        return f"{self.public_url}/auth/{name}/callback"

    async def close(self) -> None:
        for provider in self._providers.values():
            await provider.close()


def shown_text(value: str | None) -> str | None:
    """A provider's text as one line that can be stored and shown, None when nothing is left."""
    text = "".join(each for each in value or "" if _is_shown(each)).strip()
    return text[:_LONGEST].strip() or None


def exact_text(value: str | None) -> str | None:
    """An id or an address: as it is, or None when it is not one that can be stored."""
    if not value or len(value) > _LONGEST or value != value.strip():
        return None
    return value if all(map(_is_shown, value)) else None


def _is_shown(character: str) -> bool:
    return character.isprintable() and character != REPLACEMENT


def web_address(value: str | None) -> str | None:
    """The address of a picture, None unless it is one of the web."""
    usable = value and len(value) <= _LONGEST_URL and value.isascii() and value.isprintable()
    return value if usable and value and value.startswith("https://") else None


def _not_configured(name: str) -> ProviderNotConfigured:
    settings = _SETTINGS.get(name)
    return ProviderNotConfigured(
        f"The operator of this platform has not set up {name}.",
        remedy=f"The operator sets {settings}, as docs/sign-in.md describes, and restarts."
        if settings
        else "It is connected by a token alone.",
    )
