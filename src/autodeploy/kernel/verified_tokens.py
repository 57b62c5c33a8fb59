"""Claims of signed tokens whose signature was found right, so that it is computed once."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

_ENTRIES = 2_000


class VerifiedTokens:
    """Remembers a bounded number of tokens by their digests, until they expire.

    What can change about a token, whether its key is still accepted and its session lives, is for
    the caller to ask each time.
    """

    def __init__(self) -> None:
        self._claims: OrderedDict[bytes, Mapping[str, Any]] = OrderedDict()

    def find(self, token: str, audience: str) -> Mapping[str, Any] | None:
        """The claims of a token that was kept and has not expired."""
        claims = self._claims.get(_digest(token, audience))
        return claims if claims is not None and time.time() < claims["exp"] else None

    def keep(self, token: str, audience: str, claims: Mapping[str, Any]) -> None:
        """Remember a token that was verified; ``claims`` hold its ``exp``."""
        self._claims[_digest(token, audience)] = claims
        if len(self._claims) > _ENTRIES:
            self._claims.popitem(last=False)


def _digest(token: str, audience: str) -> bytes:
    return hashlib.sha256(f"{audience}\n{token}".encode()).digest()
