"""Signed tokens: JWT with Ed25519 (RFC 8037), each naming its key by ``kid``."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from autodeploy.kernel.errors import AutoDeployError, Unauthenticated
from autodeploy.kernel.private_files import create_private_file

ISSUER = "autodeploy"


class SigningKeyError(AutoDeployError):
    """The file of the signing key is missing or damaged."""

    code = "signing_key_unusable"


class TokenSigner:
    """Signs and verifies with one private key, given as PEM."""

    def __init__(self, pem: bytes):
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("The signing key is not an Ed25519 private key in PEM form.")
        self._key = key
        self._public = key.public_key()
        self._raw = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.kid = hashlib.sha256(self._raw).hexdigest()[:16]

    @classmethod
    def load(cls, path: Path) -> "TokenSigner":
        """The signer of the key in ``path``, see ``generate_signing_key``.

        Raises ``SigningKeyError`` when it is missing or damaged.
        """
        try:
            return cls(path.read_bytes())
        except (FileNotFoundError, ValueError, UnsupportedAlgorithm) as error:
            raise SigningKeyError(
                f"The file at {path} does not hold a signing key ({type(error).__name__}).",
                remedy="Put your copy of it back, or remove it and make another one with "
                "`autodeploy secrets`: whoever is logged in then has to log in again.",
            ) from error

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token of these claims; the issuer is added, ``iat`` and ``exp`` are the caller's."""
        return jwt.encode(
            {**claims, "iss": ISSUER}, self._key, algorithm="EdDSA", headers={"kid": self.kid}
        )

    def verify(self, token: str, *, audience: str) -> dict[str, Any]:
        """The claims of a token that this key signed for ``audience`` and that is still valid.

        Raises ``Unauthenticated``.
        """
        try:
            return jwt.decode(
                token,
                self._public,
                algorithms=["EdDSA"],
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

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as a JSON Web Key Set (RFC 7517)."""
        x = urlsafe_b64encode(self._raw).decode().rstrip("=")
        key = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "use": "sig"}
        return {"keys": [{**key, "alg": "EdDSA"}]}


def new_signing_key() -> bytes:
    """A new Ed25519 private key as PEM."""
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def generate_signing_key(path: Path) -> None:
    """Write a new key to ``path`` with mode 0600; a file that exists is an error."""
    create_private_file(path, new_signing_key())
