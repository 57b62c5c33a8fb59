"""How often may be tried: passwords and codes for each account and address, and mails asked for.

Every try is counted before it is looked at, so that tries at the same time cannot pass together,
and whether or not the account exists. The windows of an account get longer: who goes on after the
first has to wait for the next, up to a day. A try that succeeds makes the account's count nothing.
"""

import hashlib
from collections.abc import Sequence

from autodeploy.kernel.errors import TooManyRequests
from autodeploy.kernel.ratelimit import Limit, network_of
from autodeploy.kernel.resources import Resources

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600

# The shortest first: what it refuses does not count in the longer ones.
_TRIES_OF_ACCOUNT = (
    Limit(5, _MINUTE),
    Limit(10, 15 * _MINUTE),
    Limit(20, 4 * _HOUR),
    Limit(50, _DAY),
)
_TRIES_OF_ADDRESS = (Limit(30, _MINUTE), Limit(300, _HOUR))
_MAILS_TO_ACCOUNT = (Limit(5, _HOUR),)
_MAILS_FROM_ADDRESS = (Limit(20, _HOUR),)


async def count_try(resources: Resources, account: str, address: str | None) -> None:
    """Count a try for ``account`` (an e-mail address, or what else names it) from ``address``.

    Raises ``TooManyRequests``, whether this try is right or wrong.
    """
    if address is not None:
        await _require(resources, f"tries:address:{network_of(address)}", _TRIES_OF_ADDRESS)
    await _require(resources, _tries_of(account), _TRIES_OF_ACCOUNT)


async def forget_tries(resources: Resources, account: str) -> None:
    """A try for ``account`` succeeded: those before it no longer count."""
    if resources.limiter is not None:
        for limit in _TRIES_OF_ACCOUNT:
            await resources.limiter.forget(_key(_tries_of(account), limit), limit)


async def count_request_for_mail(resources: Resources, address: str | None) -> None:
    """Count that somebody without a session has a mail sent. Raises ``TooManyRequests``."""
    if address is not None:
        await _require(resources, f"mails:address:{network_of(address)}", _MAILS_FROM_ADDRESS)


async def may_have_mail(resources: Resources, account: str) -> bool:
    """Whether one more mail goes to ``account``, which counts it."""
    wait = await _count(resources, f"mails:account:{_digest(account)}", _MAILS_TO_ACCOUNT)
    return wait is None


async def require_mail(resources: Resources, account: str) -> None:
    """Count a mail to ``account``. Raises ``TooManyRequests``."""
    await _require(resources, f"mails:account:{_digest(account)}", _MAILS_TO_ACCOUNT)


async def _require(resources: Resources, key: str, limits: Sequence[Limit]) -> None:
    wait = await _count(resources, key, limits)
    if wait is not None:
        raise TooManyRequests("There were too many tries.", retry_after_seconds=wait)


async def _count(resources: Resources, key: str, limits: Sequence[Limit]) -> int | None:
    """The seconds to wait, or None when this one is allowed and counted."""
    if resources.limiter is None:
        return None
    for limit in limits:
        decision = await resources.limiter.hit(_key(key, limit), limit)
        if not decision.allowed:
            return decision.reset_seconds
    return None


def _key(key: str, limit: Limit) -> str:
    return f"{key}:{limit.window_seconds}"


def _tries_of(account: str) -> str:
    return f"tries:account:{_digest(account)}"


def _digest(account: str) -> str:
    return hashlib.sha256(account.encode()).hexdigest()[:32]
