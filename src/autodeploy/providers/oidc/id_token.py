"""ID tokens: OpenID Connect Core 1.0, section 3.1.3.7."""

import hmac
from typing import Any

import jwt

from autodeploy.providers.oidc.discovery import Discovery, Jwk

# Only signatures that the issuer alone can make: "none" and HMAC (whose key a client holds) are
# not among them.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
              "EdDSA")  # fmt: skip
_LEEWAY_SECONDS = 60


class IdTokenInvalid(Exception):
    """The ID token cannot be trusted; the text says why."""


async def verify_id_token(
    token: str, discovery: Discovery, *, client_id: str, nonce: str
) -> dict[str, Any]:
    """The claims of an ID token that the issuer signed for us, now, for this attempt.

    Raises ``IdTokenInvalid``, and what fetching the keys raises.
    """
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise IdTokenInvalid("it is not a signed token") from None
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise IdTokenInvalid("its signature is of a kind that is not accepted")
    key = await _find_key(discovery, header.get("kid"), algorithm)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=discovery.issuer,
            audience=client_id,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
    except jwt.InvalidTokenError as error:
        raise IdTokenInvalid(_reason(error)) from None
    parties = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if (len(parties) > 1 or "azp" in claims) and claims.get("azp") != client_id:
        raise IdTokenInvalid("it was issued to another client")
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise IdTokenInvalid("it belongs to another sign-in (nonce)")
    return claims


async def _find_key(discovery: Discovery, kid: object, algorithm: str) -> jwt.PyJWK:
    """The key that the token names; keys are asked for again when it is a new one."""
    for fresh in (False, True):
        keys = [key for key in await discovery.keys(fresh=fresh) if _signs(key, algorithm)]
        # A token without a kid is allowed where there is one key to choose from.
        named = [key for key in keys if key.get("kid") == kid] if kid is not None else keys
        if len(named) == 1:
            return _load(named[0], algorithm)
    raise IdTokenInvalid("the issuer publishes no key, or no single one, that it names")


def _signs(key: Jwk, algorithm: str) -> bool:
    """Whether the key is meant for signatures of this algorithm; many do not name theirs."""
    family = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}[algorithm[:2]]
    return (
        key.get("use", "sig") == "sig"
        and key.get("kty") == family
        and key.get("alg", algorithm) == algorithm
    )


def _load(key: Jwk, algorithm: str) -> jwt.PyJWK:
    try:
        return jwt.PyJWK(key, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise IdTokenInvalid("the issuer publishes a key that cannot be used") from None


def _reason(error: jwt.InvalidTokenError) -> str:
    reasons = {
        jwt.ExpiredSignatureError: "it has expired",
        jwt.ImmatureSignatureError: "it is not valid yet",
        jwt.InvalidIssuerError: "it is of another issuer",
        jwt.InvalidAudienceError: "it was issued to another client",
        jwt.InvalidSignatureError: "its signature is wrong",
        jwt.MissingRequiredClaimError: "a claim that every ID token has is missing",
    }
    return next((text for kind, text in reasons.items() if isinstance(error, kind)),
                "it is malformed")  # fmt: skip
