"""Codes of authenticator apps (TOTP, RFC 6238) and recovery codes."""

import hashlib
import hmac
import secrets
from datetime import datetime

import pyotp

# RFC 6238: SHA-1, 6 digits, 30 seconds are what every app takes for granted.
_STEP_SECONDS = 30
_DIGITS = 6
# Section 5.2: a clock may be off by a step.
_STEPS_OFF = (-1, 0, 1)

RECOVERY_CODES = 10
_GROUPS, _GROUP_LENGTH = 4, 4
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0 and 1; 5 bits a character


def new_secret() -> str:
    """A secret of 160 bits in base32, as apps take it (RFC 4226, section 4)."""
    return pyotp.random_base32(32)


def provisioning_uri(secret: str, *, account: str, issuer: str) -> str:
    """The ``otpauth://`` address that a QR code for an app holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def step_of_code(secret: str, code: str, moment: datetime) -> int | None:
    """The time step that ``code`` belongs to, or None when it is not a code of about now."""
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    present = int(moment.timestamp()) // _STEP_SECONDS
    totp = pyotp.TOTP(secret)
    for step in (present + off for off in _STEPS_OFF):
        if hmac.compare_digest(totp.generate_otp(step), code):
            return step
    return None


def normal_code(code: str) -> str:
    """A code as it is compared: without what people put between its groups."""
    return "".join(code.split()).replace("-", "").lower()


def new_recovery_codes() -> list[str]:
    """Codes of 80 bits such as ``k3mw-9tqx-ab2c-7rne``."""
    return ["-".join(_group() for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def recovery_digest(code: str) -> bytes:
    """What is stored of a recovery code. It is random and long, so a fast hash is enough."""
    return hashlib.sha256(normal_code(code).encode()).digest()


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH))
