"""Claims of signed tokens whose signature was found right, so that it is computed once."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ENTRIES = 2_000


@dataclass(frozen=True)
class VerifiedToken:
    """What a token holds whose signature was verified, by the key ``kid``."""

    kid: object
    claims: Mapping[str, Any]


class VerifiedTokens:
    """Remembers a bounded number of tokens by their digests, until they expire.

    What can change about a token, whether its key is still accepted and its session lives, is for
    the caller to ask each time.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    def find(self, token: str, audience: str) -> VerifiedToken | None:
        """The token, if it was kept and has not expired."""
        kept = self._kept.get(_digest(token, audience))
        return kept if kept is not None and time.time() < kept.claims["exp"] else None

    def keep(self, token: str, audience: str, verified: VerifiedToken) -> None:
        """Remember a token; its claims hold its ``exp``."""
        self._kept[_digest(token, audience)] = verified
        if len(self._kept) > _ENTRIES:
            self._kept.popitem(last=False)


def _digest(token: str, audience: str) -> bytes:
    return hashlib.sha256(f"{audience}\n{token}".encode()).digest()
