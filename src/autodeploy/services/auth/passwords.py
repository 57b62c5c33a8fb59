"""Passwords: Argon2id, computed in threads so that the event loop goes on."""

import asyncio
from functools import cache
from secrets import token_urlsafe

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP Password Storage Cheat Sheet, 2024: Argon2id with 19 MiB, 2 passes, 1 lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


async def hash_password(password: str) -> str:
    """The Argon2id hash of a password, with its salt and parameters."""
    return await asyncio.to_thread(_hasher.hash, password)


async def check_password(password: str, stored: str | None) -> bool:
    """Whether the password is the stored one.

    Takes as long when there is none stored, so that the answer's time does not tell whether an
    account exists.
    """
    return await asyncio.to_thread(_verify, password, stored)


def _verify(password: str, stored: str | None) -> bool:
    try:
        matches = _hasher.verify(stored or _absent_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None


@cache
def _absent_hash() -> str:
    return _hasher.hash(token_urlsafe(32))
