"""Walks to a consent page that are under way: each is known by its state, and works once.

The state alone could be planted on somebody else (log-in CSRF), so it is bound to who began: the
browser, by a cookie that holds a secret, or the credential of a caller who is signed in. Kept in
the cache only, sealed and under digests: when that is lost, people start again.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from autodeploy.kernel.resources import Resources
from autodeploy.kernel.vault import VaultError
from autodeploy.providers.identity import Attempt, Purpose
from autodeploy.services.auth.errors import OAuthStateInvalid
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.tokens import digest, new_secret

LIFETIME_SECONDS = 600

_SUBJECT = "sign-in attempts"  # whose key seals them: nobody is known yet


@dataclass(frozen=True)
class Holder:
    """Who presents a state: the caller, if signed in, and the secret of the browser's cookie."""

    principal: Principal | None
    browser: str | None

    def names(self) -> Iterator[str]:
        """Raises ``Forbidden`` for a service token, which has no account."""
        if self.principal is not None:
            credential = self.principal.token_id or self.principal.session_id
            yield f"user:{self.principal.user_id}:{credential}"
        if self.browser is not None:
            yield f"browser:{digest(self.browser).hex()}"


async def begin(resources: Resources, provider: str, redirect_uri: str, holder: Holder) -> Attempt:
    """A new attempt of ``holder``, who is signed in to connect an account, or else signs in.

    Raises ``Unavailable``, also while nothing can be sealed.
    """
    purpose = Purpose.SIGN_IN if holder.principal is None else Purpose.CONNECT
    attempt = Attempt(
        purpose=purpose,
        redirect_uri=redirect_uri,
        state=new_secret(),
        verifier=secrets.token_urlsafe(48),
        nonce=new_secret(),
    )
    record = {
        "provider": provider,
        "holder": next(holder.names()),
        "purpose": purpose,
        "redirect_uri": redirect_uri,
        "verifier": attempt.verifier,
        "nonce": attempt.nonce,
    }
    key = _key(attempt.state)
    sealed = await resources.vault.encrypt_for(_SUBJECT, json.dumps(record), context=key)
    await resources.cache.put(key, sealed.encode(), ttl_seconds=LIFETIME_SECONDS)
    return attempt


async def take(resources: Resources, provider: str, state: str, holder: Holder) -> Attempt:
    """The attempt of a state, which ends with this, whoever asks.

    Raises ``OAuthStateInvalid`` unless ``holder`` began it, at this provider, and in time.
    """
    record = await _take_record(resources, _key(state))
    if record is None or record["provider"] != provider or record["holder"] not in holder.names():
        raise OAuthStateInvalid(
            "The state is used, older than 10 minutes, or was begun by another browser or session.",
            field="state",
            remedy="Start again: ask for a new address, and come back with the same browser or "
            "credential.",
        )
    return Attempt(
        purpose=Purpose(record["purpose"]),
        redirect_uri=record["redirect_uri"],
        state=state,
        verifier=record["verifier"],
        nonce=record["nonce"],
    )


async def _take_record(resources: Resources, key: str) -> dict[str, str] | None:
    sealed = await resources.cache.take(key)
    if sealed is None:
        return None
    try:
        text = await resources.vault.decrypt_for(_SUBJECT, sealed.decode(), context=key)
    except VaultError:
        return None  # its key was retired meanwhile
    record: dict[str, str] = json.loads(text)
    return record


def _key(state: str) -> str:
    return f"oauth:{digest(state).hex()}"
