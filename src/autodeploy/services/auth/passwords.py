"""Passwords: Argon2id, computed in a few threads so that the event loop goes on."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from secrets import token_urlsafe

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP Password Storage Cheat Sheet, 2024: Argon2id with 19 MiB, 2 passes, 1 lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

#: How many are computed at once; others wait. Each takes a core, of which one is left to all else,
#: and 19 MiB.
AT_ONCE = min(8, max(1, len(os.sched_getaffinity(0)) - 1))

#: What the names of the threads begin with. They are apart from those for files and names of
#: hosts, which would wait behind the passwords of a storm of log-ins.
THREADS = "password"
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix=THREADS)


async def hash_password(password: str) -> str:
    """The Argon2id hash of a password, with its salt and parameters."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password)


async def check_password(password: str, stored: str | None) -> bool:
    """Whether the password is the stored one.

    Takes as long when there is none stored, so that the answer's time does not tell whether an
    account exists.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, _verify, password, stored)


def _verify(password: str, stored: str | None) -> bool:
    try:
        matches = _hasher.verify(stored or _absent_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and stored is not None


@cache
def _absent_hash() -> str:
    return _hasher.hash(token_urlsafe(32))
