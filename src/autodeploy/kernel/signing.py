"""Signed tokens: JWT with Ed25519 (RFC 8037), each naming its key by ``kid``.

One file holds the private key that signs, and after it the public keys that signed before and are
still accepted (``rotate_signing_key``). Processes notice a new file by themselves.
"""

import hashlib
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, Unauthenticated
from autodeploy.kernel.private_files import create_private_file, replace_private_file
from autodeploy.kernel.verified_tokens import VerifiedToken, VerifiedTokens

ISSUER = "autodeploy"

#: How long a key is accepted after its last signature; no token may be valid for longer.
RETIRED_FOR = timedelta(hours=1)

_ALGORITHM = "EdDSA"
# How old what a process knows of the file may be, and how often a key that it does not know makes
# it look earlier.
_LOOK_SECONDS = 5.0
_LOOK_FOR_UNKNOWN_SECONDS = 1.0
# PEM allows text between its blocks (RFC 7468, section 2).
_RETIRED = re.compile(
    rb"^Retired: (\S+)\n(-----BEGIN PUBLIC KEY-----\n.+?-----END PUBLIC KEY-----\n)",
    re.MULTILINE | re.DOTALL,
)

_Version = tuple[int, int]

_log = structlog.get_logger(__name__)


class SigningKeyError(AutoDeployError):
    """The file of the signing key is missing or damaged."""

    code = "signing_key_unusable"


@dataclass(frozen=True)
class _Retired:
    key: Ed25519PublicKey
    since: datetime

    @property
    def accepted(self) -> bool:
        return now() < self.since + RETIRED_FOR


class _Keys:
    """The content of a file: one private key, and the public ones that came before it."""

    def __init__(self, pem: bytes):
        """Raises ``ValueError``."""
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("The signing key is not an Ed25519 private key in PEM form.")
        self.signing = key
        self.public = key.public_key()
        self.kid = _key_id(self.public)
        self.retired: dict[str, _Retired] = {}
        for since, block in _RETIRED.findall(pem):
            older = load_pem_public_key(block)
            moment = datetime.fromisoformat(since.decode())
            if not isinstance(older, Ed25519PublicKey) or moment.tzinfo is None:
                raise ValueError("An older key is not an Ed25519 public key with a time.")
            self.retired[_key_id(older)] = _Retired(older, moment)

    def find(self, kid: object) -> Ed25519PublicKey | None:
        """The accepted key of that id."""
        if kid == self.kid:
            return self.public
        older = self.retired.get(kid) if isinstance(kid, str) else None
        return older.key if older and older.accepted else None

    def accepted(self) -> list[Ed25519PublicKey]:
        """The accepted keys, the one that signs first."""
        return [self.public, *(each.key for each in self.retired.values() if each.accepted)]


class TokenSigner:
    """Signs with one private key, and verifies with it and with those that came before it."""

    def __init__(self, pem: bytes):
        self._keys = _Keys(pem)
        self._verified = VerifiedTokens()
        self._path: Path | None = None
        self._version: _Version | None = None
        self._looked_at = 0.0

    @classmethod
    def load(cls, path: Path) -> "TokenSigner":
        """The signer of the keys in ``path``, see ``generate_signing_key``; it follows the file.

        Raises ``SigningKeyError`` when it is missing or damaged.
        """
        version = _version(path)
        with _reading(path):
            signer = cls(path.read_bytes())
        signer._path, signer._version, signer._looked_at = path, version, time.monotonic()
        return signer

    @property
    def kid(self) -> str:
        """The id of the key that signs."""
        return self._keys.kid

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token of these claims; the issuer is added, ``iat`` and ``exp`` are the caller's."""
        self._look(_LOOK_SECONDS)
        keys = self._keys
        return jwt.encode(
            {**claims, "iss": ISSUER}, keys.signing, algorithm=_ALGORITHM, headers={"kid": keys.kid}
        )

    def verify(self, token: str, *, audience: str) -> Mapping[str, Any]:
        """The claims of a token that one of these keys signed for ``audience`` and that is valid.

        Raises ``Unauthenticated``.
        """
        try:
            known = self._verified.find(token, audience)
            if known is not None:
                self._find_key(known.kid)  # which may be accepted no more
                return known.claims
            kid = jwt.get_unverified_header(token).get("kid")
            claims = jwt.decode(
                token,
                self._find_key(kid),
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=audience,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated(
                "The access token has expired.", remedy="Use the refresh token to get another."
            ) from error
        except jwt.InvalidTokenError as error:
            raise Unauthenticated(
                "The access token is not valid.", remedy="Sign in again."
            ) from error
        self._verified.keep(token, audience, VerifiedToken(kid, claims))
        return claims

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The accepted public keys as a JSON Web Key Set (RFC 7517)."""
        self._look(_LOOK_SECONDS)
        return {"keys": [_json_web_key(key) for key in self._keys.accepted()]}

    def _find_key(self, kid: object) -> Ed25519PublicKey:
        self._look(_LOOK_SECONDS)
        key = self._keys.find(kid)
        if key is None:  # another process may have begun to sign with a new one
            self._look(_LOOK_FOR_UNKNOWN_SECONDS)
            key = self._keys.find(kid)
        if key is None:
            raise jwt.InvalidTokenError("The token names a key that is not accepted.")
        return key

    def _look(self, at_most_every_seconds: float) -> None:
        """Read the file again if it changed. One that cannot be used is logged, not taken."""
        if self._path is None or time.monotonic() - self._looked_at < at_most_every_seconds:
            return
        self._looked_at = time.monotonic()
        version = _version(self._path)
        if version == self._version:
            return
        self._version = version
        try:
            with _reading(self._path):
                self._keys = _Keys(self._path.read_bytes())
        except SigningKeyError as error:
            _log.error("signing_keys.unusable", reason=error.message)
        else:
            _log.info("signing_keys.changed", kid=self._keys.kid)


def new_signing_key() -> bytes:
    """A new Ed25519 private key as PEM."""
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def generate_signing_key(path: Path) -> None:
    """Write a new key to ``path`` with mode 0600; a file that exists is an error."""
    create_private_file(path, new_signing_key())


def rotate_signing_key(path: Path) -> str:
    """Sign with a new key from now on, and accept the present one until its tokens expire.

    The file is replaced in one step; processes that use it follow within seconds. Returns the id
    of the new key. Raises ``SigningKeyError`` when there is no usable key to begin with.
    """
    with _reading(path):
        keys = _Keys(path.read_bytes())
    older = [each for each in keys.retired.values() if each.accepted]
    older.insert(0, _Retired(keys.public, now()))
    pem = new_signing_key()
    replace_private_file(path, pem + b"".join(map(_as_pem, older)))
    return _Keys(pem).kid


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raises ``SigningKeyError`` for what makes the file unusable."""
    try:
        yield
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(
            f"The file at {path} does not hold a signing key ({type(error).__name__}).",
            remedy="Put your copy of it back, or remove it and make another one with "
            "`autodeploy secrets`: whoever is logged in then has to log in again.",
        ) from error


def _version(path: Path) -> _Version | None:
    """What is another after each replacement of the file; None while there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(_raw(key)).hexdigest()[:16]


def _json_web_key(key: Ed25519PublicKey) -> dict[str, str]:
    x = urlsafe_b64encode(_raw(key)).decode().rstrip("=")
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": x,
        "kid": _key_id(key),
        "use": "sig",
        "alg": _ALGORITHM,
    }


def _as_pem(retired: _Retired) -> bytes:
    block = retired.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"Retired: {retired.since.isoformat()}\n".encode() + block
