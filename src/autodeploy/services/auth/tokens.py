"""Opaque secrets that callers hold: tokens, refresh tokens, tickets. Stored as SHA-256."""

import hashlib
import hmac
import secrets
from uuid import UUID

PERSONAL_PREFIX = "adp_"
SERVICE_PREFIX = "ads_"
REFRESH_PREFIX = "adr_"
INVITATION_PREFIX = "adi_"

#: How much of a token is kept readable, so that its owner can tell which one it is.
SHOWN_LENGTH = 12

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_BYTES = 32
_SECRET_LENGTH = 43  # ceil(256 / log2(62))


def new_secret() -> str:
    """32 random bytes in base62, 43 characters."""
    number = int.from_bytes(secrets.token_bytes(_SECRET_BYTES))
    digits = []
    for _ in range(_SECRET_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def new_personal_token() -> str:
    return PERSONAL_PREFIX + new_secret()


def new_invitation_token() -> str:
    return INVITATION_PREFIX + new_secret()


def new_service_token() -> str:
    return SERVICE_PREFIX + new_secret()


def new_refresh_token(session_id: UUID) -> str:
    """A refresh token that names its session, so that any earlier one of it is recognised."""
    return f"{REFRESH_PREFIX}{session_id.hex}_{new_secret()}"


def session_of(refresh_token: str) -> UUID | None:
    """The session that a refresh token names, or None when it is not of that form."""
    body, separator, _ = refresh_token.removeprefix(REFRESH_PREFIX).partition("_")
    if not refresh_token.startswith(REFRESH_PREFIX) or not separator:
        return None
    try:
        return UUID(hex=body)
    except ValueError:
        return None


def digest(secret: str) -> bytes:
    """What is stored of a secret. It is random and long, so a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def matches(secret: str, stored: bytes) -> bool:
    """Whether ``stored`` is the digest of ``secret``, compared in constant time."""
    return hmac.compare_digest(digest(secret), stored)
